"""Devices: `PATH[:PERMISSIONS]`, a host path and what lies below it, or a CDI name.

PERMISSIONS is some of `rwm` (read, write, make the node), all of them when left out. A CDI name is
a glob such as `vendor.com/gpu=*`.
"""

from __future__ import annotations

from saferun.judge.values import globs, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.spec import Device

EVERYTHING = "rwm"


def problem(item: str) -> str:
    """Return what a device must be, or nothing when it is that."""
    path, colon, permissions = item.partition(":")
    if path.startswith("/"):
        if colon and not (permissions and set(permissions) <= set(EVERYTHING)):
            return "a path, with some of rwm after a colon"
        return paths.problem(path)
    kind, equals, name = item.partition("=")
    if not (equals and name and kind.count("/") == 1 and all(kind.split("/"))):
        return "an absolute path, or a CDI name such as vendor.com/gpu=*"
    return globs.problem(item)


def covers(pattern: str, device: Device) -> bool:
    """Tell whether a pattern permits a device with all that may be done with it."""
    if not device.path.startswith("/"):
        return globs.covers(pattern, device.path)
    path, _, permissions = pattern.partition(":")
    if not path.startswith("/") or not set(device.permissions) <= set(permissions or EVERYTHING):
        return False
    return paths.covers(path, device.path) if device.exact else path == device.path


def touches(pattern: str, device: Device) -> bool:
    """Tell whether a device is one that is denied, or a directory that holds one."""
    if not device.path.startswith("/"):
        return globs.covers(pattern, device.path)
    path, _, permissions = pattern.partition(":")
    if not path.startswith("/") or set(device.permissions).isdisjoint(permissions or EVERYTHING):
        return False
    return not device.exact or paths.touches(path, device.path)
