"""device: which devices of the host the container has."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.listed import unlisted
from saferun.judge.values import devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every device that the list does not cover."""
    asked = ((f"--device={one.path}:{one.permissions}", one) for one in spec.devices)
    yield from unlisted(law, "device", asked, devices.covers, devices.touches)
    limit = law.limit("device")
    if limit is not None and law.limit("device-cgroup-rule") is None:
        for rule in spec.device_rules:
            yield Violation(
                "device",
                f"--device-cgroup-rule={rule} is not allowed",
                "it opens devices by number, and no device-cgroup-rule names it",
                limit.origins,
            )


CONTROL = Control(
    "device",
    "Every device must be covered by a path of the list, links followed, with all that "
    "may be done with it: `/dev/null:rw` permits to read and write. A directory stands "
    "for every device below it. CDI devices are named by a glob such as "
    "`vendor.com/gpu=*`. What opens devices by number must be named by `device-cgroup-rule`.",
    (
        "CIS Docker Benchmark 5.18",
        "Container Device Interface specification",
        "moby: a directory adds every device in it",
    ),
    check,
    (
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/null:/dev/x busybox"),
        Case('[limits]\ndevice = ["/dev/dri/*:rw"]', "--device /dev/dri/card0:rw busybox"),
        Case(
            '[limits]\ndevice = []\ndevice-cgroup-rule = ["c 1:3 r"]',
            "--device-cgroup-rule 'c 1:3 r' busybox",
        ),
    ),
    (
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/zero busybox"),
        Case('[limits]\ndevice = ["/dev/null:r"]', "--device /dev/null busybox"),
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev busybox"),
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/shm/../zero busybox"),
        Case("[limits]\ndevice = []", "--device-cgroup-rule 'a *:* rwm' busybox"),
    ),
)
