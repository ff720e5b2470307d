"""Door: anything that asks for a container, judged without running it.

A docker run line is judged as the run door would judge it, only that nothing is pulled. A create
body, an inspect answer and a Compose service are judged as they are: nobody adds what they lack,
so what the law wants added is a finding, and its defaults are not used.

What cannot be seen, because no engine answers or the image is not there, is guessed at its best
and at its worst (`saferun.formats.guesses`): only where that makes a difference there is no answer.
"""

from __future__ import annotations

from saferun import asking, delivery, facts, laws, pulling
from saferun.errors import EngineError, ImageError
from saferun.formats import compose, container_body, create_body, guesses, image_reference
from saferun.formats.checked import Checked
from saferun.formats.docker_run import spec as run_spec
from saferun.formats.docker_run.command import Problem, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.formats.engine_api import ImageFacts
from saferun.formats.guesses import Blind
from saferun.host import docker_cli, policy_files, sealed_copy
from saferun.judge.evaluate import evaluate
from saferun.judge.record import Record
from saferun.judged import judge, unable, unspoken, with_early_defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.formats.engine_api import ContainerFacts
    from saferun.formats.facts import Facts
    from saferun.formats.fixes import Dialect
    from saferun.judge.decision import Decision
    from saferun.judge.policy import Layer, Statement
    from saferun.judge.spec import ContainerSpec
    from saferun.pulling import Look
    from saferun.world import World

    Layers = tuple[Layer, ...]


#: Of an inspect answer that lacks what engines always give.
PART = "HostConfig is not there: this is only a part of an inspect answer"
#: What an image's id is made of.
HEXADECIMAL = frozenset("0123456789abcdef")


class Judgement(Record):
    """A specification, what was decided about it, and the defaults in it.

    `unable` says why it cannot be had, whatever the law says.
    """

    spec: ContainerSpec
    decision: Decision
    defaults: tuple[Statement, ...] = ()
    notices: tuple[str, ...] = ()
    unable: str = ""


class Seen(Record):
    """What can be seen: the facts, the rules in force, and the gate as the engine takes it.

    `blind` is what cannot be seen, `unknown` why not.
    """

    facts: Facts
    layers: Layers
    gate: Gate
    blind: Blind = Blind()
    unknown: tuple[str, ...] = ()


class Line(Record):
    """A docker run command line, with those defaults that everything else depends on."""

    name: str
    command: RunCommand
    early: tuple[Statement, ...]
    platform: str
    dialect: Dialect = "run"
    prefix: str = ""

    @property
    def reference(self) -> container_body.Reference:
        """The image."""
        return container_body.Reference(self.command.image, self.command.image)

    def words(self, image: ImageFacts) -> RunCommand:
        """Return the command line."""
        del image
        return self.command

    def known(self, look: Look, layers: Layers, volume: str, world: World) -> Facts:
        """Return what the law needs to know of the world."""
        return facts.gather(self.command, look, layers, volume, world)

    def judged(self, known: Facts, layers: Layers, gate: Gate) -> Judgement:
        """Judge it, with the policy's defaults."""
        found = judge(self.command, known, self.early, layers)
        lacking = (
            unable(found, gate, layers)
            if known.image.architecture
            # Of an image that is not there, nobody knows for which machines it is.
            else unspoken(found.command, layers, on_podman=gate.podman)
        )
        why = "" if lacking is None else f"saferun would not start it: {lacking}"
        return Judgement(found.spec, found.decision, found.defaults, found.notices, why)


class Body(Record):
    """A create body or an inspect answer; `siblings` are containers that will be there with it."""

    name: str
    body: Mapping[str, Any]
    dialect: Dialect
    platform: str = ""
    prefix: str = ""
    siblings: Mapping[str, ContainerFacts] = {}

    @property
    def reference(self) -> container_body.Reference:
        """The image; raises ValueError."""
        return container_body.image_of(self.body)

    def words(self, image: ImageFacts) -> RunCommand:
        """Return the command line that asks for the same; raises ValueError."""
        return container_body.to_command(self.body, image)

    def known(self, look: Look, layers: Layers, volume: str, world: World) -> Facts:
        """Return what the law needs to know of the world; raises ValueError."""
        return facts.of_body(self.body, look, layers, volume, world, self.siblings)

    def judged(self, known: Facts, layers: Layers, gate: Gate) -> Judgement:
        """Judge it as it is. Only of a command line are there words that no policy can speak of."""
        asked = container_body.to_spec(self.body, known)
        lacking = unspoken(self.words(known.image), (), on_podman=gate.podman)
        return Judgement(asked, evaluate(asked, layers), unable=str(lacking or ""))


def line(words: Sequence[str], named: Iterable[str], world: World) -> Checked:
    """Check the words after `docker run`, by the policies that they and `named` add.

    Raises PolicyError when there is anything wrong with the law.
    """
    table, told = TABLE, Checked("docker run", "run", blind=True)
    command = parse(words, table)
    if isinstance(command, Problem) and command.kind == "unknown-flag":
        table = TABLE.extended(docker_cli.help_text(world.docker, world.environ))
        command = parse(words, table)
    if isinstance(command, Problem):
        return told.replace(unknown=(command.text,))
    if not command.image:
        return told.replace(unknown=("no image: nothing would run",))
    own = [value for name, value in command.own if name == "policy"]
    layers = laws.of_files(*policy_files.read_layers([*named, *own], world.environ))
    command, early = with_early_defaults(command, layers)
    mode = run_spec.pull(command)
    if mode not in pulling.MODES:
        reason = f"invalid --pull={mode}: it must be one of {', '.join(pulling.MODES)}"
        return told.replace(unknown=(reason,))
    platform = command.last("platform") or world.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    return _checked(Line("docker run", command, early, platform), (), layers, world)


def bodies(name: str, data: bytes, layers: Layers, world: World) -> Iterator[Checked]:
    """Check the create bodies or inspect answers in a JSON text."""
    try:
        read = create_body.read(data)
    except ValueError as error:
        yield Checked(name, "body", unknown=(_reason(error),), blind=True)
        return
    for number, body in enumerate(read):
        label = f"{name}[{number}]" if len(read) > 1 else name
        try:
            dialect: Dialect = "inspect" if container_body.is_inspect(body) else "body"
        except ValueError as error:
            yield Checked(label, "body", unknown=(_reason(error),), blind=True)
            continue
        given = body.get("Name")
        if dialect == "inspect" and isinstance(given, str) and given:
            label = f"{name}:{given.removeprefix('/')}"
        if dialect == "inspect" and body.get("HostConfig") is None:
            # What is not there looks like what was not asked for.
            yield Checked(label, dialect, unknown=(PART,), blind=True)
            continue
        yield _checked(Body(label, body, dialect), create_body.unknown(body), layers, world)


def services(
    name: str, model: Mapping[str, Any], directory: str, layers: Layers, world: World
) -> Iterator[Checked]:
    """Check the services of a rendered Compose model; its relative paths begin at `directory`."""
    try:
        found = compose.services(model, _profiles(compose.profiles_of(model), directory))
    except ValueError as error:
        yield Checked(name, "compose", unknown=(_reason(error),), blind=True)
        return
    for one in found:
        asked = Body(
            f"{name}:{one.name}",
            one.body,
            "compose",
            one.platform,
            f"services.{one.name}",
            one.siblings,
        )
        unread = [f"{asked.prefix}.{key}" for key in one.unknown]
        yield _checked(asked, unread, layers, world)


def _profiles(paths: Iterable[str], directory: str) -> dict[str, bytes]:
    found = {}
    for path in paths:
        content = sealed_copy.read(path if path.startswith("/") else f"{directory}/{path}")
        if content is not None:
            found[path] = content
    return found


def _checked(asked: Line | Body, unread: Iterable[str], layers: Layers, world: World) -> Checked:
    """Judge one thing, as often as there is something to guess."""
    unknown = [f"{one} is nothing that saferun knows" for one in unread]
    told = Checked(asked.name, asked.dialect, asked.prefix)
    try:
        seen = _seen(asked, layers, world)
        known, blind = seen.facts, seen.blind
        certain = not unknown and not _by_hash(asked, seen.layers, blind)
        unknown += seen.unknown
        # An engine that nobody has seen may be Podman's, which is never the better one.
        gate = seen.gate.replace(podman=True) if blind.engine else seen.gate
        best, worst = [], []
        for guess in _users(known, blind):
            best.append(asked.judged(guesses.best(guess, blind), seen.layers, seen.gate))
            worst.append(
                asked.judged(guesses.worst(guess, blind), seen.layers, gate)
                if blind.engine or blind.image
                else best[-1]
            )
        spared = guesses.unsettled(known, asked.words(known.image), blind) if blind.any else ()
    except (ValueError, ImageError, EngineError) as error:
        return told.replace(unknown=(*unknown, _reason(error)), blind=True)
    rewrites = asked.dialect == "run"
    at_best = [
        tuple(
            one
            for one in guesses.findings(judgement.decision, rewrites=rewrites)
            if one.check not in spared
        )
        for judgement in best
    ]
    at_worst = [guesses.findings(one.decision, rewrites=rewrites) for one in worst]
    findings, doubts = guesses.divided(tuple(at_best), tuple(at_worst))
    last = worst[-1]
    if last.unable:
        unknown.append(best[-1].unable or f"if the engine is Podman: {last.unable}")
    return told.replace(
        spec=last.spec,
        decision=last.decision,
        findings=findings,
        doubts=doubts,
        unknown=tuple(unknown),
        defaults=last.defaults,
        notices=last.notices,
        blind=not certain or bool(last.unable),
    )


def _seen(asked: Line | Body, layers: Layers, world: World) -> Seen:
    """Look at the engine, the image, and what else the law speaks of, as far as they are there."""
    gate, reference = delivery.gate(), asked.reference
    image = ImageFacts("", "", "")
    try:
        look = pulling.at(reference.found, asked.platform, gate, world)
        if look is not None:
            names = image_reference.names(reference.asked, look.image)
            in_force = asking.layers_for(names, layers, world.environ)
            known = asked.known(look, in_force, gate.volume, world)
            # A run is settled by the gate, whoever its user turns out to be; nothing else is.
            user = known.uid is None and asked.dialect != "run"
            reasons = (f"who the user {_user(asked, known)} is cannot be told",) if user else ()
            gate = delivery.on_engine(gate, look.volume)
            return Seen(known, in_force, gate, Blind(user=user), reasons)
        why = f"the image {reference.asked} is not on the engine, and nothing is pulled"
        nobody = None
    except EngineError as error:
        why, nobody = str(error), error
    # What it will be called is known all the same, and every engine will have it under that name.
    names = image_reference.asked(reference.asked)
    digest = f"@{names.digests[0]}" if names.digests else ""
    image = image.replace(
        tags=tuple(f"{repository}:{tag}" for repository, tag in names.names if tag),
        digests=tuple(f"{repository}{digest}" for repository, _ in names.names if digest),
    )
    in_force = asking.layers_for(names, layers, world.environ)
    words = asked.words(image)
    # An inspect answer has the image's user in it.
    user = not words.last("user") and asked.dialect != "inspect"
    if nobody is None:
        answer, version = delivery.ask(gate, world)
        look = pulling.Look(image, answer, version)
        known = asked.known(look, in_force, gate.volume, world)
        gate = delivery.on_engine(gate, answer)
    else:
        known = facts.without_engine(words, image, in_force, world)
        siblings = asked.siblings if isinstance(asked, Body) else {}
        known = known.replace(containers=siblings)
    blind = Blind(engine=nobody is not None, image=True, user=user or known.uid is None)
    return Seen(known, in_force, gate, blind, (why,))


def _user(asked: Line | Body, known: Facts) -> str:
    return repr(run_spec.user(asked.words(known.image), known.image))


def _users(known: Facts, blind: Blind) -> Iterator[Facts]:
    """Yield the facts with everybody who the user may be: root, and somebody else."""
    if blind.user:
        yield known.replace(uid=0)
        yield known.replace(uid=None)
    else:
        yield known


def _by_hash(asked: Line | Body, layers: Layers, blind: Blind) -> bool:
    """Tell whether it matters which image it is by its content, and that is not known."""
    if not blind.image:
        return False
    if blind.engine and not set(asked.reference.asked.removeprefix("sha256:")) - HEXADECIMAL:
        # Without an engine nobody can tell an image's id from its name.
        return True
    return any(
        "sha256:" in pattern for layer in layers for rule in layer.rules for pattern in rule.images
    )


def _reason(error: BaseException) -> str:
    return str(error).strip() or "it makes no sense"
