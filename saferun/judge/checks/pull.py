"""pull: when the image is pulled."""

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
    """Refuse what the list for `pull` does not name."""
    return words(law, "pull", (spec.pull,))


CONTROL = Control(
    "pull",
    "The mode of pulling must be one that the list names: `always`, `missing` (as when "
    "nothing is said) or `never`.",
    (
        "CIS Docker Benchmark 5.28",
        "docker run reference: --pull",
    ),
    check,
    (
        Case('[limits]\npull = ["missing", "never"]', "busybox"),
        Case('[limits]\npull = ["never"]', "--pull=never busybox"),
    ),
    (
        Case('[limits]\npull = ["missing"]', "--pull=always busybox"),
        Case('[limits]\npull = ["never"]', "busybox"),
    ),
)
