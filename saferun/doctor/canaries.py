"""Canaries on the engine: all of them started, listened to, looked at from outside, and removed."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from saferun import evidence
from saferun.errors import EngineError
from saferun.formats import canary, container_log, engine_api
from saferun.formats.canary import CONTROL, DROPPED, MOUNTED, SEALED, WITH_ONE, Flight, Seen
from saferun.host import canary as cages
from saferun.host import gate_volume
from saferun.host.engine import MISSING, OK, segment
from saferun.host.scratch_container import sdk
from saferun.judge.checks.gate_mount import DIRECTORY
from saferun.judge.decision import Masks
from saferun.judge.record import Record
from saferun.judge.verify import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import docker

    from saferun.formats.canary import Canary
    from saferun.world import World

#: How long a canary may take to say something, and its process to become the gate's.
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.02
#: How often to start the canary again that ends before anything could be executed in it.
ATTEMPTS = 3


class Flown(Record):
    """What came of it: the canaries, what the gate's volume holds, and what is still there.

    `content` and `left` are None where that could not be found out.
    """

    flight: Flight
    content: Mapping[str, bytes | None] | None = None
    left: tuple[str, ...] | None = None


def fly(world: World, version: str, architecture: str, volume: str | None) -> Flown:
    """Start all canaries and see what comes of them; raises only Interrupted.

    `version` is the engine's API version, `volume` the gate's, None where it is not there.
    """
    made = _Made(world, architecture, volume)
    trouble = "it was not started"
    try:
        with sdk(world.engine.endpoint, version) as client:
            made.on(client)
    except EngineError as error:
        trouble = str(error)
    return Flown(made.flight(trouble), made.content, made.left())


class _Made:
    """What was made on an engine, and what has been seen of it so far."""

    def __init__(self, world: World, architecture: str, volume: str | None) -> None:
        self.engine = world.engine
        self.architecture = architecture
        self.volume = volume
        self.image = ""
        self.label = f"doctor-{secrets.token_hex(8)}"
        self.seen: dict[str, Seen] = {}
        self.outside: Verdict | None = None
        self.content: Mapping[str, bytes | None] | None = None

    def on(self, client: docker.APIClient) -> None:
        """Do everything with this client; raises EngineError when the engine does not play along.

        The one that lingers is executed in and restarted first; the others run meanwhile.
        """
        with (
            gate_volume.imported(client, DIRECTORY, gate_volume.gates()) as self.image,
            ExitStack() as stack,
        ):
            if self.volume is not None:
                self.content = gate_volume.content(client, self.image, self.volume, DIRECTORY)
            dropped = self._start(client, stack, DROPPED)
            self.seen[DROPPED.name] = self._spoken(*dropped)
            self.outside = self._outside(dropped[0])
            self.seen["exec"] = self._executed(client, dropped[0])
            again = cages.restart(client, dropped[0]) if dropped[0] else dropped[1]
            others = {
                one.name: self._start(client, stack, one)
                for one in (CONTROL, WITH_ONE, SEALED, MOUNTED)
            }
            for name, (container, trouble) in others.items():
                self.seen[name] = self._ended(container, trouble)
            self.seen["restart"] = self._ended(dropped[0], again)

    def flight(self, trouble: str) -> Flight:
        """Return what was seen, `trouble` saying why of the rest there is nothing."""
        names = (CONTROL.name, DROPPED.name, WITH_ONE.name, SEALED.name, MOUNTED.name)
        control, dropped, added, sealed, mounted, executed, restarted = (
            self.seen.get(name, Seen(trouble=trouble)) for name in (*names, "exec", "restart")
        )
        return Flight(control, dropped, added, sealed, mounted, executed, restarted, self.outside)

    def left(self) -> tuple[str, ...] | None:
        """Return what is still on the engine, None when it does not say.

        Containers are looked for by their label: one that was made although the engine did not say
        so is found as well.
        """
        paths = [f"/containers/json?all=1&filters={segment(canary.listing(self.label))}"]
        paths += [f"/images/{segment(self.image)}/json"] if self.image else []
        try:
            containers, *images = self.engine.get(*paths)
            left = canary.listed(containers.body)
        except (EngineError, ValueError):
            return None
        if containers.status != OK or any(one.status not in (OK, MISSING) for one in images):
            return None
        return (*left, *(self.image for one in images if one.status == OK))

    def _start(self, client: docker.APIClient, stack: ExitStack, one: Canary) -> tuple[str, str]:
        body = canary.create_body(one, self.image, self.architecture, self.volume, self.label)
        return cages.started(client, stack, body)

    def _spoken(self, container: str, trouble: str) -> Seen:
        """Wait until a gate has said something, or its container has ended."""
        return self._await(container, trouble, lambda seen: seen.line is not None)

    def _ended(self, container: str, trouble: str) -> Seen:
        """Wait until a container has ended."""
        return self._await(container, trouble, lambda seen: seen.status is not None)

    def _await(self, container: str, trouble: str, enough: Callable[[Seen], bool]) -> Seen:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            seen = self._look(container)
            if trouble:
                return seen.replace(trouble=trouble)
            if enough(seen) or seen.status is not None or time.monotonic() > deadline:
                return seen
            time.sleep(PAUSE_SECONDS)

    def _look(self, container: str) -> Seen:
        if not container:
            return Seen()
        path = f"/containers/{segment(container)}"
        inspected, log = self.engine.get(f"{path}/json", f"{path}/logs?stdout=1&stderr=1&tail=1")
        if inspected.status != OK:
            return Seen(status=-1, trouble=engine_api.error_message(inspected.body))
        try:
            record = engine_api.container_record(inspected.body)
        except ValueError as error:
            message = f"the engine's record of a canary makes no sense: {error}"
            raise EngineError(message) from error
        line = container_log.gate_line(log.body, tty=record.tty) if log.status == OK else None
        over = record.status not in ("created", "running", "restarting", "paused")
        return Seen(record.exit_code if over else None, line, record)

    def _outside(self, container: str) -> Verdict:
        """Read the processes of a canary that lingers in /proc."""
        deadline = time.monotonic() + evidence.INVISIBLE_SECONDS
        while True:
            record = self._look(container).record
            if record is None or not record.pid:
                return Verdict("unverified", ("the canary ended before it could be read",))
            verdict, stage = evidence.look(record, Masks(0, 0))
            if stage not in (evidence.EARLY, evidence.INVISIBLE) or time.monotonic() > deadline:
                return verdict
            time.sleep(PAUSE_SECONDS)

    def _executed(self, client: docker.APIClient, container: str) -> Seen:
        """Execute the gate as uid 0 in a canary; one that has ended is started again for it."""
        words = (*canary.words(self.architecture, "-"), canary.COMMAND)
        trouble = "there was nothing to execute it in"
        for _ in range(ATTEMPTS if container else 0):
            said, trouble = cages.execute(client, container, words, "0")
            if not trouble:
                return canary.executed(said)
            cages.start(client, container)
        return Seen(trouble=trouble)
