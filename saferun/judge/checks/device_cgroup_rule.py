"""device-cgroup-rule: which devices may be opened by number."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every rule that opens more than the list."""
    asked = ((f"--device-cgroup-rule={rule}", rule) for rule in spec.device_rules)
    return unlisted(law, "device-cgroup-rule", asked, device_rules.covers, device_rules.touches)


CONTROL = Control(
    "device-cgroup-rule",
    "Every rule must open no more than one of the list. Together with MKNOD, which docker "
    "gives by default, a rule is the device itself.",
    (
        "Linux: Documentation/admin-guide/cgroup-v1/devices.rst",
        "CIS Docker Benchmark 5.18",
    ),
    check,
    (
        Case(
            '[limits]\ndevice-cgroup-rule = ["c 1:* rwm"]',
            "--device-cgroup-rule 'c 1:3 rw' busybox",
        ),
    ),
    (
        Case(
            '[limits]\ndevice-cgroup-rule = ["c 1:3 rwm"]',
            "--device-cgroup-rule 'a *:* rwm' busybox",
        ),
        Case("[limits]\ndevice-cgroup-rule = []", "--device-cgroup-rule 'c 1:3 r' busybox"),
    ),
)
