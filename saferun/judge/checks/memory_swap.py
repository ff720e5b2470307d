"""memory-swap: how much memory and swap the container may use together."""

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
    """Refuse more than the limit, or none where some is required; add the limit."""
    return at_most(law, "memory-swap", spec.memory_swap, size, show_size)


CONTROL = Control(
    "memory-swap",
    "Memory and swap together must be at most this much. Where only memory is limited, "
    "engines allow as much swap again. Docker takes a limit on both only with one on "
    "memory.",
    (
        "docker run reference: --memory-swap",
        "cgroups(7)",
    ),
    check,
    (
        Case('[limits]\nmemory = "32m"\nmemory-swap = "64m"', "busybox"),
        Case('[limits]\nmemory-swap = "64m"', "-m 32m busybox"),
    ),
    (
        Case('[limits]\nmemory-swap = "64m"', "-m 64m busybox"),
        Case('[limits]\nmemory-swap = "64m"', "-m 32m --memory-swap=-1 busybox"),
    ),
)
