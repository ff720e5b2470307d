"""oom-kill-disable: whether the container may survive a host without memory."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse it where a limit says false."""
    limit = law.limit("oom-kill-disable")
    against = limit.against_switch() if limit and spec.oom_kill_disable else ()
    if against:
        yield Violation(
            "oom-kill-disable",
            "--oom-kill-disable is not allowed",
            origins=against,
            hint="leave out --oom-kill-disable",
            key="oom-kill-disable",
        )


CONTROL = Control(
    "oom-kill-disable",
    "`--oom-kill-disable` is refused where a limit says false: the kernel would end other "
    "processes instead.",
    (
        "cgroups(7), memory controller",
        "docker run reference: only together with a memory limit",
    ),
    check,
    (Case("[limits]\noom-kill-disable = false", "busybox"),),
    (Case("[limits]\noom-kill-disable = false", "--oom-kill-disable busybox"),),
)
