"""log-driver: who gets the container's output."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse one that the list does not name, also the engine's default if it cannot be told."""
    unknown = spec.log_driver is None
    shown = (
        f"--log-driver={spec.log_driver}"
        if not unknown
        else "the engine's default for --log-driver"
    )
    hint = "name one that is allowed with --log-driver"
    asked = ((shown, spec.log_driver),)
    return unlisted(law, "log-driver", asked, covers, touches, hint=hint)


def covers(pattern: str, name: str | None) -> bool:
    """Tell whether an item of the list permits one."""
    return name is not None and globs.covers(pattern, name)


def touches(pattern: str, name: str | None) -> bool:
    """Tell whether one is denied; one that cannot be told may be."""
    return name is None or globs.covers(pattern, name)


CONTROL = Control(
    "log-driver",
    "The log driver must be one that the list names; where nothing is said it is the "
    "engine's default. `none` keeps no record, others send it away.",
    (
        "CIS Docker Benchmark, section 2: centralized logging",
        "moby daemon/logger",
    ),
    check,
    (
        Case('[limits]\nlog-driver = ["json-file", "local"]', "busybox"),
        Case('[limits]\nlog-driver = ["local"]', "--log-driver=local busybox"),
    ),
    (
        Case('[limits]\nlog-driver = ["json-file"]', "--log-driver=none busybox"),
        Case('[limits]\nlog-driver = ["local"]', "busybox"),
    ),
)
