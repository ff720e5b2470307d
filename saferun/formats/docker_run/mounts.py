"""What a command line mounts, and where in the container: --volume, --mount and --tmpfs.

A path that is not understood here is None, which must be taken to cover everything. That includes
every form that the engine refuses anyway, such as a relative target: with `-v .:ro` the CLI puts
its working directory before the colon, and a directory name with a colon in it would then bring a
target of its own.
"""

from __future__ import annotations

from posixpath import normpath

from saferun.formats.docker_run.csv_record import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand

#: What docker calls the target in --mount.
TARGET_KEYS = frozenset({"target", "dst", "destination"})
#: And the source.
SOURCE_KEYS = frozenset({"source", "src"})


def targets(command: RunCommand) -> tuple[str | None, ...]:
    """Return the container path of every mount that the options ask for, cleaned."""
    return (
        *(of_volume(value) for value in command.all("volume")),
        *(of_mount(value) for value in command.all("mount")),
        *(_absolute(value.partition(":")[0]) for value in command.all("tmpfs")),
    )


def sources(command: RunCommand) -> tuple[str, ...]:
    """Return the host path or the volume's name of every mount that has one, as written."""
    of_mounts = (
        given
        for value in command.all("mount")
        for key, _, given in (field.partition("=") for field in fields(value) or ())
        if key.lower() in SOURCE_KEYS
    )
    of_volumes = (value.partition(":")[0] for value in command.all("volume") if ":" in value)
    return (*of_volumes, *of_mounts)


def of_volume(value: str) -> str | None:
    """Return the target of a --volume.

    The CLI (loader.ParseVolume) takes a first part of one letter for a Windows drive. What has no
    source to its mind becomes an anonymous volume whose target is the whole value, relative or not;
    the engine joins that to the root. Anything else goes to the engine as it is, which splits it at
    every colon into source, target and mode (volume/mounts linuxParser.ParseMountRaw).
    """
    drive = value[:1].isalpha() and value[1:2] == ":"
    colon = value.find(":", 2 if drive else 0)
    if colon < 1 or len(value) <= len("c:"):
        return _absolute("/" + value) if value else None
    parts = value.split(":")
    return _absolute(parts[1]) if len(parts) in (2, 3) else None


def of_mount(value: str) -> str | None:
    """Return the target of a --mount; the last one where there are several, as docker does."""
    target = ""
    for field in fields(value) or ():
        key, _, given = field.partition("=")
        if not key.isascii():
            # Go lower-cases some letters beyond ASCII to ASCII, and not all of those Python does.
            return None
        if key.lower() in TARGET_KEYS:
            target = given
    return _absolute(target)


def _absolute(path: str) -> str | None:
    """Clean a path as Go's path.Clean does; None when it is not absolute."""
    # POSIX lets a path keep two leading slashes, and normpath does too; Go does not.
    return normpath("/" + path.lstrip("/")) if path.startswith("/") else None
