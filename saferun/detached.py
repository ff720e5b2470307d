"""docker run -d: started by the real CLI, looked at, and only then named."""

from __future__ import annotations

import time

from saferun import evidence
from saferun.errors import DockerCliError, EngineError, Interrupted
from saferun.host import docker_cli
from saferun.host.engine import OK, segment
from saferun.host.signals import Deferred, name_of
from saferun.judge.verify import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.evidence import Sighting
    from saferun.judged import Judged, Prepared
    from saferun.receipt import Receipt
    from saferun.world import World

#: The gate, or the evidence, said no.
REFUSED = 126
#: How long the engine may take to finish what it was asked for by a docker that was killed.
UNNAMED_SECONDS = 2.0
PAUSE_SECONDS = 0.05
#: What a shell adds to the number of the signal that a program ended by.
SIGNALLED = 128


def start(judged: Judged, prepared: Prepared, kept: Receipt | None, world: World) -> int:
    """Start the container, confirm it from outside, print its id; return the exit status.

    A container that contradicts what was allowed, or whose start was interrupted, is killed and
    removed. One whose command could not be executed is left behind, as docker leaves it. `kept` is
    the receipt, where one is kept.
    """
    if kept is not None:
        kept.begin(prepared)
    with Deferred() as signals:
        status, printed = _started(prepared, kept, world)
        # Newer CLIs print warnings about deprecated flags on stdout as well, before the id.
        text = printed.decode("utf-8", "surrogateescape")
        container = text.strip().rpartition("\n")[2].strip()
        if status < 0:
            return _cut_short(-status, container, prepared, kept, world)
        if status != 0 or not container:
            if kept is not None:
                world.say(*kept.finish(evidence.NOT_STARTED))
            world.out(text)
            return status
        try:
            sighting = _observe(container, judged, prepared, world)
        except Interrupted as impatience:
            world.say(f"interrupted: the container {container[:12]} was started and may still run")
            return SIGNALLED + impatience.number
        contradicted = sighting.verdict.outcome == "contradicted"
        gone = removed(container, world) if contradicted else ""
        if prepared.deadline and not contradicted and signals.number is None:
            from saferun import holding  # only where a receipt is kept, anything holds at the door

            holding.let_go(container, sighting, judged, prepared, world)
            sighting = _gone_on(container, sighting, judged, prepared, world)
            contradicted = sighting.verdict.outcome == "contradicted"
            gone = removed(container, world) if contradicted else ""
        if kept is not None:
            kept.ask_engine()
            world.say(*kept.finish(sighting, container))
        if signals.number is not None:
            world.say("interrupted", gone or removed(container, world))
            return SIGNALLED + signals.number
        if contradicted:
            world.say(
                "denied: the running container is not what was allowed",
                *(f"  {reason}" for reason in sighting.verdict.reasons),
                gone,
            )
            return REFUSED
        return _named(container, text, sighting, world)


def _cut_short(
    number: int, container: str, prepared: Prepared, kept: Receipt | None, world: World
) -> int:
    """Leave no container of a docker that was killed; return the exit status.

    Before it said which one that is, it is found by the place of its gate, which no other has.
    """
    why = f"docker was ended by {name_of(number)} while it started the container"
    container = container or _found(prepared, world)
    if kept is not None:
        sighting = evidence.Sighting(Verdict("unverified", (why,)))
        world.say(*kept.finish(sighting, container))
    unknown = "a container may have been started: docker ps --all shows it"
    world.say(why, removed(container, world) if container else unknown)
    return SIGNALLED + number


def _found(prepared: Prepared, world: World) -> str:
    """Return the id of the container of this run, empty where there is none or it is not known."""
    if not prepared.gated:
        return ""
    from saferun.formats import engine_activity  # docker is not killed every day

    place = prepared.words[0].rpartition("/")[0]
    query = segment(f'{{"volume":["{place}"]}}')
    end = time.monotonic() + UNNAMED_SECONDS
    while time.monotonic() < end:
        try:
            (answer,) = world.engine.get(f"/containers/json?all=1&filters={query}")
            found = engine_activity.listed(answer.body) if answer.status == OK else ()
        except (EngineError, ValueError):
            return ""
        if len(found) == 1:
            return found[0].id
        # What docker had asked for the engine may still be making.
        time.sleep(PAUSE_SECONDS)
    return ""


def _started(prepared: Prepared, kept: Receipt | None, world: World) -> tuple[int, bytes]:
    try:
        return docker_cli.start_detached(world.docker, prepared.arguments, world.environ)
    except DockerCliError:
        if kept is not None:
            kept.discard()
        raise


def _observe(container: str, judged: Judged, prepared: Prepared, world: World) -> Sighting:
    try:
        return evidence.observe(world.engine, container, prepared, judged.decision.masks)
    except EngineError as error:
        return evidence.Sighting(Verdict("unverified", (str(error),)))


def _gone_on(
    container: str, seen: Sighting, judged: Judged, prepared: Prepared, world: World
) -> Sighting:
    """Look on until the command has begun, or was found not to be executable.

    What was seen at the door stands, unless the command contradicts it.
    """
    if seen.holding is None:
        return seen
    after = _observe(container, judged, prepared.replace(deadline=0), world)
    if after.verdict.outcome == "contradicted":
        return after
    return after.replace(verdict=seen.verdict, stage=seen.stage)


def _named(container: str, text: str, sighting: Sighting, world: World) -> int:
    """Print the id as docker did, unless the command was not executed; return the exit status."""
    if sighting.status == evidence.EXEC_FAILED:
        # For docker run -d it was started; that it ended at once it would not have told.
        _say(sighting, world)
    elif sighting.gate_line is not None:
        return _not_executed(container, sighting, world)
    world.out(text)
    return 0


def _not_executed(container: str, sighting: Sighting, world: World) -> int:
    if sighting.restarts:
        # docker run -d would never have started it, so nothing would be trying again and again.
        docker_cli.quietly(world.docker, ["stop", "--time=0", container], world.environ)
    _say(sighting, world)
    return sighting.status or REFUSED


def _say(sighting: Sighting, world: World) -> None:
    world.say(*(sighting.gate_line or "").split("\n"))


def removed(container: str, world: World) -> str:
    """Kill and remove a container; return the line that tells whether that worked."""
    words = ["rm", "--force", "--volumes", container]
    if docker_cli.quietly(world.docker, words, world.environ) == 0:
        return f"the container {container[:12]} was killed and removed"
    return f"the container {container[:12]} could not be removed; it may still run"
