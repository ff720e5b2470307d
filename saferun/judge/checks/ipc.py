"""ipc: whose shared memory the container sees."""

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
    """Refuse what the list for `ipc` does not name."""
    return words(law, "ipc", spec.ipc)


CONTROL = Control(
    "ipc",
    "The container's IPC namespace must be one that the list names: `private`, as when "
    "nothing is said, `shareable`, `none`, `host`, or `container:NAME`. Joining a "
    "container that has the host's counts as the host's as well.",
    (
        "Pod Security Standards, baseline: host namespaces",
        "CIS Docker Benchmark 5.17",
        "ipc_namespaces(7)",
    ),
    check,
    (
        Case('[limits]\nipc = ["private", "none"]', "busybox"),
        Case('[limits]\nipc = ["private", "none"]', "--ipc=none busybox"),
    ),
    (
        Case('[limits]\nipc = ["private"]', "--ipc=host busybox"),
        Case('[limits]\nipc = ["private"]', "--ipc=shareable busybox"),
        Case('[limits]\nipc = ["container:*"]', "--ipc=container:ipchost busybox"),
    ),
)
