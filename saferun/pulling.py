"""The image as docker run would have it: looked at, and pulled before it is judged."""

from __future__ import annotations

from saferun import delivery
from saferun.errors import ImageError
from saferun.facts import image as image_facts
from saferun.formats.docker_run import spec
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


def look(command: RunCommand, gate: Gate, world: World) -> Look | None:
    """Ask the engine for the image and the gate's volume; None when docker run would pull first.

    Raises ImageError for a mode of pulling that there is not, EngineError when nobody answers.
    """
    mode = spec.pull(command)
    if mode not in MODES:
        message = f"invalid --pull={mode}: it must be one of {', '.join(MODES)}"
        raise ImageError(message)
    found = None if mode == "always" else _ask(command, gate, world)
    if found is None and mode == "never":
        raise _missing(command)
    return found


def fetch(command: RunCommand, gate: Gate, world: World) -> Look:
    """Pull the image as docker run would, and look at it; raises ImageError if there is none."""
    always = spec.pull(command) == "always"
    name = _familiar(command.image)
    _pull(command, world, "" if always else f"Unable to find image '{name}' locally")
    found = _ask(command, gate, world)
    if found is None:
        raise _missing(command)
    return found


def look_without_pull(command: RunCommand, gate: Gate, world: World) -> Look:
    """Look at the image that is there, whatever would be pulled; raises ImageError if none is."""
    found = _ask(command, gate, world)
    if found is None:
        raise _missing(command, "--explain pulls nothing: pull it first")
    return found


def _missing(command: RunCommand, *hints: str) -> ImageError:
    return ImageError(f"no such image: {command.image}", *hints)


def _ask(command: RunCommand, gate: Gate, world: World) -> Look | None:
    platform = command.last("platform") or world.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    return at(command.image, platform, gate, world)


def at(reference: str, platform: str, gate: Gate, world: World) -> Look | None:
    """Ask the engine for an image that is there, None if it is not; raises EngineError."""
    of_image, of_volume = world.engine.get(
        image_facts.image_path(reference), delivery.volume_path(gate)
    )
    image = image_facts.for_platform(
        image_facts.image(of_image, reference), platform, reference, of_image, world.engine
    )
    if image is None:
        return None
    return Look(image, of_volume, image_facts.api_version_text(of_image))


def let_docker_complain(command: RunCommand, world: World) -> None:
    """Become docker if it has something to say against the options itself; return if not."""
    flags = to_argv(command)
    flags = flags[: flags.index("--")]
    if docker_cli.complains(world.docker, flags, world.environ):
        docker_cli.become(world.docker, [*flags, "--", docker_cli.NO_IMAGE], world.environ)


def _pull(command: RunCommand, world: World, notice: str) -> None:
    # docker run reads its whole command line before it pulls anything: a flag that it will refuse
    # must not cost a download.
    let_docker_complain(command, world)
    quiet = command.is_true("quiet")
    if notice and not quiet:
        world.say(notice, prefix=False)
    options = [
        f"--{name}={value}"
        for name in ("platform", "quiet", "disable-content-trust")
        for value in command.all(name)
    ]
    words = ["pull", *options, "--", _familiar(command.image)]
    status = docker_cli.call(world.docker, words, world.environ, quiet=quiet)
    if status < 0:
        from saferun.host.signals import name_of

        message = f"docker was ended by {name_of(-status)} while it pulled {command.image}"
        raise ImageError(message)
    if status != 0:
        message = f"the image {command.image} could not be pulled"
        raise ImageError(message)


def _familiar(reference: str) -> str:
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"
