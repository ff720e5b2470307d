"""uts: whose host name and domain name the container has, and may change."""

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
    """Refuse a UTS namespace that the law does not name."""
    return words(law, "uts", spec.uts)


CONTROL = Control(
    "uts",
    "The container's UTS namespace must be one that the list names: `private` (its own, as when "
    "nothing is said) or `host`.",
    ("CIS Docker Benchmark 5.21", "uts_namespaces(7)"),
    check,
    (
        Case('[limits]\nuts = ["private"]', "busybox"),
        Case('[limits]\nuts = ["host"]', "--uts=host busybox"),
    ),
    (
        Case('[limits]\nuts = ["private"]', "--uts=host busybox"),
        Case("[limits]\nuts = []", "busybox"),
    ),
)
