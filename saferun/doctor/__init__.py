"""Door: is this engine honest, and will saferun work here.

What the CLI and the engine say of themselves is read; what can be tried is tried, on containers
that are removed again. Every check of `judge.diagnosis.CHECKS` has a line at the end, whatever
happens on the way.
"""

from __future__ import annotations

from saferun import delivery
from saferun.doctor import canaries, client, gates, laws
from saferun.errors import EngineError, GateError
from saferun.facts import image as image_facts
from saferun.formats import canary_lines, engine_api, engine_lines, outside_lines
from saferun.formats.json_text import decode
from saferun.host import caller, engine_files, kernel
from saferun.host.endpoint import Endpoint
from saferun.host.engine import OK, Engine
from saferun.judge.diagnosis import complete, failed, passed
from saferun.judge.record import Record
from saferun.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from saferun.formats.docker_run.gate_command import Gate
    from saferun.formats.engine_api import EngineFacts, EngineVersion
    from saferun.judge.diagnosis import Line

#: How long one answer may take before the engine counts as one that cannot be reached.
PATIENCE_SECONDS = 20
#: Why a check has no line of its own.
NOT_REACHED = "an earlier check failed, so this one could not be made"
NO_ENGINE = "look at what listens there, and at DOCKER_HOST and the docker context"


class Diagnosis(Record):
    """Which engine was looked at, by its address, and a line for every check."""

    engine: str
    lines: tuple[Line, ...]


def examine(environ: Mapping[str, str], ourselves: str, named: tuple[str, ...]) -> Diagnosis:
    """Make every check, and leave nothing behind.

    `ourselves` is the path of saferun, `named` the policies given with --policy. Raises only
    Interrupted, when a signal asks to end; what was made on the engine is removed then as well.
    """
    docker, lines = client.check(environ, ourselves)
    world = World(docker, environ)
    world.engine = Engine(Endpoint(docker, environ, decode), PATIENCE_SECONDS)
    lines += laws.check(named, environ)
    lines += _of_engine(world)
    return Diagnosis(world.engine.endpoint.name, complete(lines, NOT_REACHED))


def _of_engine(world: World) -> Iterator[Line]:
    """Yield all that depends on the engine; stops where nothing more can be found out."""
    where = world.engine.endpoint
    try:
        ping, told, info = world.engine.get("/_ping", "/version", "/info")
        api = image_facts.api_version_text(ping)
        version = engine_api.engine_version(told.body)
        facts = engine_api.engine_facts(info.body)
    except EngineError as error:
        yield failed("engine.reachable", str(error), "; ".join(error.hints) or NO_ENGINE)
        return
    except ValueError as error:
        yield failed("engine.reachable", f"{where.name} makes no sense: {error}", NO_ENGINE)
        return
    if not api or (told.status, info.status) != (OK, OK):
        why = f"{where.name} does not answer as an engine: {engine_api.error_message(info.body)}"
        yield failed("engine.reachable", why, NO_ENGINE)
        return
    yield passed("engine.reachable", where.name)
    yield engine_lines.socket(where.socket, where.mode(), facts.warnings)
    yield from engine_lines.versions(version)
    yield from engine_lines.facts(facts, version)
    is_here = engine_files.of(where) is not None
    yield outside_lines.local(facts, is_here=is_here, kernel=kernel.release())
    yield outside_lines.hidepid(kernel.mounts(), caller.ids()[0])
    try:
        ours = delivery.gate()
    except GateError as error:
        yield failed("gate.architecture", str(error), "; ".join(error.hints))
        return
    fits = engine_lines.architecture(version, ours.architectures)
    yield fits
    if fits.outcome == "pass":
        yield from _tried(ours, world, api, (version, facts))


def _tried(
    ours: Gate, world: World, api: str, told: tuple[EngineVersion, EngineFacts]
) -> Iterator[Line]:
    """Yield what can only be tried: the gate's volume, and the canaries."""
    version, facts = told
    is_there, line = gates.volume(ours, world)
    yield line
    flown = canaries.fly(world, api, version.architecture, ours.volume if is_there else None)
    if line.outcome == "pass":
        yield gates.content(ours, flown.content, is_there=is_there)
    always = facts.no_new_privileges
    yield from canary_lines.judge(
        flown.flight, always_no_new_privileges=always, podman=version.podman
    )
    yield outside_lines.process(flown.flight.outside)
    yield gates.removed(flown.left)
