"""gate-mount: nothing is mounted over, or under, the place where the gate lives, or from it.

A mount there could replace the gate with a program that checks nothing. Links in an image can lead
a mount there as well, which cannot be seen beforehand; therefore the gate's own place has a part
that nobody can know.
"""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

#: Below this the gate's volume is mounted in every container that saferun starts.
DIRECTORY = "/.saferun"
#: How the names of the volumes begin that bring the gate to an engine.
VOLUMES = "saferun-gate-"


def check(spec: ContainerSpec, _law: Law) -> Iterator[Violation]:
    """Refuse mounts at or under `/.saferun`, those that cannot be understood, and of our volume."""
    for mount in spec.mounts:
        if mount.source.startswith(VOLUMES):
            yield Violation(
                "gate-mount",
                f"a mount of the volume {mount.source}",
                "whoever can write to it could replace the gate of every container",
                hint="mount another volume",
            )
        if mount.target is None:
            yield Violation(
                "gate-mount",
                "a mount whose target cannot be understood",
                f"it might cover {DIRECTORY}, where saferun's gate lives",
                hint="write it as --volume=SOURCE:/TARGET or --mount=type=…,src=…,dst=/TARGET",
            )
        elif mount.target == DIRECTORY or mount.target.startswith(DIRECTORY + "/"):
            yield Violation(
                "gate-mount",
                f"a mount at {mount.target}",
                f"{DIRECTORY} is where saferun's gate lives",
                hint="mount it somewhere else",
            )


CONTROL = Control(
    "gate-mount",
    "No mount may cover, or lie below, the place where the gate lives, `/.saferun`, nor mount a "
    "volume that brings the gate to an engine. This holds under every law.",
    ("saferun: the gate is what the law's last word rests on",),
    check,
    (Case("", "--tmpfs=/saferun busybox"), Case("", "-v data:/data busybox")),
    (
        Case("", "--tmpfs=/.saferun busybox"),
        Case("", "-v data:/.saferun/x busybox"),
        Case("", "-v saferun-gate-0123456789ab:/x busybox"),
    ),
)
