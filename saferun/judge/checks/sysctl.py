"""sysctl: which kernel parameters are set."""

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
    """Refuse what the list for `sysctl` does not cover."""
    asked = ((f"--sysctl={name}={value}", (name, value)) for name, value in spec.sysctls)
    return unlisted(law, "sysctl", asked, settings.covers)


CONTROL = Control(
    "sysctl",
    "Every kernel parameter must be covered by an item of the list: a dotted name in "
    "which `*` stands for any part of one name and `**` for any number of names, with "
    "`=VALUE` for one value only. `net.ipv4/ip_forward` is the same as "
    "`net.ipv4.ip_forward`.",
    (
        "Pod Security Standards, baseline: sysctls",
        "runc libcontainer: separators",
    ),
    check,
    (
        Case(
            '[limits]\nsysctl = ["net.ipv4.*"]',
            "--sysctl net.ipv4.ip_unprivileged_port_start=80 busybox",
        ),
        Case('[limits]\nsysctl = ["net.**"]', "--sysctl net.ipv4.conf.all.forwarding=0 busybox"),
    ),
    (
        Case(
            '[limits]\nsysctl = ["net.ipv4.*"]', "--sysctl net.ipv4.conf.all.forwarding=1 busybox"
        ),
        Case("[limits]\nsysctl = []", "--sysctl kernel.msgmax=65536 busybox"),
        Case(
            '[[deny]]\nreason = "no routing"\nsysctl = ["net.ipv4.ip_forward"]',
            "--sysctl net.ipv4/ip_forward=1 busybox",
        ),
    ),
)
