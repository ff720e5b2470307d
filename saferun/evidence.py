"""What became of a container that was started, seen from outside.

The engine's record is compared with what was asked for, and every process of the container is read
in /proc, where the engine is on this machine and the process provably belongs to the container.
Otherwise the answer is "unverified", with the reason; it is never guessed. Before the command
starts, the gate in the container checks all of this by itself. Where it holds at the door, what it
holds then is what the command starts with, and there is time to look.
"""

from __future__ import annotations

import time

from saferun import processes
from saferun.errors import EngineError, KernelError
from saferun.facts import image as image_facts
from saferun.formats import container_log, engine_api, proc_status
from saferun.formats.docker_run.gate_command import AT_THE_DOOR
from saferun.formats.json_text import as_sent
from saferun.host import kernel
from saferun.host.engine import MISSING, OK
from saferun.judge.record import Record
from saferun.judge.verify import Verdict, verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from saferun.formats.engine_api import ContainerRecord
    from saferun.host.engine import Engine
    from saferun.judge.decision import Masks
    from saferun.judge.verify import Evidence
    from saferun.judged import Prepared

    Stage: TypeAlias = Literal["early", "gate", "door", "command", "invisible"]

#: How long a container may take from "started" to its command's first instruction.
PATIENCE_SECONDS = 10.0
#: How long the engine's record may name a process that cannot be seen, before it counts as
#: invisible from here: after a process ends, engines take up to 165 ms to say so.
INVISIBLE_SECONDS = 0.5
PAUSE_SECONDS = 0.002
#: The names of processes that come before the command: the gate's, and what --init puts first, to
#: which Podman gives a name of its own.
GATE_NAME = b"gate-"
BEFORE_COMMAND = (GATE_NAME, b"docker-init", b"tini", b"catatonit", b"podman-init")


#: The statuses that the gate ends with: refused or not executable, and not found.
GATE_STATUSES = (126, 127)
#: And where the kernel refused what could be executed: such a container counts as started, as for
#: docker run -d, but why it ended at once is worth a word.
EXEC_FAILED = 1
#: What the gate says then begins like this.
EXEC = "exec "
#: How long the gate takes at most when all is well. One that is still there after this lingers,
#: because it has something to say.
GATE_SECONDS = 0.25

#: How far a container has come: runc at work; only the gate, or what --init puts first, to be seen;
#: the gate holds at the door; the command; or its processes cannot be seen, or not be told to be
#: the container's.
EARLY: Stage = "early"
GATE: Stage = "gate"
DOOR: Stage = "door"
COMMAND: Stage = "command"
INVISIBLE: Stage = "invisible"


#: The engine's words for a container that runs, or may still come to.
STARTED = ("running", "paused")
ALIVE = ("created", *STARTED)


class Holding(Record):
    """A gate that holds at the door: its process, and when that started (ticks since boot)."""

    pid: int
    started: int


class Sighting(Record):
    """What was seen: the verdict, and what the gate said if it did not start the command.

    `gate_line` has a second line where the gate had a hint; `status` is the exit status that came
    with it; `restarts` tells whether the engine tries again; `stage` is how far the container had
    come, empty when it had ended; `holding` is the gate that waits to be let go.
    """

    verdict: Verdict
    gate_line: str | None = None
    status: int | None = None
    restarts: bool = False
    stage: str = ""
    holding: Holding | None = None


#: Of a run of which docker named no container.
NOT_STARTED = Sighting(Verdict("unverified", ("docker did not say which container it started",)))


def observe(  # noqa: PLR0913 - who, what, and by what
    engine: Engine,
    container: str,
    prepared: Prepared,
    masks: Masks,
    *,
    log: bool = True,
    over: Callable[[], bool] = lambda: False,
) -> Sighting:
    """Watch a container that was just started until there is something to say about it.

    `log`: whether what the gate says is looked for in the container's log, because nobody hears it.
    `over` tells whether whoever was to start the container has ended.
    Raises EngineError when the engine stops answering.
    """
    started = time.monotonic()
    # Until the deadline the gate may come to hold, and then somebody has to let it go.
    patience = max(PATIENCE_SECONDS, prepared.deadline - time.time())
    seen = _Seen()
    paths = [f"/containers/{container}/json"]
    if log:
        paths.append(f"/containers/{container}/logs?stdout=1&stderr=1&tail=5")
    while True:
        was_over = over()
        inspected, *logs = engine.get(*paths)
        waited = time.monotonic() - started
        if inspected.status == MISSING:
            return seen.ended("it ended and was removed before it could be read", None)
        try:
            record = engine_api.container_record(inspected.body)
        except ValueError as error:
            message = f"the engine's record of {container} makes no sense: {error}"
            raise EngineError(message) from error
        for each in logs:
            if each.status == OK:
                seen.line = container_log.gate_line(each.body, tty=record.tty) or seen.line
        podman = image_facts.is_podman(inspected)
        differences = contradictions(record, prepared, podman=podman)
        if differences:
            return Sighting(Verdict("contradicted", differences), stage=seen.stage)
        if record.status not in (STARTED if was_over else ALIVE):
            sighting = seen.ended(_why_unseen(record), record.exit_code)
            return sighting.replace(restarts=record.restarts)
        verdict, stage, holding = _look(record, masks)
        # Let go already, it is on its way from the door to the command.
        done = stage == COMMAND or (stage == DOOR and prepared.deadline > 0)
        done = done or waited > patience or seen.lasts(stage, waited)
        if done:
            return Sighting(verdict, restarts=record.restarts, stage=stage, holding=holding)
        time.sleep(PAUSE_SECONDS)


class _Seen:
    """What earlier looks at the container have shown."""

    line: str | None = None
    stage = ""
    since = 0.0
    gate_lingers = False

    def lasts(self, stage: Stage, now: float) -> bool:
        """Note the stage; tell whether the container has been out of sight for too long."""
        if stage != self.stage:
            self.stage, self.since = stage, now
        lasted = now - self.since
        self.gate_lingers = self.gate_lingers or (stage == GATE and lasted > GATE_SECONDS)
        return stage == INVISIBLE and lasted > INVISIBLE_SECONDS

    def ended(self, why: str, status: int | None) -> Sighting:
        """Tell what to make of a container that has ended, with this status if it is known.

        Only the gate's own word, or having seen it linger, tells its 126 or 127 from a command's.
        """
        verdict = _unverified(why)
        if status == EXEC_FAILED and self.line and self.line.startswith(EXEC):
            return Sighting(verdict, self.line, status)
        if status not in (*GATE_STATUSES, None) or not (self.line or self.gate_lingers):
            return Sighting(verdict)
        line = self.line or "the command was not started; the log that says why cannot be read"
        if status is None:
            first = line.partition("\n")[0]
            status = GATE_STATUSES["not found" in first or "no such file" in first]
        return Sighting(verdict, line, status)


def contradictions(
    record: ContainerRecord, prepared: Prepared, *, podman: bool = False
) -> tuple[str, ...]:
    """Return where the engine's record differs from what was asked of it.

    Podman records no options but how the bounding set differs from its defaults, which an
    administrator chooses: what was added can be held against what was asked for, and no more.
    """
    asked = prepared.spec
    words = tuple(as_sent(word) for word in prepared.words)
    add, drop = _bare(asked.cap_add), _bare(asked.cap_drop)
    recorded_add, recorded_drop = _bare(record.cap_add), _bare(record.cap_drop)
    if podman:
        everything = asked.privileged or "ALL" in add
        add, drop = recorded_add & add if not everything else recorded_add, recorded_drop
    pairs: tuple[tuple[str, object, object], ...] = (
        ("user", record.user, asked.user),
        ("privileged", record.privileged, asked.privileged),
        ("cap-add", recorded_add, add),
        ("cap-drop", recorded_drop, drop),
    )
    if words and (*record.entrypoint, *record.cmd) != words:
        pairs = (*pairs, ("command", "something else", "the gate's"))
    return tuple(
        f"the engine's record says {flag} is {_shown(recorded)}, not {_shown(wanted)}"
        for flag, recorded, wanted in pairs
        if recorded != wanted
    )


def _bare(names: tuple[str, ...]) -> set[str]:
    # Newer CLIs write CAP_ before every name, also before one that only the engine knows.
    return {name.upper().removeprefix("CAP_") for name in names}


def _shown(value: object) -> str:
    if isinstance(value, set):
        return " ".join(sorted(value)) or "empty"
    return str(value) or "empty"


def holds(reading: processes.Reading) -> bool:
    """Tell whether a process is a gate that holds at the door."""
    return reading.command.startswith(GATE_NAME) and proc_status.blocks(reading.status, AT_THE_DOOR)


def _look(record: ContainerRecord, masks: Masks) -> tuple[Verdict, Stage, Holding | None]:
    """Read the container's processes once, and tell how far it has come."""
    found: list[Evidence] = []
    stage: Stage = GATE
    holding: Holding | None = None
    try:
        family = _family(record.pid) if record.pid else []
    except KernelError as error:
        return _unverified(str(error)), INVISIBLE, None
    for pid in family:
        reading = processes.look(pid, processes.in_container(record.id))
        if reading.evidence is None:
            if reading.state == processes.GONE and pid != record.pid:
                continue  # a child that has ended meanwhile
            early = reading.state in (processes.EARLY, processes.CHANGED)
            return _unverified(reading.why), EARLY if early else INVISIBLE, None
        if not reading.command.startswith(BEFORE_COMMAND):
            stage = COMMAND
        elif holds(reading):
            stage, holding = DOOR, Holding(pid, reading.started)
        found.append(reading.evidence)
    verdict = verify(tuple(found), masks)
    return verdict, COMMAND if verdict.outcome == "contradicted" else stage, holding


def _why_unseen(record: ContainerRecord) -> str:
    if record.status == "created":
        return "docker could not start it"
    return "it ended before it could be read"


def _unverified(why: str) -> Verdict:
    return Verdict("unverified", (why,))


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants: all of a container that has only just started."""
    family = [pid]
    for member in family:
        family.extend(kernel.children(member))
    return family


def look(record: ContainerRecord, masks: Masks) -> tuple[Verdict, Stage]:
    """Read a container's processes once; return what they show, and how far it has come."""
    verdict, stage, *_ = _look(record, masks)
    return verdict, stage
