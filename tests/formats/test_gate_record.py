"""The gate in an engine's record: found where it is, and nowhere else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from saferun.formats.engine_activity import recorded
from saferun.formats.gate_record import without_gate

PLACE = "/.saferun/0123456789abcdef"
BODY: dict[str, Any] = {
    "Id": "1" * 64,
    "Config": {
        "Image": "busybox",
        "User": "3267",
        "Entrypoint": [f"{PLACE}/gate-amd64"],
        "Cmd": ["0" * 16, "0" * 16, "-", "--", "sleep", "1"],
    },
    "HostConfig": {
        "Mounts": [
            {"Type": "volume", "Source": "saferun-gate-0123", "Target": PLACE, "ReadOnly": True},
            {"Type": "tmpfs", "Target": "/t"},
        ]
    },
    "Mounts": [
        {"Type": "volume", "Name": "saferun-gate-0123", "Destination": PLACE, "RW": False},
        {"Type": "volume", "Name": "data", "Destination": "/data", "RW": True},
    ],
}


def read(body: dict[str, Any]) -> tuple[Any, bool]:
    """Read a record as an audit does."""
    return without_gate(recorded(json.dumps(body).encode()))


def test_what_is_left_is_what_was_asked_for() -> None:
    """Its mount and its words are saferun's, not the user's."""
    body, gated = read(BODY)
    assert gated
    assert body["Config"] == {"Image": "busybox", "User": "3267"}
    assert body["HostConfig"]["Mounts"] == [{"Type": "tmpfs", "Target": "/t"}]
    assert [one["Name"] for one in body["Mounts"]] == ["data"]


def test_a_record_with_less_in_it_is_still_read() -> None:
    """What is not there, or null, says nothing, and is no reason to fail."""
    body, gated = read({key: value for key, value in BODY.items() if key != "HostConfig"})
    assert gated
    assert body["HostConfig"] == {"Mounts": []}
    body, gated = read({**BODY, "Mounts": [None, *BODY["Mounts"]]})
    assert gated
    assert [one and one["Name"] for one in body["Mounts"]] == [None, "data"]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("Config", "Entrypoint"), ["/gate-amd64"]),
        (("Config", "Entrypoint"), [f"{PLACE}/sh"]),
        (("Config", "Entrypoint"), [f"{PLACE}/x/gate-amd64"]),
        (("Config", "Entrypoint"), [f"{PLACE}/gate-amd64", "x"]),
        (("Config", "Entrypoint"), None),
        (("Config", "Cmd"), ["0" * 16, "0" * 16, "-", "sleep"]),
        (("Config", "Cmd"), ["0" * 15, "0" * 16, "-", "--", "sleep"]),
        (("Config", "Cmd"), ["0" * 16, "x" * 16, "-", "--", "sleep"]),
        (("Config", "Cmd"), None),
        (("Mounts", 0, "RW"), True),
        (("Mounts", 0, "Type"), "bind"),
        (("Mounts", 0, "Name"), "mine"),
        (("Mounts", 0, "Destination"), "/.saferun/elsewhere"),
        (("Mounts",), []),
    ],
)
def test_what_only_looks_like_it(where: tuple[Any, ...], value: object) -> None:
    """A program at that place that nobody knows is no gate, and its mount is judged."""
    body = copy.deepcopy(BODY)
    inner: Any = body
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    assert read(body) == (body, False)
