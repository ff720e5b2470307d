"""Each law in policies/ is what its header says."""

from __future__ import annotations

from pathlib import Path

import pytest

from saferun.formats.policy_toml import parse
from saferun.judge.policy import BUILT_IN, Layer, Statement, limit, requirement

POLICIES = Path(__file__).parent.parent / "policies"
NOWHERE = BUILT_IN.statements[0].origin


def read(path: Path) -> tuple[Statement, ...]:
    statements, mistakes = parse(path.read_bytes(), str(path))
    assert [str(mistake) for mistake in mistakes] == []
    return statements


def test_the_default_law_is_the_built_in_law() -> None:
    """Whoever starts from the file starts from what holds without it."""
    statements = read(POLICIES / "default.toml")
    assert {one.replace(origin=NOWHERE) for one in statements} == {
        one.replace(origin=NOWHERE) for one in BUILT_IN.statements
    }
    assert {one.origin.key for one in statements} == {one.origin.key for one in BUILT_IN.statements}


@pytest.mark.parametrize("whom", ["root", "nonroot"])
def test_installing_the_default_law_changes_no_decision(whom: str) -> None:
    """As the system's file it binds users, and allows and requires what is built in."""
    installed = (BUILT_IN, Layer("system", read(POLICIES / "default.toml")))
    for key in ("cap-add", "privileged", "verify"):
        before, after = limit((BUILT_IN,), whom, key), limit(installed, whom, key)
        assert (before and before.value) == (after and after.value)
    assert {one.value for one in requirement(installed, whom, "cap-drop")} == {
        one.value for one in requirement((BUILT_IN,), whom, "cap-drop")
    }


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.toml")), ids=lambda path: path.name)
def test_every_shipped_law_is_valid_and_says_what_it_is_for(path: Path) -> None:
    """A header comes first, and the version of the language is stated."""
    read(path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# The ")
    assert "\nschema = 1\n" in text
