"""cap-drop: every capability is dropped, and nothing else on the command line undoes it.

Why: a process that is not root still has the engine's 14 default capabilities in its bounding set,
and a setuid file, or one with file capabilities, wins them back at execve (kernel
security/commoncap.c). Since moby 25 no-new-privileges does not stop the container's first execve.
"""

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
    """Oblige to drop ALL where it is required; refuse what would silently cancel that."""
    required = law.required("cap-drop")
    if not required:
        return
    origins = tuple(statement.origin for statement in required)
    whom = "a non-root user" if spec.whom == "nonroot" else "this container"
    limit = law.limit("privileged")
    if spec.privileged and not (limit and limit.against_switch()):
        # Where the limit forbids it, the privileged control has said so already.
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


CONTROL = Control(
    "cap-drop",
    "Where it is required, `--cap-drop=ALL` is added, and `--privileged` and `--cap-add=ALL`, "
    "which would silently cancel it, are refused. It is always required for a container whose user "
    "is not root.",
    (
        "moby oci/caps/utils.go TweakCapabilities, for what cancels a drop",
        "Pod Security Standards, restricted: capabilities",
        "capabilities(7), execve",
    ),
    check,
    (
        Case("", "-u 3267 busybox"),
        Case('[require]\ncap-drop = ["ALL"]', "--user=0 --cap-add=CHOWN busybox"),
    ),
    (
        Case("", "-u 3267 --cap-add=ALL busybox"),
        Case('[require]\ncap-drop = ["ALL"]', "--user=0 --privileged busybox"),
    ),
)
