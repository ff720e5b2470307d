"""Guessing at the best and at the worst: the truth, whatever it is, lies between."""

from __future__ import annotations

import pytest

from saferun.formats import container_user, guesses, image_reference
from saferun.formats.docker_run.spec import to_spec
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.formats.guesses import Blind
from saferun.judge.checks import CONTROLS, control
from saferun.judge.evaluate import evaluate
from saferun.judge.rules import Asking
from tests.judging import command, decide, known, layers_of

CASES = [
    pytest.param(case.law, case.words, id=f"{name}: {case.law!r} {case.words}")
    for name in CONTROLS
    for case in (*control(name).passes, *control(name).refuses)
]


def unseen(words: str) -> tuple[list[Facts], Blind, frozenset[str]]:
    """Return what can be known of a command line with nothing to look at, for each user."""
    read = command(words)
    names = image_reference.asked(read.image)
    tags = tuple(f"{repository}:{tag}" for repository, tag in names.names if tag)
    user = read.last("user") or ""
    uid = container_user.uid(user, None) if user else None
    facts = Facts(
        ImageFacts("", "", "", tags=tags),
        uid=uid,
        gid=container_user.gid(user, None, None) if user else None,
        groups=tuple(None for _ in read.all("group-add")),
        sockets=known(read).sockets,
        profiles=known(read).profiles,
        directory="/work",
    )
    blind = Blind(engine=True, image=True, user=uid is None)
    each = [facts] if uid is not None else [facts.replace(uid=0), facts]
    return each, blind, guesses.unsettled(facts, read, blind)


@pytest.mark.parametrize(("law", "words"), CASES)
def test_the_truth_is_between_the_guesses(law: str, words: str) -> None:
    """What is found in any case is true, and what is true is found, or found perhaps."""
    read = command(words)
    each, blind, spared = unseen(words)
    layers = layers_of(
        law, Asking(image_reference.asked(read.image), 1000, frozenset((1000,)), "2026-06-01")
    )
    at_best = tuple(
        tuple(
            one
            for one in evaluate(to_spec(read, guesses.best(facts, blind)), layers).violations
            if one.check not in spared
        )
        for facts in each
    )
    at_worst = tuple(
        evaluate(to_spec(read, guesses.worst(facts, blind)), layers).violations for facts in each
    )
    sure, perhaps = guesses.divided(at_best, at_worst)
    truth = {one.check for one in decide(law, words).violations}
    assert {one.check for one in sure} <= truth
    assert truth <= {one.check for one in (*sure, *perhaps)}
