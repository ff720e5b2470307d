"""Door: docker run, judged, rewritten, started.

In the foreground saferun ends by becoming the docker CLI; detached it starts the CLI, looks at what
it started, and only then says its name.
"""

from __future__ import annotations

from saferun import delivery, facts, laws, pulling
from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats import container_user, report
from saferun.formats.docker_run import discharge, spec
from saferun.formats.docker_run.command import RunCommand, parse, to_argv
from saferun.formats.docker_run.gate_command import composed, through_gate
from saferun.host import docker_cli
from saferun.judge import policy
from saferun.judge.capabilities import ANY
from saferun.judge.evaluate import evaluate
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.flags import Table
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.formats.engine_api import ImageFacts
    from saferun.judge.decision import Decision
    from saferun.judge.policy import Layer, Statement
    from saferun.judge.spec import ContainerSpec
    from saferun.world import World


class Judged(Record):
    """A command line with the policy's defaults, what it was taken for, and what was decided."""

    command: RunCommand
    image: ImageFacts
    spec: ContainerSpec
    decision: Decision
    defaults: tuple[Statement, ...]


class Prepared(Record):
    """What will be run: the words for `docker run`, and what the engine must record about it."""

    arguments: tuple[str, ...]
    spec: ContainerSpec
    gated: bool


def run(command: RunCommand, table: Table, world: World) -> int:
    """Judge a command line and start it; return the exit status when docker did not take over.

    Raises SaferunError when saferun cannot do its work; nothing was started then.
    """
    layers = laws.load(command, world.environ)
    gate = delivery.gate()
    explain = dict(command.own).get("explain", "")
    command = with_default_user(command, layers)
    look = pulling.look(command, gate, world, may_pull=not explain)
    inherited = facts.inherited_targets(command, world.engine, gate.volume)
    uid = facts.uid(command, look.image, inherited, world, look.version)

    judged = judge(command, look.image, uid, inherited, layers)
    if not judged.decision.allowed:
        return _explained(judged, (), explain, world) if explain else _denied(judged, world)
    prepared = prepare(judged, gate, inherited, layers, table)
    if explain:
        return _explained(judged, prepared.arguments, explain, world)

    if prepared.gated:
        delivery.deliver(gate, look.volume, world, look.version)
    if judged.command.is_true("detach"):
        from saferun import detached  # the start of a container hides what this costs

        return detached.start(judged, prepared, world)
    return _become(judged, prepared, world)


def with_default_user(command: RunCommand, layers: tuple[Layer, ...]) -> RunCommand:
    """Add the policy's default user, which has to come first: it decides which tables apply."""
    users = [default for default in policy.defaults(layers, "any") if default.key == "user"]
    # An empty --user is as good as none: the engine takes the image's.
    silent = not command.last("user")
    return discharge.with_defaults(command.without("user"), users) if silent and users else command


def judge(
    command: RunCommand,
    image: ImageFacts,
    uid: int | None,
    inherited: tuple[str, ...],
    layers: tuple[Layer, ...],
) -> Judged:
    """Add the policy's defaults and evaluate; a default is used where the words are silent."""
    whom = spec.to_spec(command, image, uid, inherited).whom
    defaults = tuple(
        default for default in policy.defaults(layers, whom) if not command.all(default.key)
    )
    command = discharge.with_defaults(command, defaults)
    asked = spec.to_spec(command, image, uid, inherited)
    return Judged(command, image, asked, evaluate(asked, layers), defaults)


def prepare(
    judged: Judged,
    gate: Gate,
    inherited: tuple[str, ...],
    layers: tuple[Layer, ...],
    table: Table,
) -> Prepared:
    """Meet every obligation, put the gate in front, and judge the words that docker will read.

    Raises GateError where the law wants the gate and there is none for the image, ImageError when
    there is nothing to execute, SaferunError when the rewritten words are not clean.
    """
    image = judged.image
    command = discharge.discharge(judged.command, judged.decision.obligations)
    # It is on the engine, and what was judged is what must run.
    command = command.without("pull").with_option("pull", "never")
    gated = wants_gate(judged)
    if gated and not gate.serves(image) and judged.decision.masks.root != ANY:
        raise GateError(
            f"there is no gate for {image.os}/{image.architecture} images, so nothing could be "
            f"checked; there is one for linux on {', '.join(gate.architectures)}",
            "--verify=off runs it unchecked, if the policy allows that",
        )
    gated = gated and gate.serves(image)
    if gated:
        if not composed(command, image):
            message = f"no command specified, and the image {command.image} has none of its own"
            raise ImageError(message)
        command = through_gate(command, image, gate, judged.decision.masks)
    elif not says_uid(judged.command):
        # Nothing in the container would notice if the name came to mean another image meanwhile.
        command = command.replace(image=image.id)
    arguments = tuple(to_argv(command))
    asked = read_back(arguments, table, judged, gate, inherited)
    again = evaluate(asked, layers)
    if again.violations or again.obligations or again.masks != judged.decision.masks:
        message = "the rewritten command line would be judged differently"
        raise SaferunError(message, *report.denial(again))
    return Prepared(arguments, asked, gated)


def wants_gate(judged: Judged) -> bool:
    """Tell whether there is anything that the gate could find wrong.

    There is not when the kernel need not be asked, or when no law speaks of root's capabilities
    and the command line itself says uid 0, which is root in every image.
    """
    masks = judged.decision.masks
    nothing_to_find = (
        judged.spec.uid == 0
        and says_uid(judged.command)
        and masks.root == ANY
        and not masks.no_new_privileges
    )
    return judged.spec.verify == "on" and not nothing_to_find


def says_uid(command: RunCommand) -> bool:
    """Tell whether the command line names its user by number, so that no image can change it."""
    user = command.last("user")
    return bool(user) and container_user.number(container_user.user_part(user or "")) is not None


def read_back(
    arguments: tuple[str, ...],
    table: Table,
    judged: Judged,
    gate: Gate,
    inherited: tuple[str, ...],
) -> ContainerSpec:
    """Read the final words as docker will, and return what they ask for, but for the gate's mount.

    Raises SaferunError when they cannot be read.
    """
    again = parse(arguments, table)
    if not isinstance(again, RunCommand):
        message = f"the rewritten command line cannot be read: {again.text}"
        raise SaferunError(message)
    theirs = tuple(option for option in again.options if option != ("mount", gate.mount))
    asked = spec.to_spec(again.replace(options=theirs), judged.image, judged.spec.uid, inherited)
    return asked.replace(verify=judged.spec.verify)


def _denied(judged: Judged, world: World) -> int:
    world.say(*report.denial(judged.decision))
    return SaferunError.status


def _explained(judged: Judged, arguments: tuple[str, ...], form: str, world: World) -> int:
    argv = (world.docker, "run", *arguments) if arguments else ()
    if form == "json":
        import json  # only for programs that ask

        shape = report.document(judged.spec, judged.decision, judged.defaults, argv)
        world.out(json.dumps(shape, indent=2) + "\n")
    else:
        told = report.explanation(judged.spec, judged.decision, judged.defaults, argv)
        world.out("".join(f"{line}\n" for line in told))
    return 0 if judged.decision.allowed else SaferunError.status


def _become(judged: Judged, prepared: Prepared, world: World) -> int:
    path = dict(judged.command.own).get("report")
    if path is not None:
        from saferun import receipt  # it imports json

        receipt.Receipt(path).write(judged, prepared, world.docker, receipt.FOREGROUND)
    docker_cli.become(world.docker, prepared.arguments, world.environ)
