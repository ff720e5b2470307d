"""Getting the gate to the engine: is the volume there, is it ours, was it read back."""

from __future__ import annotations

from saferun.errors import GateError
from saferun.facts import image as image_facts
from saferun.formats import engine_api
from saferun.formats.docker_run.gate_command import LABEL, Gate
from saferun.host.engine import MISSING, OK, segment
from saferun.judge.checks.gate_mount import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.host.cache import Cache
    from saferun.host.engine import Answer, Engine
    from saferun.world import World


def gate() -> Gate:
    """Return the gates of this installation; raises GateError when they were never built."""
    try:
        from saferun.gate.built import ARCHITECTURES, DIGEST
    except ImportError as error:
        message = "this saferun was installed without its gate"
        raise GateError(message, "install it again with a C compiler: pip install .") from error
    return Gate(DIGEST, ARCHITECTURES)


def volume_path(gate: Gate) -> str:
    """Return the path to ask for the gate's volume."""
    return f"/volumes/{segment(gate.volume)}"


def on_engine(gate: Gate, answer: Answer) -> Gate:
    """Return the gate as the engine that gave this answer takes it."""
    return gate.replace(podman=True) if image_facts.is_podman(answer) else gate


def ask(gate: Gate, world: World) -> tuple[Answer, str]:
    """Return what the engine says about the volume, and its API version."""
    (answer,) = world.engine.get(volume_path(gate))
    return answer, image_facts.api_version_text(answer)


def deliver(gate: Gate, answer: Answer, world: World, version: str) -> None:
    """See to it that the engine has the gate; raises GateError when it cannot be trusted.

    `answer` is what the engine said about the volume. A volume that this user has not seen before
    is read back once, and filled if it is empty; after that its name and time of creation do.
    """
    engine, cache = world.engine, world.cache
    made = created(gate, answer)
    if made is not None and _sighting(engine, made) in _seen(gate, cache):
        return
    # Imported here because it brings the docker SDK, and only the first run needs it.
    from saferun.host import gate_volume

    gate_volume.fill(
        engine.endpoint,
        version,
        gate.volume,
        (LABEL, gate.digest),
        DIRECTORY,
        copied_up=not image_facts.is_podman(answer),
    )
    (answer,) = engine.get(volume_path(gate))
    made = created(gate, answer)
    if made is None:
        message = f"the volume {gate.volume} vanished as soon as it was filled"
        raise GateError(message, "something on this engine removes volumes; try again")
    if not _second_is_over(made, answer.headers.get("date", "")):
        # Engines tell the time of creation in whole seconds: until this one is over, the volume
        # could be replaced by another that looks the same. The next run reads it back again.
        return
    # The newest first, and not for ever: engines come and go.
    seen = [_sighting(engine, made), *_seen(gate, cache)][:64]
    cache.remember(gate.volume, "\n".join(seen).encode("utf-8", "surrogateescape"))


def created(gate: Gate, answer: Answer) -> str | None:
    """Return when the gate's volume was made, None when there is none.

    Raises GateError when it is not ours, or the engine does not tell.
    """
    if answer.status == MISSING:
        return None
    if answer.status != OK:
        raise GateError(f"volume {gate.volume}: {engine_api.error_message(answer.body)}")
    try:
        volume = engine_api.volume_facts(answer.body)
    except ValueError as error:
        message = f"volume {gate.volume}: the engine's answer makes no sense: {error}"
        raise GateError(message) from error
    if not gate.owns(volume):
        message = f"the volume {gate.volume} exists on the engine but is not saferun's"
        raise GateError(
            message,
            f"nothing in it can be trusted; look at it with `docker volume inspect {gate.volume}` "
            "and remove it if nobody needs it",
        )
    return volume.created


def _second_is_over(made: str, now: str) -> bool:
    """Tell whether the second in which the volume was made (RFC 3339) is over (HTTP-date)."""
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    whole, fraction_and_zone = made[:19], made[19:].lstrip(".0123456789")
    try:
        then = datetime.fromisoformat(whole + fraction_and_zone.replace("Z", "+00:00"))
        return (parsedate_to_datetime(now) - then).total_seconds() >= 1
    except (TypeError, ValueError):
        return False


def _sighting(engine: Engine, created: str) -> str:
    return f"{engine.endpoint.name} {created}"


def _seen(gate: Gate, cache: Cache) -> list[str]:
    return (cache.recall(gate.volume) or b"").decode("utf-8", "surrogateescape").split("\n")
