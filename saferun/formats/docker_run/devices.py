"""--device and --gpus: which devices of the host, and what may be done with them."""

from __future__ import annotations

from posixpath import normpath

from saferun.formats.docker_run.csv_record import fields
from saferun.judge.spec import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts

EVERYTHING = "rwm"


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
    parts = value.split(":")
    permissions = parts[-1] if len(parts) > 1 and _are_permissions(parts[-1]) else EVERYTHING
    # The engine refuses a path that is not absolute; the directory of all covers it.
    path = normpath("/" + parts[0].lstrip("/")) if parts[0].startswith("/") else "/dev"
    return Device(path, permissions)


def _of_gpus(command: RunCommand) -> Iterator[Device]:
    for value in command.all("gpus"):
        said = dict(field.partition("=")[::2] for field in fields(value) or ())
        if said.get("driver") == "cdi":
            yield from (Device(name) for name in said.get("device", "").split(","))


def _is_cdi(value: str) -> bool:
    """Tell whether the CLI takes a value for a CDI name, `VENDOR/CLASS=NAME`."""
    kind, equals, name = value.partition("=")
    vendor, slash, group = kind.partition("/")
    return bool(equals and slash and vendor and group and name) and not value.startswith("/")


def _are_permissions(text: str) -> bool:
    return bool(text) and set(text) <= set(EVERYTHING) and len(set(text)) == len(text)
