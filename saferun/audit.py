"""Door: every running container, and every process in it, as kernel and engine tell of it.

The same judge that decides what may start decides here what should not be running. Nothing that
runs is touched.
"""

from __future__ import annotations

from saferun import asking, delivery, laws, members
from saferun.errors import EngineError, SaferunError
from saferun.facts import image as image_facts
from saferun.facts import keys_of, running
from saferun.facts.engine_objects import read
from saferun.formats import (
    container_body,
    engine_activity,
    engine_api,
    gate_record,
    image_reference,
)
from saferun.formats.body_fields import Fields
from saferun.formats.engine_api import ImageFacts
from saferun.host import engine_files, kernel, policy_files
from saferun.host.engine import MISSING, OK, AskedOnce, segment
from saferun.judge import audit as judging
from saferun.judge.audit import Audited, Report
from saferun.judge.evaluate import evaluate
from saferun.judge.exposure import exposure
from saferun.judge.record import Record
from saferun.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from typing import Any

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_activity import Listed, Recorded, Surroundings
    from saferun.judge.audit import Exec, Running
    from saferun.judge.decision import Decision
    from saferun.judge.exposure import Circumstances, Exposure
    from saferun.judge.policy import Layer
    from saferun.judge.rules import Image
    from saferun.judge.spec import ContainerSpec
    from saferun.members import Members


#: Podman's own API, in the first version that all later ones understand.
LIBPOD = "/v4.0.0/libpod"


class Asked(Record):
    """What an audit is asked for.

    `policies` are laws or files to add; `wanted` are names or ids of containers, none for all;
    `fail_above` is the exposure score from which on, exclusive, it is a finding.
    """

    policies: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    fail_above: float | None = None


def audit(
    world: World, asked: Asked, execs: Sequence[str] = (), *, patient: bool = False
) -> Report:
    """Look at every running container, or at those that are asked for.

    `execs` are ids of what was exec'd lately and may have ended. Raises PolicyError for a law that
    cannot be read, EngineError when the engine does not answer, and SaferunError for a container
    that does not run, unless `patient`.
    """
    layers = laws.of_files(*policy_files.read_layers(asked.policies, world.environ))
    once = World(world.docker, world.environ, world.say, world.out)
    once.engine = AskedOnce(world.engine.endpoint)
    about, there = once.engine.get("/info", "/containers/json")
    around = read(about, engine_activity.surroundings, "/info")
    listed = read(there, engine_activity.listed, "the list of containers")
    chosen = _chosen(listed, asked.wanted, patient=patient)
    version = image_facts.api_version_text(about)
    return _Audit(once, layers, around, version, asked.fail_above).of(chosen, execs)


class _Audit:
    """One audit at one moment."""

    def __init__(
        self,
        world: World,
        layers: tuple[Layer, ...],
        around: Surroundings,
        version: str,
        fail_above: float | None,
    ) -> None:
        self.world = world
        self.layers = layers
        self.around = around
        self.version = version
        self.fail_above = fail_above
        self.images: dict[str, ImageFacts] = {}
        self.judgements: dict[Hashable, tuple[ContainerSpec, Decision, tuple[str, ...]]] = {}
        self.exposures: dict[tuple[ContainerSpec, Circumstances], Exposure] = {}
        self.files = engine_files.of(world.engine.endpoint)
        self.gate_volume = delivery.gate().volume

    def of(self, chosen: Sequence[Listed], execs: Sequence[str]) -> Report:
        """Ask the engine for everything in a few round trips, then read /proc once, then judge."""
        records, unreadable = self.records(chosen)
        executed = self.executed(records, execs)
        self.world.engine.get(*(_image_path(one) for one in records))  # all at once, for later
        seen = members.of(
            {
                one.id: members.Wanted(one.pid, not one.pid_mode)
                for one in records
                if self.around.shares_kernel(one.runtime)
            }
        )
        containers = unreadable + [
            self.judged(one, seen.get(one.id), executed.get(one.id, ())) for one in records
        ]
        return Report(
            self.world.engine.endpoint.name,
            self.around.version,
            tuple(sorted(containers, key=lambda one: one.name)),
        )

    def records(self, chosen: Sequence[Listed]) -> tuple[list[Recorded], list[Audited]]:
        """Return the records of containers, and those containers whose record cannot be read.

        Those that have ended meanwhile are neither.
        """
        answers = self.world.engine.get(*(f"/containers/{one.id}/json" for one in chosen))
        records, unreadable = [], []
        for one, answer in zip(chosen, answers, strict=True):
            if answer.status == MISSING:
                continue
            try:
                record = read(answer, engine_activity.recorded, "the engine's record")
            except EngineError as error:
                name = one.names[0] if one.names else one.id[:12]
                unreadable.append(Audited(one.id, name, unverified=(str(error),)))
                continue
            if record.pid:
                records.append(record)
        if any(map(image_facts.is_podman, answers)):
            records = self.as_docker_would(records)
        return records, unreadable

    def as_docker_would(self, records: Sequence[Recorded]) -> list[Recorded]:
        """Return Podman's records with what it tells in its own words alone."""
        answers = self.world.engine.get(*(f"{LIBPOD}/containers/{one.id}/json" for one in records))
        return [
            engine_activity.as_docker_would(one, read(answer, bytes, "Podman's own record"))
            for one, answer in zip(records, answers, strict=True)
            if answer.status != MISSING
        ]

    def executed(self, records: list[Recorded], lately: Sequence[str]) -> dict[str, list[Exec]]:
        """Return what was exec'd, by container."""
        ids = dict.fromkeys([*(each for one in records for each in one.execs), *lately])
        paths = [f"/exec/{segment(each)}/json" for each in ids]
        found: dict[str, list[Exec]] = {}
        for answer in self.world.engine.get(*paths):
            if answer.status == OK:
                one = read(answer, engine_activity.executed, "what was exec'd")
                found.setdefault(one.container, []).append(one)
        return found

    def judged(self, record: Recorded, seen: Members | None, executed: Sequence[Exec]) -> Audited:
        """Join a container's record with what was seen of it, and judge both."""
        told = Audited(record.id, record.name or record.id[:12], record.image)
        unverified = self.unseen(record, seen)
        try:
            running, unknown = self.running(record, seen, executed)
        except (ValueError, SaferunError) as error:
            why = f"the engine's record cannot be judged: {error}"
            return told.replace(unverified=(*unverified, why))
        exposed = self.exposure(running)
        return told.replace(
            running=running,
            findings=judging.audit(running, exposed, self.fail_above),
            exposure=exposed,
            unverified=(*unverified, *unknown),
        )

    def exposure(self, running: Running) -> Exposure:
        """Return the exposure score, worked out once for what is the same."""
        key = running.spec, judging.around(running, confined=self.around.confined)
        if key not in self.exposures:
            self.exposures[key] = exposure(*key)
        return self.exposures[key]

    def unseen(self, record: Recorded, seen: Members | None) -> tuple[str, ...]:
        """Return why not every process of a container could be seen."""
        if seen is None:
            runtime = record.runtime or self.around.default_runtime
            return (f"its runtime {runtime} has a kernel of its own, of which /proc says nothing",)
        if any(one.role == "first" for one in seen.processes):
            return seen.unverified
        return (*seen.unverified, *self.elsewhere())

    def elsewhere(self) -> tuple[str, ...]:
        """Return why the engine's processes may not be this machine's; nothing when they are."""
        here = kernel.release()
        theirs = self.around.kernel
        if theirs not in ("", here):
            where = "it is on another machine, or in a virtual one"
            return (f"the engine's kernel is {theirs} and this one is {here}: {where}",)
        if self.files is None:
            return ("the engine may be on another machine",)
        return ()

    def running(
        self, record: Recorded, seen: Members | None, executed: Sequence[Exec]
    ) -> tuple[Running, tuple[str, ...]]:
        """Return a container as the judge wants it, and why some of that is not known."""
        body, gated = gate_record.without_gate(record)
        image = self.image(record)
        command = container_body.to_command(body, image)
        # What was asked for in the same words, of the same image and at this moment, is the same
        # (container_body); an inspect answer's command has all of them but where mounts came from.
        words = (
            record.image_id,
            command,
            Fields(body, "").inner("HostConfig").texts("VolumesFrom"),
        )
        if words not in self.judgements:
            self.judgements[words] = self.judgement(body, command, image)
        spec, decision, unknown = self.judgements[words]
        processes = () if seen is None else seen.processes
        return judging.Running(spec, decision, gated, processes, tuple(executed)), unknown

    def judgement(
        self, body: Mapping[str, Any], command: RunCommand, image: ImageFacts
    ) -> tuple[ContainerSpec, Decision, tuple[str, ...]]:
        """Judge what was asked for; and tell why some of what that depends on is not known."""
        known = _known_as(command.image, image)
        layers = asking.layers_for(known, self.layers, self.world.environ)
        facts, unknown = running.about(
            command, image, keys_of(layers), self.files, self.gate_volume, self.world, self.version
        )
        spec = container_body.to_spec(body, facts).replace(image=known)
        return spec, evaluate(spec, layers), unknown

    def image(self, record: Recorded) -> ImageFacts:
        """Return what the engine says of a container's image; only its id where it is gone."""
        if record.image_id not in self.images:
            (answer,) = self.world.engine.get(_image_path(record))
            gone = ImageFacts(record.image_id, "", "")
            known = answer.status == OK
            found = read(answer, engine_api.image_facts, "an image") if known else gone
            self.images[record.image_id] = found
        return self.images[record.image_id]


def _image_path(record: Recorded) -> str:
    return f"/images/{segment(record.image_id)}/json"


def _known_as(reference: str, image: ImageFacts) -> Image:
    """Return the names that an image is judged by.

    One that was started by its id, as saferun does where a law speaks of images, is judged by all
    that the engine calls it now: by which of them it was asked for is not recorded.
    """
    asked = image_reference.names(reference, image)
    identity = image.id.removeprefix("sha256:")
    if asked.names or not identity.startswith(reference.removeprefix("sha256:")):
        return asked
    found = [image_reference.names(name, image) for name in (*image.tags, *image.digests)]
    return asked.replace(names=tuple(dict.fromkeys(name for one in found for name in one.names)))


def _chosen(listed: Sequence[Listed], wanted: Sequence[str], *, patient: bool) -> list[Listed]:
    """Return the containers of these names, ids or beginnings of ids; all when none is named.

    Raises SaferunError for what names more than one, and, unless `patient`, for what names none.
    """
    if not wanted:
        return list(listed)
    chosen: dict[str, Listed] = {}
    for word in wanted:
        found = [one for one in listed if word == one.id or word in one.names]
        found = found or [one for one in listed if word and one.id.startswith(word)]
        if patient and not found:
            continue
        if len(found) != 1:
            what = (
                "no running container is" if not found else f"{len(found)} running containers are"
            )
            message = f"{what} called {word!r}"
            raise SaferunError(message, "docker ps lists those that run")
        chosen[found[0].id] = found[0]
    return list(chosen.values())
