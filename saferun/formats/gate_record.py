"""The gate in an engine's record of a container that saferun started."""

from __future__ import annotations

from saferun.formats.body_fields import Fields
from saferun.judge.checks.gate_mount import DIRECTORY, VOLUMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from saferun.formats.engine_activity import Recorded

#: How a mask is written in the gate's arguments: this many hex digits.
MASK_DIGITS = 16
DIGITS = frozenset("0123456789abcdef")


def without_gate(record: Recorded) -> tuple[Mapping[str, Any], bool]:
    """Return an inspect answer as it would be without the gate, and whether the gate is there.

    It is, when the recorded words are those that put it in front of a command, whichever version of
    saferun wrote them, and what they execute is in a volume that brings gates, mounted read-only.
    Raises ValueError for an answer that makes no sense.
    """
    place = _place(record.entrypoint, record.cmd)
    mounts = Fields(record.body, "").objects("Mounts")
    if not place or not any(_is_gate(mount, place) for mount in mounts):
        return record.body, False
    config = {
        name: value
        for name, value in record.body["Config"].items()
        if name not in ("Entrypoint", "Cmd")
    }
    host = dict(record.body.get("HostConfig") or {})
    Fields(host, "HostConfig.").objects("Mounts")  # so that they are what they are taken for
    host["Mounts"] = [one for one in host.get("Mounts") or () if (one or {}).get("Target") != place]
    mounted = [one for one in record.body["Mounts"] if (one or {}).get("Destination") != place]
    return {**record.body, "Config": config, "HostConfig": host, "Mounts": mounted}, True


def _place(entrypoint: tuple[str, ...], cmd: tuple[str, ...]) -> str:
    """Return where the gate is, by the words that `gate_command.through_gate` writes."""
    if len(entrypoint) != 1 or cmd[3:4] != ("--",):
        return ""
    place, _, program = entrypoint[0].rpartition("/")
    within = place.rpartition("/")[0] == DIRECTORY and program.startswith("gate-")
    masks = all(len(mask) == MASK_DIGITS and DIGITS.issuperset(mask) for mask in cmd[:2])
    return place if within and masks else ""


def _is_gate(mount: Fields, place: str) -> bool:
    return (
        mount.text("Destination") == place
        and mount.text("Type") == "volume"
        and mount.text("Name").startswith(VOLUMES)
        and mount.value("RW") is False
    )
