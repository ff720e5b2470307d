"""What goes on at an engine: what runs there, what was exec'd in it, what happens, and where it is.

Source: Docker Engine API, /info, /containers/json, /containers/ID/json, /exec/ID/json, /events.
"""

from __future__ import annotations

import shlex

from saferun.formats.body_fields import Fields
from saferun.formats.json_text import decode
from saferun.judge.audit import Exec
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: What happens to containers, or in them, that changes who runs there with what.
MATTERS = frozenset(
    (
        *("start", "die", "restart", "pause", "unpause", "update", "rename"),
        *("exec_start", "exec_die"),
    )
)
#: Runtimes whose containers are processes of the host's kernel, by the last part of their program
#: or shim. Others (gVisor, Kata) have a kernel of their own, of which /proc here says nothing.
OF_THIS_KERNEL = frozenset(
    ("runc", "crun", "youki", "io.containerd.runc.v1", "io.containerd.runc.v2")
)
#: Linux security modules that confine containers, as /info names them.
SECURITY_MODULES = frozenset(("name=apparmor", "name=selinux"))


class Listed(Record):
    """A running container as an engine lists it: the whole id, and its names."""

    id: str
    names: tuple[str, ...]


class Surroundings(Record):
    """Where an engine's containers run (`GET /info`).

    `runtimes` are the programs, or types of shims, by name; `default_runtime` is one of the names;
    `confined` tells whether a Linux security module is at work; `kernel` is its release.
    """

    version: str
    kernel: str
    runtimes: Mapping[str, str]
    default_runtime: str
    confined: bool

    def shares_kernel(self, runtime: str) -> bool:
        """Tell whether a runtime's containers are processes of the engine's kernel."""
        name = runtime or self.default_runtime
        program = (self.runtimes.get(name) or name).rpartition("/")[2]
        return program in OF_THIS_KERNEL


class Recorded(Record):
    """What an engine recorded of a running container, as an audit needs it.

    `body` is the whole answer; `pid` its first process, 0 when it does not run; `runtime` empty for
    the engine's default; `pid_mode` "", "host" or "container:OTHER"; `execs` are the ids of what
    was exec'd and still runs.
    """

    body: Mapping[str, Any]
    id: str
    name: str
    pid: int
    image: str
    image_id: str
    runtime: str
    pid_mode: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    execs: tuple[str, ...]


class Event(Record):
    """Something that happened to a container: `action` without what may follow it.

    `exec` is the id of what was exec'd, where that is what happened.
    """

    container: str
    action: str
    exec: str = ""


def surroundings(body: bytes) -> Surroundings:
    """Read `GET /info`; raise ValueError when it is not such an answer."""
    info = _fields(decode(body))
    runtimes = info.inner("Runtimes")
    options = {one.partition(",")[0] for one in info.texts("SecurityOptions")}
    return Surroundings(
        version=info.text("ServerVersion"),
        kernel=info.text("KernelVersion"),
        runtimes={
            name: runtimes.inner(name).text("path") or runtimes.inner(name).text("runtimeType")
            for name in runtimes
        },
        default_runtime=info.text("DefaultRuntime"),
        confined=not SECURITY_MODULES.isdisjoint(options),
    )


def listed(body: bytes) -> tuple[Listed, ...]:
    """Read `GET /containers/json`; raise ValueError when it is not such an answer."""
    return tuple(
        Listed(one.text("Id"), tuple(name.removeprefix("/") for name in one.texts("Names")))
        for one in Fields({"containers": decode(body)}, "").objects("containers")
    )


def recorded(body: bytes) -> Recorded:
    """Read `GET /containers/ID/json`; raise ValueError when it is not such an answer."""
    decoded = decode(body)
    container = _fields(decoded)
    config, host = container.inner("Config"), container.inner("HostConfig")
    return Recorded(
        body=decoded,
        id=container.text("Id"),
        name=container.text("Name").removeprefix("/"),
        pid=container.inner("State").number("Pid"),
        image=config.text("Image"),
        image_id=container.text("Image"),
        runtime=host.text("Runtime"),
        pid_mode=host.text("PidMode"),
        entrypoint=config.texts("Entrypoint"),
        cmd=config.texts("Cmd"),
        execs=container.texts("ExecIDs"),
    )


def as_docker_would(record: Recorded, libpod: bytes) -> Recorded:
    """Return Podman's record of a container in Docker's words, by what its own API says of it.

    In Docker's, Podman calls every runtime "oci", and of --cap-drop=ALL it names its own defaults,
    which an administrator chooses. Where anything was dropped, dropping everything and adding what
    is in the bounding set is the same. Raises ValueError for what is not such an answer.
    """
    own = _fields(decode(libpod))
    host = dict(record.body["HostConfig"])
    if host.get("CapDrop"):
        host["CapDrop"], host["CapAdd"] = ["ALL"], list(own.texts("BoundingCaps"))
    host["Runtime"] = own.text("OCIRuntime")
    return record.replace(
        body={**record.body, "HostConfig": host}, runtime=own.text("OCIRuntime") or record.runtime
    )


def executed(body: bytes) -> Exec:
    """Read `GET /exec/ID/json`; raise ValueError when it is not such an answer."""
    one = _fields(decode(body))
    process = one.inner("ProcessConfig")
    return Exec(
        id=one.text("ID"),
        container=one.text("ContainerID"),
        pid=one.number("Pid") if one.switch("Running") else 0,
        privileged=process.switch("privileged"),
        command=shlex.join((process.text("entrypoint"), *process.texts("arguments"))),
    )


def event(line: bytes) -> Event | None:
    """Read one line of `GET /events`; None for what matters to no audit.

    Raises ValueError when it is no event.
    """
    told = _fields(decode(line))
    # What was exec'd follows the action: `exec_start: sh -c …`.
    action = (told.text("Action") or told.text("status")).partition(":")[0]
    if told.text("Type") not in ("", "container") or action not in MATTERS:
        return None
    actor = told.inner("Actor")
    container = actor.text("ID") or told.text("id")
    return Event(container, action, actor.inner("Attributes").text("execID"))


def _fields(value: object) -> Fields:
    return Fields({"answer": value}, "").inner("answer")
