"""ipc: whose shared memory, semaphores and message queues the container reaches."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

#: Words that give no more than a word does.
INCLUDED = {"private": ("none",), "shareable": ("none", "private")}


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse an IPC namespace that the law does not name."""
    asked = ((f"--ipc={word}", word) for word in spec.ipc)
    return unlisted(law, "ipc", asked, covers, globs.covers)


def covers(pattern: str, word: str) -> bool:
    """Tell whether a law's item permits a word."""
    return globs.covers(pattern, word) or word in INCLUDED.get(pattern, ())


CONTROL = Control(
    "ipc",
    "The container's IPC namespace must be one that the list names: `none`, `private` (its own, as "
    "when nothing is said), `shareable` (its own, which others may join), `host`, or "
    "`container:NAME`. `private` permits `none`, and `shareable` permits both, as they give less. "
    "Joining a container that has the host's counts as the host's as well.",
    (
        "Pod Security Standards, baseline: host namespaces",
        "CIS Docker Benchmark 5.17",
        "ipc_namespaces(7)",
    ),
    check,
    (
        Case('[limits]\nipc = ["private"]', "busybox"),
        Case('[limits]\nipc = ["private"]', "--ipc=none busybox"),
        Case('[limits]\nipc = ["shareable"]', "--ipc=private busybox"),
        Case('[limits]\nipc = ["host"]', "--ipc=host busybox"),
        Case('[limits]\nipc = ["container:*"]', "--ipc=container:etc busybox"),
    ),
    (
        Case('[limits]\nipc = ["private"]', "--ipc=host busybox"),
        Case('[limits]\nipc = ["private"]', "--ipc=shareable busybox"),
        Case('[limits]\nipc = ["none"]', "busybox"),
        Case('[limits]\nipc = ["container:*"]', "--ipc=container:ipchost busybox"),
    ),
)
