"""Door: docker run, judged, rewritten, started.

In the foreground saferun ends by becoming the docker CLI; detached it starts the CLI, looks at what
it started, and only then says its name. Where a receipt is kept it watches in the foreground, too.
"""

from __future__ import annotations

import os

from saferun import asking, delivery, facts, laws, pulling
from saferun.errors import SaferunError
from saferun.formats import image_reference
from saferun.formats.docker_run.gate_command import place_of
from saferun.host import docker_cli
from saferun.judge.policy import Law
from saferun.judged import judge, judge_reference, prepare, with_early_defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.flags import Table
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.judge.policy import Layer, Statement
    from saferun.judged import Judged, Prepared
    from saferun.receipt import Receipt
    from saferun.world import World

#: Bytes of the part of the gate's place that nobody can guess.
SECRET_BYTES = 8


def run(asked: RunCommand, table: Table, world: World) -> int:
    """Judge a command line and start it; return the exit status when docker did not take over.

    Raises SaferunError when saferun cannot do its work; nothing was started then.
    """
    layers = laws.load(asked, world.environ)
    gate = delivery.gate()
    explain = dict(asked.own).get("explain", "")
    command, early = with_early_defaults(asked, layers)
    look = pulling.look(command, gate, world)
    if look is None:
        refused = before_pull(command, early, layers, world)
        if refused:
            return _denied(refused, explain, _receipt(asked, layers, gate), world)
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
        return _denied(judged, explain, _receipt(asked, layers, gate), world)
    if known.profiles and not explain:
        from saferun import profiles  # few bring one

        command, known = profiles.pinned(judged.command, known)
        judged = judged.replace(command=command, facts=known)
    place = place_of(os.urandom(SECRET_BYTES).hex())
    deadline = 0 if explain else _deadline(judged, layers, world)
    prepared = prepare(judged, gate, place, layers, table, deadline)
    if explain:
        return _explained(judged, prepared.arguments, explain, world)

    world.say(*(f"notice: {notice}" for notice in judged.notices))
    if prepared.gated:
        delivery.deliver(gate, look.volume, world, look.version)
    return _start(judged, prepared, _receipt(asked, layers, gate)(judged, world), world)


def _start(judged: Judged, prepared: Prepared, receipt: Receipt | None, world: World) -> int:
    if judged.command.is_true("detach"):
        from saferun import detached  # the start of a container hides what this costs

        return detached.start(judged, prepared, receipt, world)
    if receipt is not None:
        from saferun import supervised  # no other run is watched

        return supervised.start(judged, prepared, receipt, world)
    return _become(prepared, world)


def _become(prepared: Prepared, world: World) -> int:
    docker_cli.become(world.docker, prepared.arguments, world.environ)


def _receipt(
    asked: RunCommand, layers: tuple[Layer, ...], gate: Gate
) -> Callable[[Judged, World], Receipt | None]:
    """Return what opens the receipt of this run, where one is asked for or required."""

    def opened(judged: Judged, world: World) -> Receipt | None:
        if not _is_kept(judged, layers):
            return None
        from saferun import receipt  # it imports json

        return receipt.Receipt(asked, judged, layers, gate, world)

    return opened


def _deadline(judged: Judged, layers: tuple[Layer, ...], world: World) -> int:
    if not _is_kept(judged, layers):
        return 0
    from saferun import holding  # what is not looked at need not wait

    return holding.deadline(judged, world)


def _is_kept(judged: Judged, layers: tuple[Layer, ...]) -> bool:
    return judged.own("report") is not None or bool(
        Law(layers, judged.spec.whom).required("receipts")
    )


def before_pull(
    command: RunCommand, early: tuple[Statement, ...], layers: tuple[Layer, ...], world: World
) -> Judged | None:
    """Judge an image by its reference before it is pulled; None when nothing forbids it."""
    image = image_reference.asked(command.image)
    in_force = asking.layers_for(image, layers, world.environ)
    return judge_reference(command, image, early, in_force)


def _denied(
    judged: Judged, explain: str, opened: Callable[[Judged, World], Receipt | None], world: World
) -> int:
    if explain:
        return _explained(judged, (), explain, world)
    try:
        receipt = opened(judged, world)
        complaints = receipt.finish() if receipt is not None else []
    except SaferunError as error:
        # It is no reason to keep the others back.
        complaints = [str(error)]
    from saferun.formats import report  # whoever is allowed does not wait for the words

    world.say(*complaints)
    world.say(*report.denial(judged.decision))
    return SaferunError.status


def _explained(judged: Judged, arguments: tuple[str, ...], form: str, world: World) -> int:
    from saferun.formats import report  # it is long, and few ask

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
