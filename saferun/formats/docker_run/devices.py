"""--device and --gpus: which devices of the host, and what may be done with them."""

from __future__ import annotations

from saferun.formats.docker_run.csv_record import fields
from saferun.formats.docker_run.mounts import absolute, as_walked
from saferun.judge.spec import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts

EVERYTHING = "rwm"
#: What CDI names are made of; in the last part, colons as well.
OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


def devices(command: RunCommand, facts: Facts) -> tuple[Device, ...]:
    """Return every device that is asked for by its path, or by its CDI name."""
    named = (_device(value) for value in command.all("device"))
    found = [*named, *_of_gpus(command)]
    return tuple(dict.fromkeys(located(one, facts) for one in found))


def located(device: Device, facts: Facts) -> Device:
    """Return a device with its path as the engine will find it, links followed."""
    if not device.path.startswith("/"):
        return device
    path = facts.paths.get(device.path) if facts.local else None
    return device.replace(exact=False) if path is None else device.replace(path=path)


def _device(value: str) -> Device:
    """Return what a --device asks for: `HOST[:CONTAINER][:PERMISSIONS]`, or a CDI name."""
    if _is_cdi(value):
        return Device(value)
    path, *rest = value.split(":")
    permissions = rest.pop() if rest and _are_permissions(rest[-1]) else EVERYTHING
    # With a place in the container the path is handed on as it is. Without one the client cleans
    # it, and takes no relative one (docker/cli validateDevice, moby daemon getDevicesFromPath).
    return Device(as_walked(path) if rest else absolute(path) or "/", permissions)


def _of_gpus(command: RunCommand) -> Iterator[Device]:
    for value in command.all("gpus"):
        said = dict(field.partition("=")[::2] for field in fields(value) or ())
        if said.get("driver") == "cdi":
            yield from (Device(name) for name in said.get("device", "").split(","))


def _is_cdi(value: str) -> bool:
    """Tell whether a value is a CDI name, `VENDOR/CLASS=NAME` (the CLI's cdi/pkg/parser).

    No part has a slash. So whatever an older CLI takes for a path below the engine's directory,
    with a place in the container, is none.
    """
    kind, _, name = value.partition("=")
    vendor, _, group = kind.partition("/")
    parts = (vendor, group, name.replace(":", ""))
    return all(part and OF_NAMES.issuperset(part) for part in parts)


def _are_permissions(text: str) -> bool:
    return bool(text) and set(text) <= set(EVERYTHING) and len(set(text)) == len(text)
