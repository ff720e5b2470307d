"""What has to be known before judging, and is only asked for when the law speaks of it."""

from __future__ import annotations

from saferun.facts import engine_objects, user
from saferun.formats.docker_run import discharge
from saferun.formats.docker_run.mounts import mounts
from saferun.formats.facts import Facts
from saferun.judge.policy import Law

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ContainerFacts, ImageFacts
    from saferun.judge.policy import Layer
    from saferun.pulling import Look
    from saferun.world import World


def gather(
    command: RunCommand, look: Look, layers: tuple[Layer, ...], gate_volume: str, world: World
) -> Facts:
    """Return what the law needs to know of the world for this command line.

    `layers` have their rules in force. Raises EngineError or ImageError when something that is
    there cannot be read: then nothing can be judged.
    """
    # Who the user is decides which tables apply, so it is not known yet which keys matter, nor
    # which defaults will be used: what any of them might need is asked for.
    laws = [Law(layers, whom) for whom in ("root", "nonroot")]
    keys = laws[0].keys | laws[1].keys
    perhaps = command
    for law in laws:
        silent = (one for one in law.defaults() if discharge.is_silent(command, one.key))
        perhaps = discharge.with_defaults(perhaps, silent)
    return _found(command, perhaps, look, keys, gate_volume, world)


def of_body(  # noqa: PLR0913 - all that it depends on
    body: Mapping[str, Any],
    look: Look,
    layers: tuple[Layer, ...],
    gate_volume: str,
    world: World,
    siblings: Mapping[str, ContainerFacts] = {},
) -> Facts:
    """Return what the law needs to know for a create body or an inspect answer.

    What the engine makes of silence is asked for as well: an inspect answer has it written down.
    `siblings` are containers that will be there when this one is. Raises ValueError for a body that
    cannot be read, and errors as `gather` does.
    """
    from saferun.formats import container_body  # command lines need none of it

    command = container_body.to_command(body, look.image)
    keys = keys_of(layers) | engine_objects.OF_THE_ENGINE
    return _found(command, command, look, keys, gate_volume, world, siblings)


def without_engine(
    command: RunCommand, image: ImageFacts, layers: tuple[Layer, ...], world: World
) -> Facts:
    """Return what can be known for a command line when no engine answers."""
    facts = user.who(command, Facts(image), (), frozenset(), world, "")
    from saferun.facts import host_files

    return host_files.found(command, facts, keys_of(layers), world)


def keys_of(layers: tuple[Layer, ...]) -> frozenset[str]:
    """Return every key that something may depend on, whoever the user is."""
    return Law(layers, "root").keys | Law(layers, "nonroot").keys


def _found(  # noqa: PLR0913 - all that it depends on
    command: RunCommand,
    perhaps: RunCommand,
    look: Look,
    keys: frozenset[str],
    gate_volume: str,
    world: World,
    siblings: Mapping[str, ContainerFacts] = {},
) -> Facts:
    """Return the facts for a command, and for the options that it will perhaps have."""
    facts = Facts(look.image, containers=siblings)
    if perhaps.options or not engine_objects.OF_THE_ENGINE.isdisjoint(keys):
        facts = engine_objects.asked_for(perhaps, facts, keys, gate_volume, world)
    facts = user.who(command, facts, mounts(perhaps, facts), keys, world, look.version)
    if not HOST_FILES.isdisjoint(keys):
        from saferun.facts import host_files  # few laws speak of the host's files

        facts = host_files.found(perhaps, facts, keys, world)
    return facts


#: The keys that depend on what is where on the host.
HOST_FILES = frozenset(
    ("device", "receipts", "security-opt", "use-api-socket", "volume", "volume-driver")
)
