"""runtime: what really starts the container."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse one that the list does not name, also the engine's default if it cannot be told."""
    unknown = spec.runtime is None
    shown = f"--runtime={spec.runtime}" if not unknown else "the engine's default for --runtime"
    hint = "name one that is allowed with --runtime"
    asked = ((shown, spec.runtime),)
    return unlisted(law, "runtime", asked, covers, touches, hint=hint)


def covers(pattern: str, name: str | None) -> bool:
    """Tell whether an item of the list permits one."""
    return name is not None and globs.covers(pattern, name)


def touches(pattern: str, name: str | None) -> bool:
    """Tell whether one is denied; one that cannot be told may be."""
    return name is None or globs.covers(pattern, name)


CONTROL = Control(
    "runtime",
    "The OCI runtime must be one that the list names; where nothing is said it is the "
    "engine's default. Another runtime may ignore every restriction, or add its own.",
    (
        "OCI runtime specification",
        "NSA/CISA Kubernetes Hardening Guidance: sandboxed runtimes",
    ),
    check,
    (
        Case('[limits]\nruntime = ["runc"]', "busybox"),
        Case('[limits]\nruntime = ["runc", "runsc"]', "--runtime=runc busybox"),
    ),
    (
        Case('[limits]\nruntime = ["runsc"]', "busybox"),
        Case('[limits]\nruntime = ["runc"]', "--runtime=io.containerd.runc.v2 busybox"),
    ),
)
