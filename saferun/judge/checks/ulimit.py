"""ulimit: what each process of the container may take."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.spec import UNLIMITED
from saferun.judge.values import ulimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every limit of processes that the law does not name, or that is higher."""
    asked = ((f"--ulimit={one[0]}={_shown(one[1])}:{_shown(one[2])}", one) for one in spec.ulimits)
    hint = "ask for less, or leave it out, and the engine's own limit holds"
    return unlisted(law, "ulimit", asked, ulimits.covers, ulimits.touches, hint=hint)


def _shown(limit: int) -> str:
    return "unlimited" if limit >= UNLIMITED else str(limit)


CONTROL = Control(
    "ulimit",
    "Every limit of processes that is set must be one that the list names as `NAME=N`, and neither "
    "its soft nor its hard part may be more than N; -1 is `unlimited`. What the engine gives by "
    "itself stays as it is; `[defaults] ulimit` can set it. A denied NAME, whatever its number, "
    "must not be set at all.",
    (
        "CIS Docker Benchmark 5.19",
        "OWASP Docker Security Cheat Sheet, rule 7",
        "setrlimit(2)",
        "docker/go-units ulimit.go",
    ),
    check,
    (
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=512:1024 busybox"),
        Case('[limits]\nulimit = ["core=unlimited"]', "--ulimit core=-1 busybox"),
    ),
    (
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=512:2048 busybox"),
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nofile=-1 busybox"),
        Case('[limits]\nulimit = ["nofile=1024"]', "--ulimit nproc=10 busybox"),
        Case('[[deny]]\nreason = "cores"\nulimit = ["core=unlimited"]', "--ulimit core=0 busybox"),
    ),
)
