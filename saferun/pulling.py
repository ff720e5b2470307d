"""The image as docker run would have it: looked at, and pulled before it is judged."""

from __future__ import annotations

from saferun import delivery, facts
from saferun.errors import ImageError
from saferun.formats.docker_run.command import to_argv
from saferun.host import docker_cli
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.formats.engine_api import ImageFacts
    from saferun.host.engine import Answer
    from saferun.world import World

#: What docker run takes for --pull; an empty value is the default.
MODES = ("always", "missing", "never")


class Look(Record):
    """What the engine said in one breath: the image, the gate's volume, its API version."""

    image: ImageFacts
    volume: Answer
    version: str


def look(command: RunCommand, gate: Gate, world: World, *, may_pull: bool) -> Look:
    """Ask the engine for the image and the gate's volume, pulling the image as docker run would.

    Raises ImageError when the image is not to be had, EngineError when nobody answers.
    """
    mode = command.last("pull") or "missing"
    if mode not in MODES:
        message = f"invalid --pull={mode}: it must be one of {', '.join(MODES)}"
        raise ImageError(message)
    if mode == "always" and may_pull:
        _pull(command, world)
    found = _ask(command, gate, world)
    if isinstance(found, Look):
        return found
    if mode == "missing" and may_pull:
        if not command.is_true("quiet"):
            world.say(f"Unable to find image '{_familiar(command.image)}' locally", prefix=False)
        _pull(command, world)
        found = _ask(command, gate, world)
    if not isinstance(found, Look):
        hint = "" if may_pull else "--explain pulls nothing: pull it first"
        raise ImageError(f"no such image: {command.image}", *filter(None, [hint]))
    return found


def _ask(command: RunCommand, gate: Gate, world: World) -> Look | None:
    reference = command.image
    of_image, of_volume = world.engine.get(facts.image_path(reference), delivery.volume_path(gate))
    platform = command.last("platform") or world.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    image = facts.for_platform(
        facts.image(of_image, reference), platform, reference, of_image, world.engine
    )
    if image is None:
        return None
    return Look(image, of_volume, facts.api_version_text(of_image))


def _pull(command: RunCommand, world: World) -> None:
    # docker run reads its whole command line before it pulls anything: a flag that it will refuse
    # must not cost a download. Without an image it can do nothing else than complain.
    flags = to_argv(command)
    flags = flags[: flags.index("--")]
    if docker_cli.quietly(world.docker, ["run", *flags], world.environ) == docker_cli.REFUSED:
        docker_cli.become(world.docker, flags, world.environ)
    options = [
        f"--{name}={command.last(name)}" for name in ("platform", "quiet") if command.last(name)
    ]
    options += [
        f"--disable-content-trust={value}" for value in command.all("disable-content-trust")
    ]
    if (
        docker_cli.call(
            world.docker, ["pull", *options, "--", _familiar(command.image)], world.environ
        )
        != 0
    ):
        message = f"the image {command.image} could not be pulled"
        raise ImageError(message)


def _familiar(reference: str) -> str:
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"
