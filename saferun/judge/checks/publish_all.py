"""publish-all: a port of the host for every port that the image exposes."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse it where a limit says false."""
    limit = law.limit("publish-all")
    against = limit.against_switch() if limit and spec.publish_all else ()
    if against:
        yield Violation(
            "publish-all",
            "--publish-all is not allowed",
            origins=against,
            hint="publish the ports that are needed with --publish",
            key="publish-all",
        )


CONTROL = Control(
    "publish-all",
    "`--publish-all` is refused where a limit says false: what it publishes is the image's choice.",
    (
        "Pod Security Standards, baseline: host ports",
        "CIS Docker Benchmark 5.9",
    ),
    check,
    (
        Case("[limits]\npublish-all = false", "busybox"),
        Case("[limits]\npublish-all = true", "-P busybox"),
    ),
    (Case("[limits]\npublish-all = false", "-P busybox"),),
)
