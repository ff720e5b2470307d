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

    `id` is the engine's content hash; `os` and `architecture` are Go's names; `user` is as written;
    `env` has words `NAME=VALUE`; `directory` is the one that commands start in.
    """

    id: str
    os: str
    architecture: str
    variant: str = ""
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    health_check: bool = False
    health_words: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    stop_signal: str = ""


class VolumeFacts(Record):
    """What an engine says about a named volume."""

    driver: str
    options: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    created: str


class MountFacts(Record):
    """One mount of an existing container, in the engine's words (`Mounts` of an inspect answer).

    `name` is the volume's, empty for anything else.
    """

    kind: str
    name: str
    source: str
    target: str
    driver: str = ""
    writable: bool = True
    propagation: str = ""


class ContainerFacts(Record):
    """What matters of an existing container to another one that joins it."""

    id: str
    name: str
    pid: str
    ipc: str
    network: str
    mounts: tuple[MountFacts, ...]


class NetworkFacts(Record):
    """What an engine says about a network: its name and driver."""

    name: str
    driver: str


class EngineFacts(Record):
    """What an engine says about itself (`GET /info`).

    `seccomp` is the default profile's name, empty where there is no filter; `cgroup_version` "1" or
    "2"; `userns` whether containers' users are mapped (userns-remap, rootless). `system` is the
    operating system's name, `kernel` its release, `storage` the driver of images' layers, `labels`
    which of "apparmor" and "selinux" confine containers.
    """

    runtime: str
    log_driver: str
    seccomp: str
    cgroup_version: str
    userns: bool
    no_new_privileges: bool
    rootless: bool = False
    system: str = ""
    kernel: str = ""
    storage: str = ""
    cgroup_driver: str = ""
    labels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class EngineVersion(Record):
    """What an engine is (`GET /version`): os and architecture are Go's names, `runc` its version.

    What it does not tell is empty. `podman`: it is Podman, speaking the Docker Engine API.
    """

    version: str
    api: str
    os: str
    architecture: str
    runc: str
    podman: bool = False


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
    config = _inner(image.get("Config"))
    # No words mean "as the image below said", which has been merged already (image-spec, Docker).
    health_words = _texts(_inner(config.get("Healthcheck")).get("Test"))
    return ImageFacts(
        id=_text(image.get("Id")),
        os=_text(image.get("Os")).lower(),
        architecture=_text(image.get("Architecture")).lower(),
        variant=_said(image.get("Variant")),
        user=_said(config.get("User")),
        entrypoint=_texts(config.get("Entrypoint")),
        cmd=_texts(config.get("Cmd")),
        volumes=tuple(_inner(config.get("Volumes"))),
        tags=_texts(image.get("RepoTags")),
        digests=_texts(image.get("RepoDigests")),
        exposed=tuple(_inner(config.get("ExposedPorts"))),
        health_check=bool(health_words) and health_words[0] not in ("", "NONE"),
        health_words=health_words,
        env=_texts(config.get("Env")),
        labels=tuple((key, _text(value)) for key, value in _inner(config.get("Labels")).items()),
        working_dir=_said(config.get("WorkingDir")),
        stop_signal=_said(config.get("StopSignal")),
    )


def volume_facts(body: bytes) -> VolumeFacts:
    """Read `GET /volumes/NAME`; raise ValueError when it is not such an answer."""
    volume = _object(decode(body))
    labels = _inner(volume.get("Labels"))
    return VolumeFacts(
        driver=_text(volume.get("Driver")),
        options=tuple((key, _text(value)) for key, value in _inner(volume.get("Options")).items()),
        labels=tuple((key, _text(value)) for key, value in labels.items()),
        created=_said(volume.get("CreatedAt")),
    )


def container_record(body: bytes) -> ContainerRecord:
    """Read `GET /containers/ID/json`; raise ValueError when it is not such an answer."""
    container = _object(decode(body))
    state = _object(container.get("State"))
    config = _object(container.get("Config"))
    host = _object(container.get("HostConfig"))
    restart = _inner(host.get("RestartPolicy"))
    log = _inner(host.get("LogConfig"))
    return ContainerRecord(
        id=_text(container.get("Id")),
        status=_text(state.get("Status")),
        pid=_integer(state.get("Pid")),
        exit_code=_integer(state.get("ExitCode")),
        started=_said(state.get("StartedAt")),
        user=_said(config.get("User")),
        entrypoint=_texts(config.get("Entrypoint")),
        cmd=_texts(config.get("Cmd")),
        cap_add=tuple(canonical(name) for name in _texts(host.get("CapAdd"))),
        cap_drop=tuple(canonical(name) for name in _texts(host.get("CapDrop"))),
        privileged=_switch(host.get("Privileged")),
        security_opt=_texts(host.get("SecurityOpt")),
        init=_switch(host.get("Init")),
        restarts=_said(restart.get("Name")) not in ("", "no"),
        tty=_switch(config.get("Tty")),
        log_driver=_said(log.get("Type")),
        runtime=_said(host.get("Runtime")),
    )


def container_facts(body: bytes) -> ContainerFacts:
    """Read `GET /containers/ID/json` for what joins it; raise ValueError when it is no such answer.

    `pid`, `ipc` and `network` are as the container was given them, so perhaps `container:OTHER`.
    """
    container = _object(decode(body))
    host = _inner(container.get("HostConfig"))
    listed = container.get("Mounts")
    if not isinstance(listed, list | None):
        message = "expected a list of mounts"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return ContainerFacts(
        id=_said(container.get("Id")),
        name=_said(container.get("Name")).removeprefix("/"),
        pid=_said(host.get("PidMode")),
        ipc=_said(host.get("IpcMode")),
        network=_said(host.get("NetworkMode")),
        mounts=tuple(map(_mount, map(_object, listed or ()))),
    )


def _mount(mount: dict[str, Any]) -> MountFacts:
    name = _said(mount.get("Name"))
    return MountFacts(
        kind=_said(mount.get("Type")) or ("volume" if name else "bind"),
        name=name,
        source=_said(mount.get("Source")),
        target=_text(mount.get("Destination")),
        driver=_said(mount.get("Driver")),
        # Only a clear no makes it read-only.
        writable=mount.get("RW") is not False,
        propagation=_said(mount.get("Propagation")),
    )


def network_facts(body: bytes) -> NetworkFacts:
    """Read `GET /networks/NAME`; raise ValueError when it is not such an answer."""
    network = _object(decode(body))
    return NetworkFacts(_text(network.get("Name")), _text(network.get("Driver")))


def engine_facts(body: bytes) -> EngineFacts:
    """Read `GET /info`; raise ValueError when it is not such an answer."""
    info = _object(decode(body))
    # Each is `name=NAME`, some with further `,key=value`.
    options = {
        name: dict(pair.partition("=")[::2] for pair in rest.split(","))
        for name, _, rest in (
            option.removeprefix("name=").partition(",")
            for option in _texts(info.get("SecurityOptions"))
        )
    }
    profile = options.get("seccomp", {}).get("profile", "")
    return EngineFacts(
        runtime=_said(info.get("DefaultRuntime")),
        log_driver=_said(info.get("LoggingDriver")),
        seccomp="" if profile == "unconfined" else profile,
        # Engines before 20.10 do not tell; they know only the first.
        cgroup_version=_said(info.get("CgroupVersion")) or "1",
        userns="userns" in options or "rootless" in options,
        no_new_privileges="no-new-privileges" in options,
        rootless="rootless" in options,
        system=_said(info.get("OperatingSystem")),
        kernel=_said(info.get("KernelVersion")),
        storage=_said(info.get("Driver")),
        cgroup_driver=_said(info.get("CgroupDriver")),
        labels=tuple(name for name in ("apparmor", "selinux") if name in options),
        warnings=_texts(info.get("Warnings")),
    )


def engine_version(body: bytes) -> EngineVersion:
    """Read `GET /version`; raise ValueError when it is not such an answer."""
    told = _object(decode(body))
    listed = told.get("Components") or []
    parts = [_object(one) for one in listed] if isinstance(listed, list) else []
    versions = {_text(one.get("Name")): _said(one.get("Version")) for one in parts}
    return EngineVersion(
        version=_said(told.get("Version")),
        api=_said(told.get("ApiVersion")),
        os=_said(told.get("Os")).lower(),
        architecture=_said(told.get("Arch")).lower(),
        runc=versions.get("runc", ""),
        podman="Podman Engine" in versions,
    )


def engine_identity(body: bytes) -> dict[str, str]:
    """Read from `GET /info` which engine it is; raise ValueError when it is not such an answer."""
    info = _object(decode(body))
    names = {
        "id": "ID",
        "name": "Name",
        "version": "ServerVersion",
        "runtime": "DefaultRuntime",
        "system": "OperatingSystem",
        "kernel": "KernelVersion",
    }
    return {ours: _said(info.get(theirs)) for ours, theirs in names.items()}


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


def _inner(value: Any) -> dict[str, Any]:  # noqa: ANN401 - it comes out of JSON
    """Return an object that need not be there; null says nothing, any other zero is a mistake."""
    return {} if value is None else _object(value)


def _said(value: Any) -> str:  # noqa: ANN401 - it comes out of JSON
    """Return a text that need not be there: a user that is 0 or false is no user that is empty."""
    return "" if value is None else _text(value)


def _switch(value: Any) -> bool:  # noqa: ANN401 - it comes out of JSON
    if not isinstance(value, bool | None):
        message = f"expected true or false, not {type(value).__name__}"
        raise ValueError(message)  # noqa: TRY004 - the documented error
    return value is True


def _integer(value: Any) -> int:  # noqa: ANN401 - it comes out of JSON
    if type(value) is not int:  # a bool is an int, and no number
        message = f"expected a number, not {type(value).__name__}"
        raise ValueError(message)
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
