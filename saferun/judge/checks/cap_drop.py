"""cap-drop: every capability is dropped, and nothing else on the command line undoes it.

Why: a process that is not root still has the engine's 14 default capabilities in its bounding set,
and a setuid file, or one with file capabilities, wins them back at execve (kernel
security/commoncap.c). Since moby 25 no-new-privileges does not stop the container's first execve.
Source: moby oci/caps TweakCapabilities for what cancels a drop; PSS restricted `capabilities`.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.decision import Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def cap_drop(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Iterator[Violation | Obligation]:
    """Oblige to drop ALL where it is required; refuse what would silently cancel that."""
    required = policy.requirement(layers, spec.whom, "cap-drop")
    if not required:
        return
    origins = tuple(statement.origin for statement in required)
    whom = "a non-root user" if spec.whom == "nonroot" else "this container"
    limit = policy.limit(layers, spec.whom, "privileged")
    if spec.privileged and (limit is None or limit.value is True):
        # Where the limit forbids it, the privileged check has said so already.
        yield Violation(
            "cap-drop",
            f"--privileged would cancel the drop of all capabilities for {whom}",
            origins=origins,
            hint="ask for the capabilities that are needed with --cap-add",
        )
    if "ALL" in spec.cap_add:
        yield Violation(
            "cap-drop",
            f"--cap-add=ALL would cancel the drop of all capabilities for {whom}",
            "engines let an added ALL win over a dropped one",
            origins,
            "name the capabilities that are needed, one --cap-add each",
        )
    if "ALL" not in spec.cap_drop:
        yield Obligation(
            "cap-drop", "cap-drop", "ALL", f"{whom} keeps no capability it did not ask for", origins
        )
