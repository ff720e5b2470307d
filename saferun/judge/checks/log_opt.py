"""log-opt: what the log driver is told, addresses among it."""

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
    """Refuse every option of the log driver that the law does not name."""
    # Only the name is shown: the value may be a token.
    asked = ((f"--log-opt={name}", (name, value)) for name, value in spec.log_opts)
    hint = 'leave it out; to allow it, a policy has to name it, as "NAME" or "NAME=VALUE"'
    return unlisted(
        law, "log-opt", asked, lambda item, one: settings.covers(item, one, "="), hint=hint
    )


CONTROL = Control(
    "log-opt",
    "Every option of the log driver must be one that the list names, as `NAME` or `NAME=VALUE`, "
    "where `*` stands for any text. The engine itself connects to the addresses that are in them, "
    "from the host and as root.",
    ("moby daemon/logger: syslog-address, fluentd-address, gelf-address, splunk-url",),
    check,
    (
        Case('[limits]\nlog-opt = ["max-size"]', "--log-opt max-size=1m busybox"),
        Case(
            '[limits]\nlog-opt = ["syslog-address=udp://10.0.0.1:*"]',
            "--log-driver=syslog --log-opt syslog-address=udp://10.0.0.1:514 busybox",
        ),
    ),
    (
        Case('[limits]\nlog-opt = ["max-*"]', "--log-opt labels=team busybox"),
        Case(
            '[limits]\nlog-opt = ["syslog-address=udp://10.0.0.1:*"]',
            "--log-driver=syslog --log-opt syslog-address=unix:///run/x.sock busybox",
        ),
    ),
)
