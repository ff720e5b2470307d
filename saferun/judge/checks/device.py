"""device: which devices of the host the container has."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every device that the list does not cover."""
    asked = ((f"--device={one.path}:{one.permissions}", one) for one in spec.devices)
    return unlisted(law, "device", asked, devices.covers, devices.touches)


CONTROL = Control(
    "device",
    "Every device must be covered by a path of the list, links followed, with all that "
    "may be done with it: `/dev/null:rw` permits to read and write. A directory stands "
    "for every device below it. CDI devices are named by a glob such as "
    "`vendor.com/gpu=*`.",
    (
        "CIS Docker Benchmark 5.18",
        "Container Device Interface specification",
        "moby: a directory adds every device in it",
    ),
    check,
    (
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/null:/dev/x busybox"),
        Case('[limits]\ndevice = ["/dev/dri/*:rw"]', "--device /dev/dri/card0:rw busybox"),
    ),
    (
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/zero busybox"),
        Case('[limits]\ndevice = ["/dev/null:r"]', "--device /dev/null busybox"),
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev busybox"),
        Case('[limits]\ndevice = ["/dev/null"]', "--device /dev/shm/../zero busybox"),
    ),
)
