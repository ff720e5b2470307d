"""The gate and the judge call capabilities by the same names."""

from __future__ import annotations

import re
from pathlib import Path

from saferun.judge.capabilities import NAMES, SETS

SOURCE = (Path(__file__).parents[2] / "saferun/gate/gate.c").read_text()


def listed(declaration: str) -> tuple[str, ...]:
    """Return the strings in an array of gate.c."""
    found = re.search(re.escape(declaration) + r".*?= \{(.*?)\};", SOURCE, re.DOTALL)
    assert found is not None
    return tuple(re.findall(r'"(\w+)"', found[1]))


def test_capabilities_are_in_the_same_order() -> None:
    """A bit means the same in both: one list was copied from linux/capability.h, as the other."""
    assert listed("static const char *const names[]") == NAMES


def test_sets_are_in_the_same_order() -> None:
    """That of /proc/PID/status."""
    assert listed("static const char set_names[SETS][8]") == SETS
