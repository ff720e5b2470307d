"""userns: whether an engine that maps the container's users leaves them the host's."""

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
    """Refuse a user namespace that the law does not name."""
    return words(law, "userns", spec.userns)


CONTROL = Control(
    "userns",
    "The container's user namespace must be one that the list names: `private` (what the engine "
    "does when nothing is said) or `host`, which undoes the engine's mapping of users. An engine "
    "that maps none (no userns-remap, not rootless) has nothing to undo: there `private` is the "
    "host's as well, and no command line could change it.",
    ("CIS Docker Benchmark 5.31", "user_namespaces(7)", "dockerd(8) --userns-remap"),
    check,
    (
        Case('[limits]\nuserns = ["private"]', "busybox"),
        Case('[limits]\nuserns = ["private", "host"]', "--userns=host busybox"),
    ),
    (
        Case('[limits]\nuserns = ["private"]', "--userns=host busybox"),
        Case("[limits]\nuserns = []", "busybox"),
    ),
)
