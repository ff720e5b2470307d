"""What is known of a container that runs already, and of whatever its record names."""

from __future__ import annotations

from saferun.errors import SaferunError
from saferun.facts import engine_objects, host_files, user
from saferun.formats.docker_run.mounts import mounts
from saferun.formats.facts import Facts
from saferun.judge.keys import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts
    from saferun.world import World

#: Everything that a law could speak of; the exposure score speaks of all of it.
EVERYTHING = frozenset(KEYS)


def about(
    command: RunCommand, image: ImageFacts, gate_volume: str, world: World, version: str
) -> tuple[Facts, tuple[str, ...]]:
    """Return the facts for the command line that asks for the same container.

    And why some of them are not known. Those permit nothing. Raises EngineError when the engine
    does not answer.
    """
    facts = Facts(image)
    facts = engine_objects.asked_for(command, facts, EVERYTHING, gate_volume, world)
    unknown: tuple[str, ...] = ()
    try:
        facts = user.who(command, facts, mounts(command, facts), EVERYTHING, world, version)
    except SaferunError as error:
        # Its image may have been removed meanwhile; it is judged as not root then.
        unknown = (f"who its user is: {error}",)
    return host_files.found(command, facts, EVERYTHING, world), unknown
