"""After: do the kernel's own figures agree with what was allowed.

A check that could not see says "unverified"; it never guesses.
"""

from __future__ import annotations

from saferun.judge.capabilities import SETS, names_of
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from saferun.judge.decision import Masks

    Outcome: TypeAlias = Literal["confirmed", "contradicted", "unverified"]


class Evidence(Record):
    """What the kernel says of one process (/proc/PID/status).

    `pid` is the engine host's; `uids` are real, effective, saved and file system uid; `sets` are
    the five masks in the order of `capabilities.SETS`.
    """

    pid: int
    uids: tuple[int, int, int, int]
    sets: tuple[int, int, int, int, int]
    no_new_privileges: bool


class Verdict(Record):
    """What the evidence says: confirmed, contradicted, or unverified; and why."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def verify(evidence: tuple[Evidence, ...], masks: Masks) -> Verdict:
    """Hold each process against the masks; no evidence is no confirmation."""
    if not evidence:
        return Verdict("unverified", ("no process of the container could be read",))
    reasons = tuple(reason for process in evidence for reason in _excess(process, masks))
    return Verdict("contradicted" if reasons else "confirmed", reasons, evidence)


def _excess(process: Evidence, masks: Masks) -> list[str]:
    # The gate has measured the container's user, before the command's first instruction. Since then
    # root may have become somebody else, as in many images, and its bounding set goes with it.
    allowed = masks.root | masks.other
    who = f"process {process.pid} (uid {process.uids[1]})"
    reasons = [
        f"{who} holds {' '.join(names_of(held & ~allowed))} in {name}"
        for name, held in zip(SETS, process.sets, strict=True)
        if held & ~allowed
    ]
    if masks.no_new_privileges and not process.no_new_privileges:
        reasons.append(f"{who} runs without no-new-privileges")
    return reasons
