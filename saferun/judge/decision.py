"""What the judge answers: violations, obligations, and the sets that must hold afterwards."""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.policy import Origin
    from saferun.judge.rules import Match


class Violation(Record):
    """One reason why a container may not run.

    `check` is the id of the control; `reason` is always shown, `detail` names what was at fault;
    `origins` are the statements that forbid it; `hint` says what could be done. `key` is the key
    whose limit was exceeded, empty for any other fault: a default that exceeds one is cut down.
    """

    check: str
    reason: str
    detail: str = ""
    origins: tuple[Origin, ...] = ()
    hint: str = ""
    key: str = ""


class Obligation(Record):
    """What must also be asked of the engine for a permission to stand (XACML's word).

    `flag` and `value` are docker run's: a door that can rewrite adds them, one that cannot refuses.
    """

    check: str
    flag: str
    value: str
    reason: str
    origins: tuple[Origin, ...] = ()


class Masks(Record):
    """What each of a process's five capability sets may hold at most, as 64-bit masks.

    `root` is for a process whose uid is 0, `other` for every other; `no_new_privileges` tells
    whether the kernel's flag of that name must be set as well.
    """

    root: int
    other: int
    no_new_privileges: bool = False


class Decision(Record):
    """The answer to one container: allowed when nothing is violated.

    A permission carries its conditions: it stands only together with its obligations, and only
    while every process keeps within `masks`. `matches` are the [[allow]] and [[deny]] in force.
    """

    violations: tuple[Violation, ...]
    obligations: tuple[Obligation, ...]
    masks: Masks
    matches: tuple[Match, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the container may run, provided that the obligations are met."""
        return not self.violations
