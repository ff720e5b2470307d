"""memory: how much of the host's memory the container may use."""

from __future__ import annotations

from saferun.judge.amount import at_most
from saferun.judge.control import Case, Control
from saferun.judge.values.amounts import show_size, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse more memory than the limit, or none where some is required; add the limit."""
    return at_most(law, "memory", spec.memory, size, show_size)


CONTROL = Control(
    "memory",
    "The container may use at most this much memory. A command line that asks for more, or for no "
    "limit with --memory=0, is refused; one that says nothing gets the limit. `[require] memory` "
    "asks only that there is a limit.",
    (
        "CIS Docker Benchmark 5.11",
        "OWASP Docker Security Cheat Sheet, rule 7",
        "cgroups(7)",
    ),
    check,
    (
        Case('[limits]\nmemory = "64m"', "--memory=64m busybox"),
        Case('[limits]\nmemory = "64m"', "busybox"),
        Case("[require]\nmemory = true", "-m 32m busybox"),
    ),
    (
        Case('[limits]\nmemory = "64m"', "--memory=65m busybox"),
        Case('[limits]\nmemory = "64m"', "--memory=0 busybox"),
        Case("[require]\nmemory = true", "busybox"),
    ),
)
