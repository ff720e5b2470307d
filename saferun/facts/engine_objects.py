"""What the engine has that a command line names: containers, volumes, networks; and the engine."""

from __future__ import annotations

from saferun.errors import EngineError, ImageError
from saferun.facts import image as image_facts
from saferun.formats import engine_api
from saferun.formats.docker_run.mounts import mounts
from saferun.host.engine import MISSING, OK, segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ContainerFacts
    from saferun.formats.facts import Facts
    from saferun.host.engine import Answer
    from saferun.world import World

    T = TypeVar("T")

#: The keys that depend on what the engine says of itself.
OF_THE_ENGINE = frozenset(("cgroupns", "log-driver", "runtime", "security-opt", "userns"))
#: The keys that depend on what volumes really are.
OF_VOLUMES = frozenset(("receipts", "use-api-socket", "volume", "volume-driver"))
#: Flags that can join another container.
JOINING = ("pid", "ipc", "network")
CONTAINER = "container:"
#: Networks that every engine has.
BUILT_IN = frozenset(("", "bridge", "default", "host", "none"))
#: How often a container that joins another is followed; engines have no such limit, people do.
DEPTH = 8


def asked_for(
    command: RunCommand,
    facts: Facts,
    keys: frozenset[str],
    gate_volume: str,
    world: World,
) -> Facts:
    """Return the facts with what the engine has of all that the command line names.

    Containers that the facts have already are not asked for. One round trip for whatever the words
    name, another one for what that leads to. Raises EngineError when the engine does not answer,
    ImageError for a container that is not there and whose mounts would be taken over.
    """
    taken_over = [value.partition(":")[0] for value in command.all("volumes-from")]
    joined = _joined(command, keys)
    named = _networks(command) if "network" in keys else []
    volumes = _volumes(command, facts) if not OF_VOLUMES.isdisjoint(keys) else []
    mounted = _images(command, facts) if "image" in keys else []
    about = ["/info"] if not OF_THE_ENGINE.isdisjoint(keys) else []
    containers = [
        name for name in dict.fromkeys([*taken_over, *joined]) if name not in facts.containers
    ]
    paths = [
        *(f"/containers/{segment(name)}/json" for name in containers),
        *(f"/networks/{segment(name)}" for name in named),
        *(f"/volumes/{segment(name)}" for name in volumes),
        *(image_facts.image_path(name) for name in mounted),
        *about,
    ]
    if not paths:
        return facts
    asked = world.engine.get(*paths)
    for name, answer in zip(containers, asked, strict=False):
        if name in taken_over and answer.status != OK:
            raise ImageError(f"--volumes-from {name}: {engine_api.error_message(answer.body)}")
    answers = iter(asked)
    found = {name: _read(next(answers), engine_api.container_facts, name) for name in containers}
    facts = facts.replace(
        networks={name: _read(next(answers), engine_api.network_facts, name) for name in named},
        volumes={name: _read(next(answers), engine_api.volume_facts, name) for name in volumes},
        images={name: image_facts.image(next(answers), name) for name in mounted},
        engine=_read(next(answers), engine_api.engine_facts, "/info") if about else None,
    )
    found = {
        name: _at_the_end(one, world) if name in joined else one for name, one in found.items()
    }
    found = {name: _without(one, gate_volume) for name, one in found.items() if one is not None}
    facts = facts.replace(containers={**facts.containers, **found})
    if OF_VOLUMES.isdisjoint(keys):
        return facts
    further = [name for name in _volumes(command, facts) if name not in facts.volumes]
    if not further:
        return facts
    more = world.engine.get(*(f"/volumes/{segment(name)}" for name in further))
    read = (
        _read(answer, engine_api.volume_facts, name)
        for name, answer in zip(further, more, strict=True)
    )
    return facts.replace(volumes={**facts.volumes, **dict(zip(further, read, strict=True))})


def _joined(command: RunCommand, keys: frozenset[str]) -> list[str]:
    if keys.isdisjoint(JOINING):
        return []
    from saferun.formats.docker_run.networks import network_name

    modes = [
        network_name(value) if flag == "network" else value
        for flag in JOINING
        if flag in keys
        for value in command.all(flag)
    ]
    return [mode.removeprefix(CONTAINER) for mode in modes if mode.startswith(CONTAINER)]


def _networks(command: RunCommand) -> list[str]:
    from saferun.formats.docker_run.networks import network_name

    names = dict.fromkeys(network_name(value) for value in command.all("network"))
    return [name for name in names if name not in BUILT_IN and not name.startswith(CONTAINER)]


def _volumes(command: RunCommand, facts: Facts) -> list[str]:
    """Return the names of the volumes that would be mounted, as far as they are known."""
    named = [one.source for one in mounts(command, facts) if one.kind == "volume"]
    return list(dict.fromkeys(name for name in named if _is_name(name)))


def _images(command: RunCommand, facts: Facts) -> list[str]:
    """Return the names of the images that would be mounted."""
    named = [one.source for one in mounts(command, facts) if one.kind == "image"]
    return list(dict.fromkeys(name for name in named if name))


def _is_name(text: str) -> bool:
    # The engine refuses others; as part of a URL they could be another question.
    return bool(text) and not set(text) - NAME and text[0].isalnum()


NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def _at_the_end(container: ContainerFacts | None, world: World) -> ContainerFacts | None:
    """Return a container with the namespaces that it has through whatever it joined itself."""
    if container is None:
        return None
    modes = {"pid": container.pid, "ipc": container.ipc, "network": container.network}
    for flag, first in modes.items():
        mode = first
        for _ in range(DEPTH):
            if not mode.startswith(CONTAINER):
                break
            (answer,) = world.engine.get(
                f"/containers/{segment(mode.removeprefix(CONTAINER))}/json"
            )
            other = _read(answer, engine_api.container_facts, mode)
            # What cannot be found counts as the host's.
            mode = "host" if other is None else str(getattr(other, flag))
        modes[flag] = "host" if mode.startswith(CONTAINER) else mode
    return container.replace(**modes)


def _without(container: ContainerFacts, gate_volume: str) -> ContainerFacts:
    """Leave out the gate's own volume, which every container that saferun started has.

    Another one is mounted after it and over it.
    """
    kept = tuple(mount for mount in container.mounts if mount.name != gate_volume)
    return container.replace(mounts=kept)


def _read(answer: Answer, reader: Callable[[bytes], T], what: str) -> T | None:
    """Return what an answer says, None when there is no such thing; raises EngineError."""
    return None if answer.status == MISSING else read(answer, reader, what)


def read(answer: Answer, reader: Callable[[bytes], T], what: str) -> T:
    """Return what an answer about `what` says; raises EngineError when it says nothing."""
    if answer.status != OK:
        message = f"{what}: {engine_api.error_message(answer.body)}"
        raise EngineError(message)
    try:
        return reader(answer.body)
    except ValueError as error:
        message = f"{what}: the engine's answer makes no sense: {error}"
        raise EngineError(message) from error
