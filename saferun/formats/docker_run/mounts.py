"""What a command line mounts: --volume, --mount, --tmpfs, --volumes-from and --use-api-socket.

A target that is not understood here is None, which must be taken to cover everything. That includes
every form that the engine refuses anyway, such as a relative target: with `-v .:ro` the CLI puts
its working directory before the colon, and a directory name with a colon in it would then bring a
target of its own.
"""

from __future__ import annotations

from posixpath import normpath

from saferun.formats.docker_run.csv_record import fields, lowered
from saferun.judge.spec import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import MountFacts, VolumeFacts
    from saferun.formats.facts import Facts

    Options = tuple[tuple[str, str], ...]

#: What docker calls source and target in --mount.
SOURCE_KEYS = frozenset({"source", "src"})
TARGET_KEYS = frozenset({"target", "dst", "destination"})
READ_ONLY_KEYS = frozenset({"readonly", "ro"})
#: What Go's strconv.ParseBool takes for true.
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
#: What docker calls the ways of propagation (mount_namespaces(7)).
PROPAGATION = {"shared": "shared", "rshared": "shared", "slave": "slave", "rslave": "slave"}
#: The socket that --use-api-socket brings into the container.
SOCKET = "/var/run/docker.sock"


def mounts(command: RunCommand, facts: Facts) -> tuple[Mount, ...]:
    """Return every mount that is asked for, with what volumes turn out to be."""
    return tuple(located(one, facts) for one in _asked(command, facts))


def _asked(command: RunCommand, facts: Facts) -> Iterator[Mount]:
    driver = command.last("volume-driver") or ""
    for value in command.all("volume"):
        yield of_bind(value, facts, driver)
    for value in command.all("mount"):
        yield of_mount(value, facts)
    for value in command.all("tmpfs"):
        yield of_tmpfs(value)
    for value in command.all("volumes-from"):
        yield from of_container(value, facts)
    if command.is_true("use-api-socket"):
        yield Mount("bind", SOCKET, SOCKET, asked="--use-api-socket")


def of_bind(value: str, facts: Facts, driver: str = "") -> Mount:
    """Return what a --volume mounts.

    The CLI (loader.ParseVolume) takes a first part of one letter for a Windows drive. What has no
    source to its mind becomes an anonymous volume whose target is the whole value, relative or not;
    the engine joins that to the root. Anything else goes to the engine as it is, which splits it at
    every colon into source, target and mode (volume/mounts linuxParser.ParseMountRaw).
    """
    asked = f"--volume={value}"
    drive = value[:1].isalpha() and value[1:2] == ":"
    colon = value.find(":", 2 if drive else 0)
    if colon < 1 or len(value) <= len("c:"):
        target = absolute("/" + value) if value else None
        return Mount("volume", "", target, driver=driver, asked=asked)
    parts = value.split(":")
    target = absolute(parts[1]) if len(parts) in (2, 3) else None
    words = parts[2].split(",") if len(parts) == 3 else []  # noqa: PLR2004 - source, target, mode
    mount = Mount(
        "volume",
        parts[0],
        target,
        "ro" in words,
        _propagation(words),
        driver,
        asked=asked,
    )
    path = _host_path(parts[0], facts.directory)
    if path is not None:
        return mount.replace(kind="bind", source=path, driver="")
    return of_volume(mount, facts.volumes.get(parts[0]))


def of_mount(value: str, facts: Facts) -> Mount:
    """Return what a --mount mounts; of a key that is there twice the last one counts."""
    said = {"type": "volume", "source": "", "target": ""}
    options: list[tuple[str, str]] = []
    for field in fields(value) or ():
        key, equals, given = field.partition("=")
        key = lowered(key)
        if key in SOURCE_KEYS:
            said["source"] = given
        elif key in TARGET_KEYS:
            said["target"] = given
        elif key in READ_ONLY_KEYS:
            said["ro"] = given if equals else "true"
        elif key == "volume-opt":
            name, _, setting = given.partition("=")
            options.append((name, setting))
        elif key in ("tmpfs-size", "tmpfs-mode"):
            options.append((key.removeprefix("tmpfs-"), given))
        else:
            said[key] = lowered(given) if key == "type" else given
    mount = Mount(
        said["type"],
        said["source"],
        absolute(said["target"]),
        said.get("ro") in TRUE,
        _propagation([said.get("bind-propagation", "")]),
        said.get("volume-driver", ""),
        tuple(dict(options).items()),
        asked=f"--mount={value}",
    )
    if mount.kind == "bind":
        # The engine refuses what is no absolute path; the root covers whatever it may mean.
        path = _host_path(mount.source, facts.directory) or "/"
        return mount.replace(source=path, driver="", options=())
    if mount.kind == "volume":
        return of_volume(mount, facts.volumes.get(mount.source))
    return mount


def of_tmpfs(value: str) -> Mount:
    """Return what a --tmpfs mounts."""
    target, _, words = value.partition(":")
    pairs = (word.partition("=") for word in words.split(",") if word)
    options = tuple((name, setting) for name, _, setting in pairs)
    read_only = ("ro", "") in options
    return Mount(
        "tmpfs", "", absolute(target), read_only, options=options, asked=f"--tmpfs={value}"
    )


def of_container(value: str, facts: Facts) -> Iterator[Mount]:
    """Yield the mounts that --volumes-from takes over; a mode can only take writing away."""
    name, _, mode = value.partition(":")
    asked = f"--volumes-from={value}"
    container = facts.containers.get(name)
    if container is None:
        yield Mount("unknown", "", None, asked=asked)
        return
    for mount in container.mounts:
        found = of_record(mount, facts).replace(asked=asked)
        yield found.replace(read_only=True) if "ro" in mode.split(",") else found


def of_record(record: MountFacts, facts: Facts) -> Mount:
    """Return what an existing container has mounted."""
    mount = Mount(
        record.kind,
        record.name if record.kind == "volume" else record.source,
        absolute(record.target),
        not record.writable,
        PROPAGATION.get(record.propagation, "private"),
        record.driver,
    )
    if mount.kind == "volume":
        return of_volume(mount, facts.volumes.get(record.name))
    return mount


def of_volume(mount: Mount, known: VolumeFacts | None) -> Mount:
    """Return a volume as what it is: one that is there is what it was made as.

    The engine mounts a local volume's `device` with the options `o` (mount(8)), so that one with
    `o=bind` is a directory of the host, although the engine's record calls it a volume.
    """
    if known is not None:
        mount = mount.replace(driver=known.driver, options=known.options)
    said = dict(mount.options)
    words = said.get("o", "").split(",")
    bind = not {"bind", "rbind"}.isdisjoint(words) or said.get("type") in ("none", "bind")
    if mount.driver not in ("", "local") or not bind:
        return mount
    # Of these the last one counts (moby/sys mount parseOptions).
    modes = [word for word in words if word in ("ro", "rw")]
    return mount.replace(
        kind="bind",
        source=as_walked(said.get("device", "")),
        read_only=mount.read_only or modes[-1:] == ["ro"],
        propagation=_propagation(words),
    )


def located(mount: Mount, facts: Facts) -> Mount:
    """Return a bind with its source as the engine will find it, links followed."""
    if mount.kind != "bind":
        return mount
    path = facts.paths.get(mount.source) if facts.local else None
    if path is None:
        return mount.replace(exact=False)
    return mount.replace(source=path)


def _host_path(source: str, directory: str) -> str | None:
    """Return a source as an absolute path, cleaned; None when it is the name of a volume.

    The CLI takes what begins with a dot for a path below its working directory.
    """
    if source.startswith("."):
        source = f"{directory}/{source}"
    return absolute(source)


def as_walked(path: str) -> str:
    """Return a path that the engine hands to the kernel as it is written.

    A relative one begins where the engine's own process is, and after a link `..` is not where it
    seems to be. Nobody here can follow either; the root covers whatever it leads to.
    """
    return "/" if ".." in path.split("/") else absolute(path) or "/"


def _propagation(words: Iterable[str]) -> str:
    return next((PROPAGATION[word] for word in words if word in PROPAGATION), "private")


def absolute(path: str) -> str | None:
    """Clean a path as Go's path.Clean does; None when it is not absolute."""
    # POSIX lets a path keep two leading slashes, and normpath does too; Go does not.
    return normpath("/" + path.lstrip("/")) if path.startswith("/") else None
