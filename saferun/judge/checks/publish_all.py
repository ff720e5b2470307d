"""publish-all: whether the image's author decides what is published."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

KEY = "publish-all"


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse `--publish-all` where a limit says false."""
    limit = law.limit(KEY)
    against = limit.against_switch() if limit and spec.publish_all else ()
    if against:
        yield Violation(
            KEY,
            f"--{KEY} is not allowed",
            "it publishes every port that the image exposes, on all addresses",
            against,
            "name the ports that are needed, one --publish=127.0.0.1:HOST:CONTAINER each",
            KEY,
        )


CONTROL = Control(
    KEY,
    "`--publish-all` publishes every port that the image exposes on a port of the host that the "
    "engine chooses, on all addresses. It is refused where a limit says false. The ports are "
    "judged by `publish` as well.",
    ("Pod Security Standards, baseline: host ports", "CIS Docker Benchmark 5.9, 5.14"),
    check,
    (
        Case("[limits]\npublish-all = true", "--publish-all busybox"),
        Case("[limits]\npublish-all = false", "--publish-all=false healthy:1"),
    ),
    (
        Case("[limits]\npublish-all = false", "-P busybox"),
        Case(
            '[[deny]]\nreason = "ports are named"\npublish-all = true',
            "--publish-all=true healthy:1",
        ),
    ),
)
