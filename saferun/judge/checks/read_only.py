"""read-only: the root file system cannot be written to.

Source: CIS Docker 5.13; NSA/CISA Kubernetes Hardening, immutable file systems.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.decision import Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def read_only(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Iterator[Violation | Obligation]:
    """Oblige to set it where it is required; refuse a command line that turns it off."""
    required = policy.requirement(layers, spec.whom, "read-only")
    if not required:
        return
    origins = tuple(statement.origin for statement in required)
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
