"""What goes on at an engine: running containers, what was exec'd in them, and events.

Source: Docker Engine API, /containers/json, /containers/ID/json, /exec/ID/json and /events.
"""

from __future__ import annotations

import shlex

from saferun.formats.engine_api import (
    container_record,
    object_of,
    text_of,
    texts_of,
)
from saferun.formats.json_text import decode
from saferun.judge.audit import Exec
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.engine_api import ContainerRecord

#: What happens to containers, or in them, that changes who runs there with what.
MATTERS = frozenset(
    (
        *("start", "die", "restart", "pause", "unpause", "update", "rename", "destroy"),
        *("exec_start", "exec_die"),
    )
)


class Listed(Record):
    """A running container as an engine lists it: the whole id, and its names."""

    id: str
    names: tuple[str, ...]


class Recorded(Record):
    """What an engine recorded of a container: the record itself, and what an audit joins it with.

    `image` is the reference that it was created from, `image_id` what that stood for; `pid_mode` is
    "", "host" or "container:OTHER"; `execs` are the ids of what was exec'd in it.
    """

    record: ContainerRecord
    name: str
    image: str
    image_id: str
    pid_mode: str
    execs: tuple[str, ...]


class Event(Record):
    """Something that happened to a container: `action` without what may follow it.

    `exec` is the id of what was exec'd, where that is what happened.
    """

    container: str
    action: str
    exec: str = ""


def listed(body: bytes) -> tuple[Listed, ...]:
    """Read `GET /containers/json`; raise ValueError when it is not such an answer."""
    found = decode(body)
    if not isinstance(found, list):
        message = f"expected a list, not {type(found).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return tuple(
        Listed(
            text_of(one.get("Id")),
            tuple(name.removeprefix("/") for name in texts_of(one.get("Names"))),
        )
        for one in map(object_of, found)
    )


def recorded(body: bytes) -> Recorded:
    """Read `GET /containers/ID/json`; raise ValueError when it is not such an answer."""
    container = object_of(decode(body))
    config = object_of(container.get("Config"))
    host = object_of(container.get("HostConfig"))
    return Recorded(
        record=container_record(body),
        name=text_of(container.get("Name") or "").removeprefix("/"),
        image=text_of(config.get("Image") or ""),
        image_id=text_of(container.get("Image") or ""),
        pid_mode=text_of(host.get("PidMode") or ""),
        execs=texts_of(container.get("ExecIDs")),
    )


def executed(body: bytes) -> Exec:
    """Read `GET /exec/ID/json`; raise ValueError when it is not such an answer."""
    one = object_of(decode(body))
    process = object_of(one.get("ProcessConfig") or {})
    pid = one.get("Pid")
    words = (text_of(process.get("entrypoint") or ""), *texts_of(process.get("arguments")))
    return Exec(
        id=text_of(one.get("ID")),
        pid=pid if one.get("Running") is True and type(pid) is int else 0,
        # Only a clear no is one; engines leave it out when nobody asked for it.
        privileged=process.get("privileged") not in (None, False),
        command=shlex.join(words),
    )


def event(line: bytes) -> Event | None:
    """Read one line of `GET /events`; None for what matters to no audit.

    Raises ValueError when it is no event.
    """
    told = object_of(decode(line))
    action, _, _ = text_of(told.get("Action") or told.get("status") or "").partition(":")
    if told.get("Type", "container") != "container" or action not in MATTERS:
        return None
    actor = object_of(told.get("Actor") or {})
    attributes = object_of(actor.get("Attributes") or {})
    container = text_of(actor.get("ID") or told.get("id") or "")
    return Event(container, action, text_of(attributes.get("execID") or ""))


def runtimes(body: bytes) -> dict[str, str]:
    """Return an engine's runtimes (`GET /info`) by name: the program, or the shim's type."""
    found = object_of(object_of(decode(body)).get("Runtimes") or {})
    return {
        name: text_of(object_of(one).get("path") or object_of(one).get("runtimeType") or "")
        for name, one in found.items()
    }
