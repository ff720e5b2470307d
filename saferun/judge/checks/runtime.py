"""runtime: which program makes the container."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a runtime that the law does not name."""
    return named(law, "runtime", spec.runtime)


CONTROL = Control(
    "runtime",
    "The OCI runtime must be one that the list names, the engine's default where nothing is said. "
    "Another runtime may ignore whatever else was asked for, and engines take the name of any shim "
    "on their PATH for one. A default that cannot be found out is refused.",
    (
        "NSA/CISA Kubernetes Hardening Guidance: hardened container engines",
        "OCI runtime-spec",
        "moby daemon/runtime_unix.go: names of shims",
    ),
    check,
    (
        Case('[limits]\nruntime = ["runc"]', "--runtime=runc busybox"),
        Case('[limits]\nruntime = ["runc", "kata-*"]', "busybox"),
    ),
    (
        Case('[limits]\nruntime = ["runc"]', "--runtime=io.containerd.runc.v2 busybox"),
        Case('[limits]\nruntime = ["runsc"]', "busybox"),
    ),
)
