"""What a look at the world came to: one line a check, each pass, fail or cannot tell.

A check that could not see never passes, and a group of checks that ended early still has a line for
every check in it.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal, TypeAlias

    Outcome: TypeAlias = Literal["pass", "fail", "cannot tell"]

PASS: Outcome = "pass"  # noqa: S105 - no password
FAIL: Outcome = "fail"
UNCLEAR: Outcome = "cannot tell"

#: Every check there is, in the order in which they are told. docs/doctor.md has a heading for each.
CHECKS: tuple[str, ...] = (
    "cli.found",
    "cli.version",
    "cli.loop",
    "engine.reachable",
    "engine.socket",
    "engine.version",
    "engine.platform",
    "engine.runtime",
    "engine.storage",
    "engine.cgroup",
    "engine.rootless",
    "engine.userns",
    "engine.seccomp",
    "engine.lsm",
    "engine.no-new-privileges",
    "gate.architecture",
    "gate.volume",
    "gate.content",
    "gate.runs",
    "canary.control",
    "canary.drop",
    "canary.add",
    "canary.inheritable",
    "canary.no-new-privileges",
    "canary.exec",
    "canary.restart",
    "canary.record",
    "canary.removed",
    "outside.local",
    "outside.hidepid",
    "outside.process",
    "policy.system",
    "policy.files",
    "policy.trust",
    "policy.valid",
)


class Line(Record):
    """What one check came to: its id, the outcome, what was seen, and what to do about it."""

    id: str
    outcome: Outcome
    seen: str
    advice: str = ""


def passed(check: str, seen: str) -> Line:
    """Return the line of a check that found things to be as they should be."""
    return Line(check, PASS, seen)


def failed(check: str, seen: str, advice: str) -> Line:
    """Return the line of a check that found something wrong."""
    return Line(check, FAIL, seen, advice)


def unclear(check: str, why: str, advice: str = "") -> Line:
    """Return the line of a check that could not see."""
    return Line(check, UNCLEAR, why, advice)


def complete(lines: Iterable[Line], why: str) -> tuple[Line, ...]:
    """Return the lines in the order of `CHECKS`, with one more for each check that has none."""
    told = tuple(lines)
    silent = [unclear(check, why) for check in CHECKS if all(one.id != check for one in told)]
    return tuple(sorted((*told, *silent), key=lambda line: CHECKS.index(line.id)))


def overall(lines: Iterable[Line]) -> Outcome:
    """Return fail if any line is, else cannot tell if any line is, or if there is none at all."""
    outcomes = {line.outcome for line in lines}
    if FAIL in outcomes:
        return FAIL
    return PASS if outcomes == {PASS} else UNCLEAR
