"""From words to a decision, and to the words that meet it: the pure part of the run door."""

from __future__ import annotations

from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats import container_user, report
from saferun.formats.docker_run import discharge, spec
from saferun.formats.docker_run.command import RunCommand, parse, to_argv
from saferun.formats.docker_run.gate_command import composed, through_gate
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


class Judged(Record):
    """A command line with the policy's defaults, what it was taken for, and what was decided.

    `inherited` are the mount targets that come from other containers.
    """

    command: RunCommand
    image: ImageFacts
    inherited: tuple[str, ...]
    spec: ContainerSpec
    decision: Decision
    defaults: tuple[Statement, ...]

    def own(self, name: str) -> str | None:
        """Return the last value of one of saferun's own options, None when it was not given."""
        return dict(self.command.own).get(name)


class Prepared(Record):
    """What will be run: the words for `docker run`, and what the engine must record about it.

    `words` are the recorded entrypoint and command, when they are the gate's; none otherwise.
    """

    arguments: tuple[str, ...]
    spec: ContainerSpec
    words: tuple[str, ...]

    @property
    def gated(self) -> bool:
        """Whether the gate is in front of the command."""
        return bool(self.words)


def with_default_user(
    command: RunCommand, layers: tuple[Layer, ...]
) -> tuple[RunCommand, tuple[Statement, ...]]:
    """Return the command with the policy's default user where it names none, and that default.

    It comes before everything else, for it decides which tables apply. An empty --user is as good
    as none: the engine takes the image's.
    """
    users = tuple(one for one in policy.defaults(layers, "any") if one.key == "user")
    if command.last("user") or not users:
        return command, ()
    return discharge.with_defaults(command.without("user"), users), users


def judge(  # noqa: PLR0913 - all that a decision depends on
    command: RunCommand,
    image: ImageFacts,
    uid: int | None,
    inherited: tuple[str, ...],
    users: tuple[Statement, ...],
    layers: tuple[Layer, ...],
) -> Judged:
    """Add the policy's defaults where the words are silent, and evaluate.

    `users` is the default user, which the command has already.
    """
    whom = spec.to_spec(command, image, uid, inherited).whom
    others = tuple(one for one in policy.defaults(layers, whom) if not command.all(one.key))
    command = discharge.with_defaults(command, others)
    asked = spec.to_spec(command, image, uid, inherited)
    decision = evaluate(asked, layers)
    return Judged(command, image, inherited, asked, decision, (*users, *others))


def prepare(
    judged: Judged, gate: Gate, place: str, layers: tuple[Layer, ...], table: Table
) -> Prepared:
    """Meet every obligation, put the gate in front, and judge the words that docker will read.

    `place` is where the gate is mounted. Raises GateError where the law wants the gate and there is
    none for the image, ImageError when there is nothing to execute, SaferunError when the rewritten
    words are not clean.
    """
    image = judged.image
    command = discharge.discharge(judged.command, judged.decision.obligations)
    # It is on the engine, and what was judged is what must run.
    command = command.without("pull").with_option("pull", "never")
    gated = wants_gate(judged)
    if gated and not gate.serves(image):
        if judged.decision.masks.root != ANY:
            raise GateError(
                f"there is no gate for {image.os}/{image.architecture} images, so nothing could be "
                f"checked; there is one for linux on {', '.join(gate.architectures)}",
                "--verify=off runs it unchecked, if the policy allows that",
            )
        gated = False
    words: tuple[str, ...] = ()
    if gated:
        if not composed(command, image):
            message = f"no command specified, and the image {command.image} has none of its own"
            raise ImageError(message)
        command = through_gate(command, image, gate, place, judged.decision.masks)
        words = composed(command, image)
    elif not says_uid(command):
        # Nothing in the container would notice if the name came to mean another image meanwhile.
        command = command.replace(image=image.id)
    arguments = tuple(to_argv(command))
    asked = read_back(arguments, table, judged, gate.mount(place))
    again = evaluate(asked, layers)
    if again.violations or again.obligations or again.masks != judged.decision.masks:
        reasons = "\n".join(report.denial(again))
        message = f"the rewritten command line would be judged differently:\n{reasons}"
        raise SaferunError(message)
    return Prepared(arguments, asked, words)


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
    arguments: tuple[str, ...], table: Table, judged: Judged, mount: str
) -> ContainerSpec:
    """Read the final words as docker will, and return what they ask for, but for the gate's mount.

    Raises SaferunError when they cannot be read.
    """
    again = parse(arguments, table)
    if not isinstance(again, RunCommand):
        message = f"the rewritten command line cannot be read: {again.text}"
        raise SaferunError(message)
    theirs = tuple(option for option in again.options if option != ("mount", mount))
    asked = spec.to_spec(
        again.replace(options=theirs), judged.image, judged.spec.uid, judged.inherited
    )
    return asked.replace(verify=judged.spec.verify)
