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
    from saferun.host.engine_files import EngineFiles
    from saferun.world import World

#: What the exposure score speaks of, whatever the law says: everything but who is in which group,
#: for which files in the image would have to be read.
SCORED = frozenset(KEYS) - {"group", "group-add"}


def about(  # noqa: PLR0913 - all that it depends on
    command: RunCommand,
    image: ImageFacts,
    keys: frozenset[str],
    host: EngineFiles | None,
    gate_volume: str,
    world: World,
    version: str,
) -> tuple[Facts, tuple[str, ...]]:
    """Return the facts for the command line that asks for the same container.

    And why some of them are not known; those permit nothing. `keys` are those that the law speaks
    of; `host` are the files of the engine, None where they are on another machine. Raises
    EngineError when the engine does not answer.
    """
    facts = engine_objects.asked_for(command, Facts(image), SCORED, gate_volume, world)
    unknown: tuple[str, ...] = ()
    try:
        facts = user.who(command, facts, mounts(command, facts), keys, world, version)
    except SaferunError as error:
        # The image may have been removed meanwhile: then it counts as not root.
        unknown = (f"who its user is: {error}",)
    return host_files.within(host, command, facts, SCORED, world), unknown
