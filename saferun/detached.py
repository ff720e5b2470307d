"""docker run -d: started by the real CLI, looked at, and only then named."""

from __future__ import annotations

from saferun import evidence
from saferun.errors import EngineError, Interrupted, SaferunError
from saferun.host import docker_cli
from saferun.host.signals import Deferred
from saferun.judge.verify import Verdict
from saferun.receipt import Receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.evidence import Sighting
    from saferun.judged import Judged, Prepared
    from saferun.world import World

#: The gate, or the evidence, said no.
REFUSED = 126
#: What a shell adds to the number of the signal that a program ended by.
SIGNALLED = 128


def start(judged: Judged, prepared: Prepared, world: World) -> int:
    """Start the container, confirm it from outside, print its id; return the exit status.

    A container that contradicts what was allowed, or whose start was interrupted, is killed and
    removed. One whose command could not be executed is left behind, as docker leaves it.
    """
    path = judged.own("report")
    report = None if path is None else Receipt(path)
    with Deferred() as signals:
        status, printed = docker_cli.start_detached(world.docker, prepared.arguments, world.environ)
        # Newer CLIs print warnings about deprecated flags on stdout as well, before the id.
        text = printed.decode("utf-8", "surrogateescape")
        container = text.strip().rpartition("\n")[2].strip()
        if status != 0 or not container:
            world.out(text)
            return status
        try:
            sighting = _observe(container, judged, prepared, world)
        except Interrupted as impatience:
            world.say(f"interrupted: the container {container[:12]} was started and may still run")
            return SIGNALLED + impatience.number
        if report is not None:
            _write(report, judged, prepared, world, sighting.verdict, container)
        if signals.number is not None:
            world.say("interrupted", _removed(container, world))
            return SIGNALLED + signals.number
        if sighting.verdict.outcome == "contradicted":
            world.say(
                "denied: the running container is not what was allowed",
                *(f"  {reason}" for reason in sighting.verdict.reasons),
                _removed(container, world),
            )
            return REFUSED
        if sighting.status == evidence.EXEC_FAILED:
            # For docker run -d it was started; that it ended at once it would not have told.
            _say(sighting, world)
        elif sighting.gate_line is not None:
            return _not_executed(container, sighting, world)
        world.out(text)
        return 0


def _observe(container: str, judged: Judged, prepared: Prepared, world: World) -> Sighting:
    try:
        return evidence.observe(world.engine, container, prepared, judged.decision.masks)
    except EngineError as error:
        return evidence.Sighting(Verdict("unverified", (str(error),)))


def _not_executed(container: str, sighting: Sighting, world: World) -> int:
    if sighting.restarts:
        # docker run -d would never have started it, so nothing would be trying again and again.
        docker_cli.quietly(world.docker, ["stop", "--time=0", container], world.environ)
    _say(sighting, world)
    return sighting.status or REFUSED


def _say(sighting: Sighting, world: World) -> None:
    world.say(*(sighting.gate_line or "").split("\n"))


def _removed(container: str, world: World) -> str:
    """Kill and remove a container; return the line that tells whether that worked."""
    words = ["rm", "--force", "--volumes", container]
    if docker_cli.quietly(world.docker, words, world.environ) == 0:
        return f"the container {container[:12]} was killed and removed"
    return f"the container {container[:12]} could not be removed; it may still run"


def _write(  # noqa: PLR0913 - the parts of one document
    report: Receipt,
    judged: Judged,
    prepared: Prepared,
    world: World,
    verdict: Verdict,
    container: str,
) -> None:
    try:
        report.write(judged, prepared, world.docker, verdict, container)
    except SaferunError as error:
        # The container runs already: a report that cannot be written does not undo that.
        world.say(str(error))
