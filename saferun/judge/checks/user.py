"""user: who the container's user may be."""

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
    known = f"the user with uid {spec.uid}"
    asked = ((known if spec.uid is not None else "a user that cannot be told", spec.uid),)
    hint = "name a user by number with --user=UID:GID"
    return unlisted(law, "user", asked, ids.covers, ids.touches, hint=hint)


CONTROL = Control(
    "user",
    "The uid of the container's user, however it was chosen, must be in one of the "
    "ranges. A name is looked up in the image; one whose uid cannot be told beforehand is "
    "in none.",
    (
        "Pod Security Standards, restricted: running as non-root user",
        "CIS Docker Benchmark 4.1",
        "NSA/CISA Kubernetes Hardening Guidance: non-root containers",
    ),
    check,
    (
        Case('[limits]\nuser = ["1-"]', "-u 1000 busybox"),
        Case('[limits]\nuser = ["1000-1999"]', "nonroot"),
    ),
    (
        Case('[limits]\nuser = ["1-"]', "busybox"),
        Case('[limits]\nuser = ["1-"]', "-u :1000 busybox"),
        Case('[limits]\nuser = ["1-"]', "-u +0 busybox"),
        Case('[limits]\nuser = ["1-"]', "sneaky"),
        Case('[limits]\nuser = ["1-"]', "-u nobody-has-this-name busybox"),
    ),
)
