"""oom-score-adj: who is ended first when memory is short."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.spec import UNLIMITED
from saferun.judge.values.amounts import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse less than the limit."""
    limit = law.limit("oom-score-adj")
    least, origins = limit.most(number) if limit else (None, ())
    asked = spec.oom_score_adj or 0
    if least is not None and (asked < least or asked >= UNLIMITED):
        yield Violation(
            "oom-score-adj",
            f"--oom-score-adj: {asked} is less than allowed",
            f"at least {least}",
            origins,
            f"ask for --oom-score-adj={least} or more",
            "oom-score-adj",
        )


CONTROL = Control(
    "oom-score-adj",
    "The score adjustment must be at least this much: with a lower one the kernel ends "
    "other processes of the host first. Silence is 0.",
    ("proc_pid_oom_score_adj(5)",),
    check,
    (
        Case("[limits]\noom-score-adj = 0", "--oom-score-adj=100 busybox"),
        Case("[limits]\noom-score-adj = 0", "busybox"),
    ),
    (
        Case("[limits]\noom-score-adj = 0", "--oom-score-adj=-500 busybox"),
        Case("[limits]\noom-score-adj = 100", "busybox"),
    ),
)
