"""Containers that hold at the door: when they are asked to, and how they are let go.

The gate waits, after its own check, until it is let go or its deadline comes. Meanwhile it holds
exactly what the command will start with, so that also a command which ends at once can be seen from
outside. It is let go by a signal, straight from here where that is permitted. The engine would
carry it as well, but takes any signal for an order to stop and restarts the container no more
(moby daemon/kill.go), so that way is only for containers that are not restarted.
"""

from __future__ import annotations

import os
import time

from saferun import evidence, processes
from saferun.formats.docker_run.gate_command import RELEASE
from saferun.host import docker_cli, kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.evidence import Holding, Sighting
    from saferun.judged import Judged, Prepared
    from saferun.world import World

#: How long a container may take from here to the door. A restart before that waits for the rest.
SECONDS = 20
#: How long before the deadline a signal is not sent any more: it could meet the command.
MARGIN_SECONDS = 1.0


def deadline(judged: Judged, world: World) -> int:
    """Return until when the gate is to hold, in seconds since 1970; 0 where it must not."""
    return 0 if obstacle(judged, world) else int(time.time()) + SECONDS


def obstacle(judged: Judged, world: World) -> str:
    """Return why a container cannot be held at the door, nothing when it can."""
    if world.engine.endpoint.socket is None:
        # Its clock, and its processes, may be another machine's.
        return "it was not held at the door: the engine is not behind a local socket"
    if _restarts(judged) and os.geteuid() != 0:
        return "it was not held at the door: only root can let go a container that restarts"
    return ""


def let_go(
    container: str, sighting: Sighting, judged: Judged, prepared: Prepared, world: World
) -> None:
    """Let a gate go that was seen at the door, or that could not be seen but may be there.

    It goes on by itself at its deadline; so nothing is sent where that could do harm.
    """
    if not prepared.deadline or time.time() > prepared.deadline - MARGIN_SECONDS:
        return
    holding = sighting.holding
    if holding is None:
        # Unseen, the command may have begun: only as PID 1 it ignores what it does not handle.
        alone = judged.spec.pid == ("private",) and not judged.command.is_true("init")
        if sighting.stage == evidence.INVISIBLE and alone and not _restarts(judged):
            _through_engine(container, world)
        return
    try:
        kernel.send(holding.pid, RELEASE, lambda: _is_still(holding, container))
    except OSError:
        if not _restarts(judged):
            _through_engine(container, world)


def _is_still(holding: Holding, container: str) -> bool:
    reading = processes.look(holding.pid, processes.in_container(container))
    return reading.started == holding.started and evidence.holds(reading)


def _through_engine(container: str, world: World) -> None:
    words = ["kill", f"--signal={RELEASE}", container]
    docker_cli.quietly(world.docker, words, world.environ)


def _restarts(judged: Judged) -> bool:
    return judged.spec.restart[0] not in ("", "no")
