"""Options for security as engines complete them."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.security_options import (
    canonical,
    is_filtered,
    with_engine_defaults,
)
from saferun.formats.engine_api import EngineFacts, ImageFacts
from saferun.formats.facts import Facts

OFF, ON = "no-new-privileges=false", "no-new-privileges=true"


def facts(*, hardened: bool = False, seccomp: str = "default") -> Facts:
    """What is known of an engine that sets no-new-privileges by default, or does not."""
    engine = EngineFacts(
        "runc", "json-file", seccomp, "2", userns=False, no_new_privileges=hardened
    )
    return Facts(ImageFacts("", "", ""), engine=engine)


@pytest.mark.parametrize(
    ("options", "hardened", "result"),
    [
        ((), True, (ON,)),
        (("label=disable",), True, ("label=disable", ON)),
        ((OFF,), True, (OFF,)),
        ((ON,), True, (ON,)),
        ((), False, ()),
        ((OFF,), False, (OFF,)),
    ],
)
def test_an_engine_adds_no_new_privileges_only_where_it_does_so_and_nothing_was_said(
    options: tuple[str, ...], result: tuple[str, ...], *, hardened: bool
) -> None:
    """What the command line turns off stays off."""
    assert with_engine_defaults(options, facts(hardened=hardened)) == result


def test_of_an_unknown_engine_nothing_is_supposed() -> None:
    """Neither that it adds something nor that it filters."""
    unknown = Facts(ImageFacts("", "", ""))
    assert with_engine_defaults((), unknown) == ()
    assert is_filtered((), unknown, privileged=False) is None


@pytest.mark.parametrize(("profile", "filtered"), [("default", True), ("", False)])
def test_without_a_profile_the_engines_own_counts(profile: str, *, filtered: bool) -> None:
    """Some are built without seccomp."""
    assert is_filtered((), facts(seccomp=profile), privileged=False) is filtered


def test_options_after_the_switch_for_labels_are_read_as_well() -> None:
    """And a word without a value is kept as it is."""
    assert canonical(("disable", "apparmor=x", "odd"), {}) == ("apparmor=x", "odd", "label=disable")


def test_options_after_a_seccomp_profile_are_read_as_well() -> None:
    """And so are those before it."""
    options = ("systempaths=unconfined", "seccomp=p.json", "apparmor=x")
    assert canonical(options, {"p.json": "sha256:1"}) == (
        "systempaths=unconfined",
        "seccomp=sha256:1",
        "apparmor=x",
    )


@pytest.mark.parametrize(
    ("option", "result"),
    [("no-new-privileges", ON), ("no-new-privileges:true", ON), ("no-new-privileges=false", OFF)],
)
def test_no_new_privileges_needs_no_value(option: str, result: str) -> None:
    """The bare word turns it on."""
    assert canonical((option,), {}) == (result,)
