"""The gate's volume on the engine: is it there, is it ours, does it hold what it should."""

from __future__ import annotations

from saferun import delivery
from saferun.errors import EngineError, GateError
from saferun.host import gate_volume
from saferun.judge.diagnosis import failed, passed, unclear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from saferun.formats.docker_run.gate_command import Gate
    from saferun.judge.diagnosis import Line
    from saferun.world import World

LATER = "not there yet: the first run, or `saferunctl gate install`, brings it"


def volume(gate: Gate, world: World) -> tuple[bool, Line]:
    """Return whether the gate's volume is there and ours, and the line about it."""
    check = "gate.volume"
    try:
        answer, _ = delivery.ask(gate, world)
        made = delivery.created(gate, answer)
    except GateError as error:
        advice = "; ".join(error.hints) or "see the engine's log"
        return False, failed(check, str(error), advice)
    except EngineError as error:
        return False, unclear(check, str(error))
    if made is None:
        return False, passed(check, f"{gate.volume}: {LATER}")
    return True, passed(check, f"{gate.volume}: saferun's, made {made}")


def content(gate: Gate, found: Mapping[str, bytes | None] | None, *, is_there: bool) -> Line:
    """Judge what was read back from the volume; None when it could not be read."""
    check = "gate.content"
    if not is_there:
        return passed(check, LATER)
    if found is None:
        return unclear(check, "it could not be read back")
    wanted = gate_volume.gates()
    wrong = sorted(name for name in wanted if found.get(name) != wanted[name])
    if wrong:
        return failed(
            check,
            f"{gate.volume} does not hold saferun's gates: {', '.join(wrong)}",
            f"somebody else filled it, or it is damaged: docker volume rm {gate.volume}",
        )
    return passed(check, f"read back, and the same as here: {', '.join(sorted(wanted))}")


def removed(left: Sequence[str] | None) -> Line:
    """Judge whether all that was made is gone; None when the engine does not say."""
    check = "canary.removed"
    if left is None:
        return unclear(
            check,
            "the engine does not say whether all canaries are gone",
            "docker ps -a --filter label=saferun.scratch",
        )
    if left:
        return failed(check, f"left on the engine: {', '.join(left)}", "docker rm -f, docker rmi")
    return passed(check, "every container and image that was made for this is gone")
