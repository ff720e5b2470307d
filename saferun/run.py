"""Door: docker run, judged, rewritten, started.

In the foreground saferun ends by becoming the docker CLI; detached it starts the CLI, looks at what
it started, and only then says its name.
"""

from __future__ import annotations

import os

from saferun import asking, delivery, facts, laws, pulling
from saferun.errors import SaferunError
from saferun.formats import image_reference, report
from saferun.formats.docker_run.gate_command import place_of
from saferun.host import docker_cli
from saferun.judged import judge, judge_reference, prepare, with_early_defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.flags import Table
    from saferun.judge.policy import Layer, Statement
    from saferun.judged import Judged, Prepared
    from saferun.world import World

#: Bytes of the part of the gate's place that nobody can guess.
SECRET_BYTES = 8


def run(command: RunCommand, table: Table, world: World) -> int:
    """Judge a command line and start it; return the exit status when docker did not take over.

    Raises SaferunError when saferun cannot do its work; nothing was started then.
    """
    layers = laws.load(command, world.environ)
    gate = delivery.gate()
    explain = dict(command.own).get("explain", "")
    command, early = with_early_defaults(command, layers)
    look = pulling.look(command, gate, world)
    if look is None:
        refused = before_pull(command, early, layers, world)
        if refused:
            return _denied(refused, explain, world)
        fetch = pulling.look_without_pull if explain else pulling.fetch
        look = fetch(command, gate, world)
    gate = delivery.on_engine(gate, look.volume)
    names = image_reference.names(command.image, look.image)
    layers = asking.layers_for(names, layers, world.environ)
    known = facts.gather(command, look, layers, gate.volume, world)

    judged = judge(command, known, early, layers)
    if not judged.decision.allowed:
        if any(mount.target is None for mount in judged.spec.mounts):
            # What saferun does not understand, docker refuses as well, and says why.
            pulling.let_docker_complain(command, world)
        return _denied(judged, explain, world)
    if known.profiles and not explain:
        from saferun import profiles  # few bring one

        command, known = profiles.pinned(judged.command, known)
        judged = judged.replace(command=command, facts=known)
    prepared = prepare(judged, gate, place_of(os.urandom(SECRET_BYTES).hex()), layers, table)
    if explain:
        return _explained(judged, prepared.arguments, explain, world)

    world.say(*(f"notice: {notice}" for notice in judged.notices))
    if prepared.gated:
        delivery.deliver(gate, look.volume, world, look.version)
    if judged.command.is_true("detach"):
        from saferun import detached  # the start of a container hides what this costs

        return detached.start(judged, prepared, world)
    return _become(judged, prepared, world)


def before_pull(
    command: RunCommand, early: tuple[Statement, ...], layers: tuple[Layer, ...], world: World
) -> Judged | None:
    """Judge an image by its reference before it is pulled; None when nothing forbids it."""
    image = image_reference.asked(command.image)
    in_force = asking.layers_for(image, layers, world.environ)
    return judge_reference(command, image, early, in_force)


def _denied(judged: Judged, explain: str, world: World) -> int:
    if explain:
        return _explained(judged, (), explain, world)
    path = judged.own("report")
    if path is not None:
        from saferun import receipt  # it imports json

        receipt.Receipt(path).write(judged, None, world.docker)
    world.say(*report.denial(judged.decision))
    return SaferunError.status


def _explained(judged: Judged, arguments: tuple[str, ...], form: str, world: World) -> int:
    argv = (world.docker, "run", *arguments) if arguments else ()
    if form == "json":
        import json  # only for programs that ask

        shape = report.document(judged.spec, judged.decision, judged.defaults, judged.notices, argv)
        world.out(json.dumps(shape, indent=2) + "\n")
    else:
        lines = report.explanation(
            judged.spec, judged.decision, judged.defaults, judged.notices, argv
        )
        world.out("".join(f"{line}\n" for line in lines))
    return 0 if judged.decision.allowed else SaferunError.status


def _become(judged: Judged, prepared: Prepared, world: World) -> int:
    path = judged.own("report")
    if path is not None:
        from saferun import receipt  # it imports json

        receipt.Receipt(path).write(judged, prepared, world.docker, receipt.FOREGROUND)
    docker_cli.become(world.docker, prepared.arguments, world.environ)
