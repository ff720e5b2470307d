"""read-only: the root file system cannot be written to."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Oblige to set it where it is required; refuse a command line that turns it off."""
    origins = tuple(statement.origin for statement in law.required("read-only"))
    if not origins:
        return
    if spec.read_only is False:
        yield Violation(
            "read-only",
            "a read-only root file system is required, but turned off",
            origins=origins,
            hint="leave out read-only=false, and give writable places with --tmpfs or --volume",
        )
    elif spec.read_only is None:
        yield Obligation(
            "read-only", "read-only", "true", "a read-only root file system is required", origins
        )


CONTROL = Control(
    "read-only",
    "Where it is required, `--read-only` is added, and `--read-only=false` is refused.",
    (
        "CIS Docker Benchmark 5.13",
        "NSA/CISA Kubernetes Hardening Guidance: immutable container file systems",
    ),
    check,
    (
        Case("[require]\nread-only = true", "busybox"),
        Case("[require]\nread-only = true", "--read-only busybox"),
    ),
    (Case("[require]\nread-only = true", "--read-only=false busybox"),),
)
