"""log-opt: where and how the engine writes the container's output."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse what the list for `log-opt` does not cover."""
    asked = ((f"--log-opt={name}={value}", (name, value)) for name, value in spec.log_opts)
    return unlisted(law, "log-opt", asked, lambda pattern, one: settings.covers(pattern, one, "="))


CONTROL = Control(
    "log-opt",
    "Every option of the log driver must be covered by an item of the list: addresses in "
    "them are contacted by the engine, as root.",
    ("moby daemon/logger: syslog-address, fluentd-address, gelf-address",),
    check,
    (Case('[limits]\nlog-opt = ["max-size", "max-file"]', "--log-opt max-size=1m busybox"),),
    (
        Case(
            '[limits]\nlog-opt = ["max-size"]',
            "--log-driver=syslog --log-opt syslog-address=tcp://10.0.0.1:514 busybox",
        ),
    ),
)
