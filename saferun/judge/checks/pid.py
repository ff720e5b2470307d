"""pid: whose processes the container sees, and may signal."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a PID namespace that the law does not name."""
    return words(law, "pid", spec.pid)


CONTROL = Control(
    "pid",
    "The container's PID namespace must be one that the list names: `private` (its own, as when "
    "nothing is said), `host`, or `container:NAME`. Joining a container that has the host's counts "
    "as the host's as well.",
    (
        "Pod Security Standards, baseline: host namespaces",
        "CIS Docker Benchmark 5.16",
        "pid_namespaces(7)",
    ),
    check,
    (
        Case('[limits]\npid = ["private"]', "busybox"),
        Case('[limits]\npid = ["host"]', "--pid=host busybox"),
        Case('[limits]\npid = ["private", "container:*"]', "--pid=container:etc busybox"),
    ),
    (
        Case('[limits]\npid = ["private"]', "--pid=host busybox"),
        Case('[limits]\npid = ["container:*"]', "--pid=container:pidhost busybox"),
        Case("[limits]\npid = []", "busybox"),
    ),
)
