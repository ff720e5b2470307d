"""engine-socket: nothing leads to a container engine."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.values import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec, Mount

#: What such sockets are called, wherever they are.
NAMES = frozenset(("docker.sock", "podman.sock", "containerd.sock", "crio.sock", "buildkitd.sock"))


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every way to a socket of an engine where a limit says false."""
    limit = law.limit("use-api-socket")
    against = limit.against_switch() if limit else ()
    if not against:
        return
    for mount in spec.mounts:
        if mount.kind != "bind":
            continue
        if not mount.exact and not _is_named(mount, law):
            yield Violation(
                "engine-socket",
                f"a mount of {mount.source}, which may lead to an engine's socket, is not allowed",
                "its links cannot be followed from here",
                against,
                f'to allow it, a policy has to say [limits] volume = ["{mount.source}"]',
                "volume",
            )
        if reaches(mount.source, spec.sockets):
            yield Violation(
                "engine-socket",
                f"a mount of {mount.source}, which leads to an engine's socket, is not allowed",
                "whoever can open it is root on the host; read-only does not help",
                against,
                "leave it out, or mount only the directories that are needed",
                "volume",
            )
    if spec.use_api_socket:
        yield Violation(
            "engine-socket",
            "--use-api-socket is not allowed",
            "whoever can open the engine's socket is root on the host",
            against,
            "leave it out",
            "use-api-socket",
        )


def _is_named(mount: Mount, law: Law) -> bool:
    """Tell whether the law names the path of a mount itself, and so answers for where it leads."""
    limit = law.limit("volume")
    if limit is None:
        return False
    return not limit.against(lambda names: any(volumes.covers(one, mount) for one in names))


def reaches(source: str, sockets: tuple[str, ...]) -> bool:
    """Tell whether a host path is a socket of an engine, or a directory above one."""
    directory = source.rstrip("/") + "/"
    name = source.rpartition("/")[2]
    return name in NAMES or any(one == source or one.startswith(directory) for one in sockets)


CONTROL = Control(
    "engine-socket",
    "Where `use-api-socket` is limited to false, `--use-api-socket` is refused, and so is "
    "every mount of a socket of a container engine, of a directory above one, and of a "
    "file that is called like one; also through a volume that is a bind in disguise, and "
    "whether it is read-only or not. Where the links in a path cannot be followed, because "
    "the engine is on another machine or because they are those of /proc, it may lead to one "
    "unless a `volume` list names just that path.",
    (
        "CIS Docker Benchmark 5.32",
        "OWASP Docker Security Cheat Sheet, rule 1",
    ),
    check,
    (
        Case("[limits]\nuse-api-socket = false", "-v /srv:/x:ro busybox"),
        Case("[limits]\nuse-api-socket = true", "-v /run/docker.sock:/x busybox"),
        Case(
            '[limits]\nuse-api-socket = false\nvolume = ["/proc/self/cwd"]',
            "-v /proc/self/cwd:/x busybox",
        ),
    ),
    (
        Case("[limits]\nuse-api-socket = false", "-v /var/run/docker.sock:/x busybox"),
        Case("[limits]\nuse-api-socket = false", "-v /run:/x:ro busybox"),
        Case("[limits]\nuse-api-socket = false", "-v /:/x busybox"),
        Case("[limits]\nuse-api-socket = false", "-v /home/me/podman.sock:/x busybox"),
        Case("[limits]\nuse-api-socket = false", "-v /proc/self/cwd:/x busybox"),
        Case("[limits]\nuse-api-socket = false", "--use-api-socket busybox"),
    ),
)
