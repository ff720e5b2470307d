"""platform: for which platform the image was made."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse what the list for `platform` does not name."""
    return words(law, "platform", (spec.platform,))


CONTROL = Control(
    "platform",
    "The platform must be named by a glob of the list, as `OS/ARCHITECTURE`; where "
    "nothing is said it is the image's own. Foreign ones run under an emulator of the "
    "host.",
    ("OCI image specification: platform",),
    check,
    (Case('[limits]\nplatform = ["linux/*"]', "busybox"),),
    (Case('[limits]\nplatform = ["linux/s390x"]', "busybox"),),
)
