"""From words to a decision, and to the words that meet it: the pure part of the run door."""

from __future__ import annotations

from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats import container_user, report
from saferun.formats.docker_run import discharge, spec
from saferun.formats.docker_run.command import RunCommand, parse, to_argv, unknown
from saferun.formats.docker_run.gate_command import composed, through_gate
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.judge.capabilities import ANY
from saferun.judge.decision import Decision, Masks
from saferun.judge.evaluate import evaluate, refusals_before_pull
from saferun.judge.policy import Law
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.flags import Table
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.judge.policy import Layer, Statement
    from saferun.judge.rules import Image
    from saferun.judge.spec import ContainerSpec


class Judged(Record):
    """A command line with the policy's defaults, what it was taken for, and what was decided.

    `defaults` are those in use, `notices` what there is to say of those that were cut down.
    """

    command: RunCommand
    facts: Facts
    spec: ContainerSpec
    decision: Decision
    defaults: tuple[Statement, ...]
    notices: tuple[str, ...] = ()

    def own(self, name: str) -> str | None:
        """Return the last value of one of saferun's own options, None when it was not given."""
        return dict(self.command.own).get(name)


class Prepared(Record):
    """What will be run: the words for `docker run`, and what the engine must record about it.

    `words` are the recorded entrypoint and command, when they are the gate's; none otherwise.
    `deadline` is until when the gate holds at the door, in seconds since 1970; 0: not at all.
    """

    arguments: tuple[str, ...]
    spec: ContainerSpec
    words: tuple[str, ...]
    deadline: int = 0

    @property
    def gated(self) -> bool:
        """Whether the gate is in front of the command."""
        return bool(self.words)


#: Defaults that are needed before it is known which of the other tables apply.
EARLY = ("platform", "pull", "user")


def with_early_defaults(
    command: RunCommand, layers: tuple[Layer, ...]
) -> tuple[RunCommand, tuple[Statement, ...]]:
    """Return the command with those defaults that everything else depends on, and these defaults.

    An empty --user, --pull or --platform is as good as none.
    """
    early = tuple(
        one
        for one in Law(layers, "any").defaults()
        if one.key in EARLY and not command.last(one.key)
    )
    for one in early:
        command = command.without(one.key)
    return discharge.with_defaults(command, early), early


def judge(
    command: RunCommand, facts: Facts, early: tuple[Statement, ...], layers: tuple[Layer, ...]
) -> Judged:
    """Add the policy's defaults where the words are silent, and evaluate.

    `early` are the defaults that the command has already; `layers` have their rules in force. A
    default that is more than may be asked for is cut down to what may.
    """
    law = Law(layers, spec.to_spec(command, facts).whom)
    chosen = tuple(one for one in law.defaults() if discharge.is_silent(command, one.key))
    with_all = discharge.with_defaults(command, chosen)
    asked = spec.to_spec(with_all, facts)
    decision = evaluate(asked, layers)
    beyond = {violation.key for violation in decision.violations} & {one.key for one in chosen}
    if not beyond:
        return Judged(with_all, facts, asked, decision, (*early, *chosen))
    kept = tuple(_cut(one, command, facts, layers) if one.key in beyond else one for one in chosen)
    defaults = tuple(one for one in kept if one.value != ())
    with_kept = discharge.with_defaults(command, defaults)
    asked = spec.to_spec(with_kept, facts)
    return Judged(
        with_kept,
        facts,
        asked,
        evaluate(asked, layers),
        (*early, *defaults),
        tuple(
            f"default {one.key} = {report.value(one.value)} ({one.origin}) is more than allowed "
            f"({report.origins(decision, one.key)}) and "
            + (f"cut down to {report.value(less.value)}" if less.value != () else "not used")
            for one, less in zip(chosen, kept, strict=True)
            if one != less
        ),
    )


def judge_reference(
    command: RunCommand, image: Image, early: tuple[Statement, ...], layers: tuple[Layer, ...]
) -> Judged | None:
    """Judge what is known before an image is pulled; None when nothing forbids that it is."""
    facts = Facts(ImageFacts("", "", ""))
    # Nobody has asked yet for what else is named.
    asked = spec.to_spec(command, facts).replace(image=image, mounted_images=())
    refused = refusals_before_pull(asked, layers)
    if not refused:
        return None
    return Judged(command, facts, asked, Decision(refused, (), Masks(0, 0)), early)


def _cut(
    default: Statement, command: RunCommand, facts: Facts, layers: tuple[Layer, ...]
) -> Statement:
    """Return what is left of a default that is more than may be asked for, `()` for nothing.

    Of a list that is every item that may be asked for. Instead of an amount the limit itself will
    be added, as where nothing was said.
    """
    if not isinstance(default.value, tuple):
        return default.replace(value=())
    return default.replace(
        value=tuple(
            item
            for item in default.value
            if all(
                violation.key != default.key
                for violation in evaluate(
                    spec.to_spec(command.with_option(default.key, item), facts), layers
                ).violations
            )
        )
    )


def prepare(  # noqa: PLR0913 - all that the words depend on
    judged: Judged,
    gate: Gate,
    place: str,
    layers: tuple[Layer, ...],
    table: Table,
    deadline: int = 0,
) -> Prepared:
    """Meet every obligation, put the gate in front, and judge the words that docker will read.

    `place` is where the gate is mounted, `deadline` until when it holds at the door. Raises what
    `unable` returns, and SaferunError when the rewritten words are not clean.
    """
    lacking = unable(judged, gate, layers)
    if lacking is not None:
        raise lacking
    image = judged.facts.image
    command = discharge.discharge(judged.command, judged.decision.obligations)
    # It is on the engine, and what was judged is what must run.
    command = command.without("pull").with_option("pull", "never")
    gated = wants_gate(judged) and gate.serves(image)
    words: tuple[str, ...] = ()
    if gated:
        command = through_gate(command, image, gate, place, judged.decision.masks, deadline)
        words = composed(command, image)
    if names_matter(judged, layers) or not (gated or says_uid(command)):
        # The name must not come to mean another image meanwhile. What the law let pass by its name
        # would not be that any more; and without the gate nothing in the container would notice.
        command = command.replace(image=image.id)
    arguments = tuple(to_argv(command))
    asked = read_back(arguments, table, judged, gate.mount(place))
    again = evaluate(asked, layers)
    if again.violations or again.obligations or again.masks != judged.decision.masks:
        reasons = "\n".join(report.denial(again))
        message = f"the rewritten command line would be judged differently:\n{reasons}"
        raise SaferunError(message)
    return Prepared(arguments, asked, words, deadline if gated else 0)


def unable(judged: Judged, gate: Gate, layers: tuple[Layer, ...]) -> SaferunError | None:
    """Return why saferun cannot start what the law allows, None when it can.

    A SaferunError is of the words (`unspoken`), a GateError says that the law wants the gate and
    there is none for the image, an ImageError that there is nothing to execute.
    """
    image = judged.facts.image
    lacking = unspoken(judged.command, layers, on_podman=gate.podman)
    if lacking is not None or not wants_gate(judged):
        return lacking
    if not gate.serves(image):
        return None if judged.decision.masks.root == ANY else _no_gate(gate, image)
    if not composed(judged.command, image):
        message = f"no command specified, and the image {judged.command.image} has none of its own"
        return ImageError(message)
    return None


def unspoken(
    command: RunCommand, layers: tuple[Layer, ...], *, on_podman: bool
) -> SaferunError | None:
    """Return what there is to say of words that the judge does not see as the CLI will read them.

    That Podman would make another container's gate writable, or that a policy file is in force and
    there is something that none can speak of.
    """
    new = unknown(command)
    beyond = f"--{new}, which is not one of docker run's" if new else None
    if on_podman:
        from saferun.formats.docker_run import podman

        if podman.writable_again(command):
            message = "with this --volumes-from Podman would make another container's gate writable"
            hint = "say :ro or nothing: then what is read-only there is so here"
            return SaferunError(message, hint)
        beyond = beyond or podman.read_otherwise(command)
    if beyond and any(layer.sources for layer in layers):
        message = f"no policy can speak of {beyond}, and there is a policy"
        return SaferunError(message, "leave it out, or give each value an option of its own")
    return None


def names_matter(judged: Judged, layers: tuple[Layer, ...]) -> bool:
    """Tell whether it was decided by which image it is."""
    return any(match.by_image for match in judged.decision.matches) or (
        Law(layers, judged.spec.whom).limit("image") is not None
    )


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


def _no_gate(gate: Gate, image: ImageFacts) -> GateError:
    return GateError(
        f"there is no gate for {image.os}/{image.architecture} images, so nothing could be "
        f"checked; there is one for linux on {', '.join(gate.architectures)}",
        "--verify=off runs it unchecked, if the policy allows that",
    )


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
    asked = spec.to_spec(again.replace(options=theirs), judged.facts)
    if again.image == judged.facts.image.id:
        # What was judged under its name is run by its id, which says nothing of the name.
        its = judged.spec
        asked = asked.replace(image=its.image, pinned=its.pinned, tag=its.tag)
    return asked.replace(verify=judged.spec.verify, pull=judged.spec.pull)
