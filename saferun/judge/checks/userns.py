"""userns: whether the container's users are the host's."""

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
    """Refuse what the list for `userns` does not name."""
    return words(law, "userns", spec.userns)


CONTROL = Control(
    "userns",
    "The container's user namespace must be one that the list names: `private`, the "
    "engine's default, or `host`, which undoes userns-remap.",
    (
        "CIS Docker Benchmark 5.31",
        "user_namespaces(7)",
    ),
    check,
    (
        Case('[limits]\nuserns = ["private"]', "busybox"),
        Case('[limits]\nuserns = ["host"]', "--userns=host busybox"),
    ),
    (Case('[limits]\nuserns = ["private"]', "--userns=host busybox"),),
)
