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

#: The uid_map of the initial user namespace (user_namespaces(7)).
IDENTITY = ((0, 0, 4294967295),)


class Evidence(Record):
    """What the kernel says of one process (/proc/PID/status).

    `pid` is the engine host's; `uids` are real, effective, saved and file system uid; `sets` are
    the five masks in the order of `capabilities.SETS`. `seccomp` is the mode, 0 without a filter, 1
    strict, 2 with a filter, None where the kernel does not tell. `uid_map` are the lines of
    /proc/PID/uid_map, each as first uid inside, first uid outside, and how many.
    """

    pid: int
    uids: tuple[int, int, int, int]
    sets: tuple[int, int, int, int, int]
    no_new_privileges: bool
    seccomp: int | None = None
    uid_map: tuple[tuple[int, int, int], ...] = ()

    @property
    def mapped(self) -> bool:
        """Whether the process is in another user namespace than the host's first one.

        Only what is clearly so counts: capabilities weigh less there.
        """
        return self.uid_map not in ((), IDENTITY)


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
