"""annotation: what the runtime and its hooks are told."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse what the list for `annotation` does not cover."""
    asked = ((f"--annotation={name}={value}", (name, value)) for name, value in spec.annotations)
    return unlisted(
        law, "annotation", asked, lambda pattern, one: settings.covers(pattern, one, "=")
    )


CONTROL = Control(
    "annotation",
    "Every annotation must be covered by an item of the list: Kata, gVisor, crun and NRI "
    "plugins take orders from annotations.",
    (
        "OCI runtime specification: annotations",
        "crun(1): run.oci.* annotations",
    ),
    check,
    (
        Case('[limits]\nannotation = ["team"]', "busybox"),
        Case('[limits]\nannotation = ["team=*"]', "--annotation team=blue busybox"),
    ),
    (Case("[limits]\nannotation = []", "--annotation run.oci.hooks.stdin=x busybox"),),
)
