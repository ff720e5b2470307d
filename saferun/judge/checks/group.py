"""group: the gid of the container's user."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse an id that is in none of the ranges, or that cannot be told."""
    known = f"the group with gid {spec.gid}"
    asked = ((known if spec.gid is not None else "a group that cannot be told", spec.gid),)
    hint = "name a group by number with --user=UID:GID"
    return unlisted(law, "group", asked, ids.covers, ids.touches, hint=hint)


CONTROL = Control(
    "group",
    "The gid of the container's user must be in one of the ranges. Where `--user` names "
    "no group, it is that of the user's line in the image's passwd, and 0 for a number "
    "without a line: root's group.",
    (
        "NSA/CISA Kubernetes Hardening Guidance: runAsGroup",
        "moby daemon/oci_linux.go: a uid without a line has gid 0",
    ),
    check,
    (Case('[limits]\ngroup = ["1-"]', "-u 1000:1000 busybox"),),
    (
        Case('[limits]\ngroup = ["1-"]', "-u 1000 busybox"),
        Case('[limits]\ngroup = ["1-"]', "-u 1000:0 busybox"),
    ),
)
