"""health-check: whether the engine can tell that the container works."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse a container without a health check where one is required."""
    required = tuple(one.origin for one in law.required("health-cmd"))
    if required and not spec.health_check:
        yield Violation(
            "health-check",
            "a health check is required",
            "neither the command line nor the image has one",
            required,
            "give one with --health-cmd",
        )


CONTROL = Control(
    "health-check",
    "Where `[require] health-cmd` is true, the image or the command line must have a "
    "health check, and `--no-healthcheck` is refused.",
    ("CIS Docker Benchmark 5.27",),
    check,
    (
        Case("[require]\nhealth-cmd = true", "--health-cmd=true busybox"),
        Case("[require]\nhealth-cmd = true", "healthy:1"),
    ),
    (
        Case("[require]\nhealth-cmd = true", "busybox"),
        Case("[require]\nhealth-cmd = true", "--no-healthcheck healthy:1"),
    ),
)
