"""log-driver: where the container's output goes."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a log driver that the law does not name."""
    return named(law, "log-driver", spec.log_driver)


CONTROL = Control(
    "log-driver",
    "The log driver must be one that the list names, the engine's default where nothing is said. "
    "`none` keeps no record of the output; others send it elsewhere, in the engine's name. A "
    "default that cannot be found out is refused.",
    ("dockerd(8) --log-driver", "moby daemon/logger"),
    check,
    (
        Case('[limits]\nlog-driver = ["json-file"]', "--log-driver=json-file busybox"),
        Case('[limits]\nlog-driver = ["j*", "local"]', "busybox"),
    ),
    (
        Case('[limits]\nlog-driver = ["json-file"]', "--log-driver=none busybox"),
        Case("[limits]\nlog-driver = []", "busybox"),
        Case('[[deny]]\nreason = "a record"\nlog-driver = ["none"]', "--log-driver=none busybox"),
    ),
)
