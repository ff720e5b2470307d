"""The Docker Engine API's answers, given meaning: image facts, volumes, the engine's record."""

from __future__ import annotations

from saferun.formats.json_text import decode
from saferun.judge.capabilities import canonical
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ImageFacts(Record):
    """What an image says about how it wants to be run (OCI image-spec config).

    `id` is the engine's content hash; `os` and `architecture` are Go's names; `user` is as written.
    """

    id: str
    os: str
    architecture: str
    variant: str = ""
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


class VolumeFacts(Record):
    """What an engine says about a named volume."""

    driver: str
    options: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    created: str


class ContainerRecord(Record):
    """What an engine recorded about a container, and the state that it is in."""

    id: str
    status: str
    pid: int
    exit_code: int
    started: str
    user: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    cap_add: tuple[str, ...]
    cap_drop: tuple[str, ...]
    privileged: bool
    security_opt: tuple[str, ...]
    init: bool
    restarts: bool
    tty: bool
    log_driver: str
    runtime: str


def image_facts(body: bytes) -> ImageFacts:
    """Read `GET /images/NAME/json`; raise ValueError when it is not such an answer."""
    image = _object(decode(body))
    config = _object(image.get("Config") or {})
    return ImageFacts(
        id=_text(image.get("Id")),
        os=_text(image.get("Os")).lower(),
        architecture=_text(image.get("Architecture")).lower(),
        variant=_text(image.get("Variant") or ""),
        user=_text(config.get("User") or ""),
        entrypoint=_texts(config.get("Entrypoint")),
        cmd=_texts(config.get("Cmd")),
        volumes=tuple(_object(config.get("Volumes") or {})),
    )


def volume_facts(body: bytes) -> VolumeFacts:
    """Read `GET /volumes/NAME`; raise ValueError when it is not such an answer."""
    volume = _object(decode(body))
    labels = _object(volume.get("Labels") or {})
    return VolumeFacts(
        driver=_text(volume.get("Driver")),
        options=tuple(_object(volume.get("Options") or {})),
        labels=tuple((key, _text(value)) for key, value in labels.items()),
        created=_text(volume.get("CreatedAt") or ""),
    )


def container_record(body: bytes) -> ContainerRecord:
    """Read `GET /containers/ID/json`; raise ValueError when it is not such an answer."""
    container = _object(decode(body))
    state = _object(container.get("State"))
    config = _object(container.get("Config"))
    host = _object(container.get("HostConfig"))
    restart = _object(host.get("RestartPolicy") or {})
    log = _object(host.get("LogConfig") or {})
    return ContainerRecord(
        id=_text(container.get("Id")),
        status=_text(state.get("Status")),
        pid=_integer(state.get("Pid")),
        exit_code=_integer(state.get("ExitCode")),
        started=_text(state.get("StartedAt") or ""),
        user=_text(config.get("User") or ""),
        entrypoint=_texts(config.get("Entrypoint")),
        cmd=_texts(config.get("Cmd")),
        cap_add=tuple(canonical(name) for name in _texts(host.get("CapAdd"))),
        cap_drop=tuple(canonical(name) for name in _texts(host.get("CapDrop"))),
        privileged=bool(host.get("Privileged")),
        security_opt=_texts(host.get("SecurityOpt")),
        init=bool(host.get("Init")),
        restarts=_text(restart.get("Name") or "") not in ("", "no"),
        tty=bool(config.get("Tty")),
        log_driver=_text(log.get("Type") or ""),
        runtime=_text(host.get("Runtime") or ""),
    )


def mounts(body: bytes) -> tuple[tuple[str, str], ...]:
    """Read the mounts in `GET /containers/ID/json`: container path and name of the volume, if any.

    Raises ValueError when it is not such an answer.
    """
    listed = _object(decode(body)).get("Mounts") or []
    if not isinstance(listed, list):
        message = "expected a list of mounts"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return tuple(
        (_text(mount.get("Destination")), _text(mount.get("Name") or ""))
        for mount in map(_object, listed)
    )


def error_message(body: bytes) -> str:
    """Return the engine's own words from an error answer, or what can be shown of it."""
    try:
        return _text(_object(decode(body)).get("message")).strip()
    except ValueError:
        return body[:200].decode("utf-8", "replace").strip()


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - it comes out of JSON
    if not isinstance(value, dict):
        message = f"expected an object, not {type(value).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - it comes out of JSON
    if not isinstance(value, str):
        message = f"expected text, not {type(value).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return value


def _integer(value: Any) -> int:  # noqa: ANN401 - it comes out of JSON
    if not isinstance(value, int):
        message = f"expected a number, not {type(value).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - it comes out of JSON
    if value is None:
        return ()
    # Older engines and Podman may give a single string where a list is meant.
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        message = f"expected a list, not {type(value).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return tuple(_text(item) for item in value)
