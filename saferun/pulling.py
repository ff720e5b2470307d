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
    found = None
    if mode == "always" and may_pull:
        _pull(command, world, "")
    else:
        found = _ask(command, gate, world)
    if found is None and mode == "missing" and may_pull:
        _pull(command, world, f"Unable to find image '{_familiar(command.image)}' locally")
    found = found or _ask(command, gate, world)
    if found is None:
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
    if docker_cli.call(world.docker, words, world.environ, quiet=quiet) != 0:
        message = f"the image {command.image} could not be pulled"
        raise ImageError(message)


def _familiar(reference: str) -> str:
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"
