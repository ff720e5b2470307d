"""cpus: how many processors the container may use."""

from __future__ import annotations

from saferun.judge.amount import at_most
from saferun.judge.control import Case, Control
from saferun.judge.values.amounts import processors, show_processors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse more than the limit, or none where some is required; add the limit."""
    return at_most(law, "cpus", spec.cpus, processors, show_processors)


CONTROL = Control(
    "cpus",
    "The container may use at most this many processors, given as `--cpus` or as a quota "
    "of a period. A command line that says nothing gets the limit; `[require] cpus` asks "
    "only that there is one.",
    (
        "CIS Docker Benchmark 5.12",
        "OWASP Docker Security Cheat Sheet, rule 7",
    ),
    check,
    (
        Case("[limits]\ncpus = 1.5", "busybox"),
        Case("[limits]\ncpus = 1", "--cpu-quota=50000 busybox"),
    ),
    (
        Case("[limits]\ncpus = 1.5", "--cpus=2 busybox"),
        Case("[limits]\ncpus = 1", "--cpu-quota=200000 busybox"),
        Case("[require]\ncpus = true", "busybox"),
    ),
)
