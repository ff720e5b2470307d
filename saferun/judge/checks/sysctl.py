"""sysctl: which kernel parameters the container sets for its namespaces."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every kernel parameter that the law does not name."""
    asked = ((f"--sysctl={name}={value}", (name, value)) for name, value in spec.sysctls)
    hint = "leave it out; to allow it, a policy has to name it, as in net.ipv4.ip_forward"
    return unlisted(law, "sysctl", asked, settings.covers, hint=hint)


CONTROL = Control(
    "sysctl",
    "Every kernel parameter must be one that the list names, with or without a value: "
    "`net.ipv4.ip_unprivileged_port_start`, `net.ipv4.tcp_*`, `net.**`, `kernel.shmmax=65536`. "
    "`*` does not cross a dot. `kernel/msgmax` is the same as `kernel.msgmax`, and 0x10 the same "
    "as 16, as for the runtime and the kernel.",
    (
        "Pod Security Standards, baseline: sysctls",
        "runc libcontainer: dots in a name are slashes below /proc/sys",
        "proc_sys(5)",
    ),
    check,
    (
        Case(
            '[limits]\nsysctl = ["net.ipv4.ip_unprivileged_port_start"]',
            "--sysctl net.ipv4.ip_unprivileged_port_start=80 busybox",
        ),
        Case('[limits]\nsysctl = ["net.**"]', "--sysctl net.ipv4/ip_forward=0 busybox"),
        Case('[limits]\nsysctl = ["kernel.shmmax=65536"]', "--sysctl kernel.shmmax=65536 busybox"),
    ),
    (
        Case("[limits]\nsysctl = []", "--sysctl kernel.msgmax=65536 busybox"),
        Case('[limits]\nsysctl = ["net.*"]', "--sysctl net.ipv4.ip_forward=1 busybox"),
        Case('[limits]\nsysctl = ["kernel.shmmax=65536"]', "--sysctl kernel.shmmax=65537 busybox"),
        Case(
            '[[deny]]\nreason = "no routers"\nsysctl = ["net.ipv4.ip_forward=1"]',
            "--sysctl net.ipv4/ip_forward=0x1 busybox",
        ),
    ),
)
