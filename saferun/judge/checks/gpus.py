"""gpus: whether graphics processors may be used."""

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
    limit = law.limit("gpus")
    against = limit.against_switch() if limit and spec.gpus else ()
    if against:
        yield Violation(
            "gpus",
            "--gpus is not allowed",
            origins=against,
            hint="leave out --gpus",
            key="gpus",
        )


CONTROL = Control(
    "gpus",
    "`--gpus` is refused where a limit says false. Devices that it names by CDI are "
    "judged by `device` as well.",
    ("NVIDIA Container Toolkit: the driver's whole interface comes with a graphics processor",),
    check,
    (
        Case("[limits]\ngpus = false", "busybox"),
        Case("[limits]\ngpus = true", "--gpus=all busybox"),
    ),
    (Case("[limits]\ngpus = false", "--gpus=all busybox"),),
)
