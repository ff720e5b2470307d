"""privileged: whether a container may have everything the engine has."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse `--privileged` where a limit says false."""
    limit = law.limit("privileged")
    against = limit.against_switch() if limit and spec.privileged else ()
    if not against:
        return
    nonroot = spec.whom == "nonroot"
    yield Violation(
        "privileged",
        f"--privileged is not allowed{' for a non-root user' if nonroot else ''}",
        "it cancels every --cap-drop, so a setuid file in the image would win back everything"
        if nonroot
        else "",
        against,
        "ask for the capabilities that are needed with --cap-add, "
        "or run as root with --user=0 if you mean it"
        if nonroot
        else "ask for the capabilities and devices that are needed with --cap-add and --device",
        "privileged",
    )


CONTROL = Control(
    "privileged",
    "A privileged container has every capability of the engine, all devices, no seccomp filter and "
    "unmasked /proc and /sys, whatever else was asked for. It is refused where a limit says false.",
    (
        "moby daemon/oci_linux.go: privileged comes before every other option",
        "Pod Security Standards, baseline: privileged containers",
        "CIS Docker Benchmark 5.5",
    ),
    check,
    (
        Case("[root.limits]\nprivileged = true", "--user=0 busybox"),
        Case("[limits]\nprivileged = false", "--privileged=false busybox"),
    ),
    (
        Case("", "-u 3267 --privileged busybox"),
        Case("[limits]\nprivileged = false", "--privileged busybox"),
    ),
)
