"""tmpfs: what is mounted in memory."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse file systems in memory where the list does not cover them."""
    mounts = [one for one in spec.mounts if one.kind == "tmpfs"]
    asked = ((one.asked or f"a file system in memory at {one.target}", one) for one in mounts)
    return unlisted(law, "tmpfs", asked, tmpfs.covers, tmpfs.touches)


CONTROL = Control(
    "tmpfs",
    "Every file system in memory must be covered by a path of the list. `exec`, `suid` "
    "and `dev`, which undo the engine's noexec, nosuid and nodev, must be named: "
    "`/tmp:exec`.",
    (
        "moby: tmpfs are noexec, nosuid and nodev",
        "NSA/CISA Kubernetes Hardening Guidance: immutable container file systems",
    ),
    check,
    (
        Case('[limits]\ntmpfs = ["/tmp"]', "--tmpfs /tmp:size=1m busybox"),
        Case('[limits]\ntmpfs = ["/tmp:exec"]', "--tmpfs /tmp/x:exec busybox"),
    ),
    (
        Case('[limits]\ntmpfs = ["/tmp"]', "--tmpfs /run busybox"),
        Case('[limits]\ntmpfs = ["/tmp"]', "--tmpfs /tmp:exec busybox"),
        Case('[limits]\ntmpfs = ["/tmp"]', "--mount type=tmpfs,dst=/run busybox"),
    ),
)
