"""What a create body or an inspect answer mounts, as the flags that ask for the same.

Of an inspect answer, Mounts says what came of it: whatever was taken over from other containers.
"""

from __future__ import annotations

from posixpath import normpath

from saferun.formats.body_fields import Fields
from saferun.formats.docker_run.mounts import mounts, of_bind
from saferun.formats.facts import Facts
from saferun.judge.checks.gate_mount import DIRECTORY, VOLUMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts
    from saferun.judge.spec import Mount

    Option: TypeAlias = tuple[str, str]

#: How long the name is that engines give a volume which has none.
ANONYMOUS = 64


def requested(config: Fields, host: Fields, image: ImageFacts) -> Iterator[Option]:
    """Yield the mounts that a body asks for, but for the image's own."""
    for value in host.texts("Binds"):
        yield "volume", value
    for target in config.mapping("Volumes"):
        if target not in image.volumes:
            yield _anonymous(target, image)
    if host.text("VolumeDriver"):
        yield "volume-driver", host.text("VolumeDriver")
    for mount in host.objects("Mounts"):
        yield _mount(mount)
    for target, options in host.mapping("Tmpfs").items():
        yield _tmpfs(target, options)
    for value in host.texts("VolumesFrom"):
        yield "volumes-from", value


def outcome(body: Mapping[str, Any], command: RunCommand, image: ImageFacts) -> Iterator[Option]:
    """Yield the mounts of an inspect answer that the command for its request does not name."""
    named = {mount.target for mount in mounts(command, Facts(image))}
    its = {normpath("/" + target.lstrip("/")) for target in image.volumes}
    for mount in Fields(body, "").objects("Mounts"):
        kind, name = mount.text("Type"), mount.text("Name")
        source, target = mount.text("Source"), mount.text("Destination")
        kind = kind or ("volume" if name else "bind")
        if target in named:
            continue
        if target in its and kind == "volume" and len(name) == ANONYMOUS:
            continue
        fields = [
            ("type", kind),
            ("source", name if kind == "volume" else source),
            ("target", target),
            *([("readonly", "true")] if mount.value("RW") is False else []),
            ("bind-propagation", mount.text("Propagation")),
            ("volume-driver", mount.text("Driver")),
        ]
        yield "mount", _record(fields)


def _anonymous(target: str, image: ImageFacts) -> Option:
    """Return what asks for an anonymous volume; engines join a relative target to the root."""
    path = normpath("/" + target.lstrip("/"))
    read = of_bind(target, Facts(image))
    if read.source == "" and read.target in (path, None):
        return "volume", target
    # --volume would part it at a colon.
    return "mount", _record([("target", path)])


def is_gate(mount: Mount) -> bool:
    """Tell whether a mount is one that saferun makes: it can only bring the gate, to be executed.

    `mount` is what it turned out to be. Where it can be written to, is anywhere else, or is a
    directory of the host behind a volume's name, it is somebody else's idea.
    """
    directory, _, name = (mount.target or "").rpartition("/")
    plain = mount.kind == "volume" and mount.driver in ("", "local") and not mount.options
    ours = plain and mount.source.startswith(VOLUMES) and mount.read_only
    return ours and directory == DIRECTORY and name not in ("", ".", "..")


def _mount(mount: Fields) -> Option:
    volume, memory = mount.inner("VolumeOptions"), mount.inner("TmpfsOptions")
    driver = volume.inner("DriverConfig")
    mode = memory.number("Mode")
    fields = [
        ("type", mount.text("Type")),
        ("source", mount.text("Source")),
        ("target", mount.text("Target")),
        *([("readonly", "true")] if mount.switch("ReadOnly") else []),
        ("bind-propagation", mount.inner("BindOptions").text("Propagation")),
        ("volume-driver", driver.text("Name")),
        *(
            ("volume-opt", driver.pair(key, value))
            for key, value in driver.mapping("Options").items()
        ),
        ("tmpfs-size", str(memory.number("SizeBytes") or "")),
        ("tmpfs-mode", f"{mode:o}" if mode else ""),
    ]
    options = memory.value("Options")
    if not options:
        return "mount", _record(fields)
    # No --mount says these; --tmpfs does.
    if not isinstance(options, list) or not all(isinstance(one, list) for one in options):
        message = "HostConfig.Mounts.TmpfsOptions.Options: expected a list of lists"
        raise ValueError(message)
    words = ["=".join(map(str, one)) for one in options]
    read_only = ["ro"] if mount.switch("ReadOnly") else []
    return _tmpfs(mount.text("Target"), ",".join([*read_only, *words]))


def _tmpfs(target: str, options: str) -> Option:
    if ":" in target:
        message = f"HostConfig.Tmpfs: a path with a colon: {target!r}"
        raise ValueError(message)
    return "tmpfs", f"{target}:{options}" if options else target


def _record(fields: list[tuple[str, str]]) -> str:
    """Return the value of a --mount: comma-separated, each field in quotes where it needs them."""
    words = [f"{key}={value}" for key, value in fields if value]
    if any(letter in word for word in words for letter in "\r\n\0"):
        message = "HostConfig.Mounts: a path with a line's end in it"
        raise ValueError(message)
    quoted = (word.replace('"', '""') for word in words)
    return ",".join(f'"{word}"' if set(word) & set(',"') else word for word in quoted)
