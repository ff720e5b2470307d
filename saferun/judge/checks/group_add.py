"""group-add: which further groups the container's user has."""

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
    known = "a group that cannot be told"
    asked = ((f"the group {gid}" if gid is not None else known, gid) for gid in spec.groups)
    hint = "add groups by number, none of them root's"
    return unlisted(law, "group-add", asked, ids.covers, ids.touches, hint=hint)


CONTROL = Control(
    "group-add",
    "Every further group must be in one of the ranges. Names, and numbers that are names "
    "in the image, are looked up there; what cannot be told is in none.",
    (
        "NSA/CISA Kubernetes Hardening Guidance: supplementalGroups",
        "runc libcontainer/user",
    ),
    check,
    (Case('[limits]\ngroup-add = ["1000-"]', "--group-add 1000 busybox"),),
    (
        Case('[limits]\ngroup-add = ["1-"]', "--group-add 0 busybox"),
        Case('[limits]\ngroup-add = ["1-"]', "--group-add nobody-has-this-name busybox"),
    ),
)
