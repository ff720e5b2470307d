"""ulimit: the resource limits of each process."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import ulimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse limits above those that the list names."""
    asked = ((f"--ulimit={one[0]}", one) for one in spec.ulimits)
    return unlisted(law, "ulimit", asked, ulimits.covers, ulimits.touches)


CONTROL = Control(
    "ulimit",
    "Every limit that is set must be named by the list, and be no higher there: "
    "`nofile=1024` permits up to 1024 for both the soft and the hard limit.",
    (
        "CIS Docker Benchmark 5.19",
        "getrlimit(2)",
    ),
    check,
    (Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=512:1024 busybox"),),
    (
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=512:2048 busybox"),
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=-1 busybox"),
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nproc=10 busybox"),
    ),
)
