"""What the host has where a command line points: links, engines' sockets, seccomp profiles."""

from __future__ import annotations

from saferun.formats import seccomp_profile
from saferun.formats.docker_run.devices import devices
from saferun.formats.docker_run.mounts import mounts
from saferun.formats.json_text import as_sent
from saferun.host import engine_files, sealed_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts
    from saferun.host.engine_files import EngineFiles
    from saferun.world import World

#: Where the sockets are through which engines, and what they are built on, are controlled. Whoever
#: can open one of them is root on the host.
SOCKETS: tuple[str, ...] = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/cri-dockerd.sock",
    "/run/k3s/containerd/containerd.sock",
)


def found(command: RunCommand, facts: Facts, keys: frozenset[str], world: World) -> Facts:
    """Return the facts with what the paths on a command line lead to, where that can be told."""
    return within(engine_files.of(world.engine.endpoint), command, facts, keys, world)


def within(
    host: EngineFiles | None,
    command: RunCommand,
    facts: Facts,
    keys: frozenset[str],
    world: World,
) -> Facts:
    """Return the same for the files of an engine, None where they are not on this machine."""
    own = world.engine.endpoint.socket
    sockets = (*SOCKETS, own) if own is not None else SOCKETS
    directory = as_sent(engine_files.working_directory(world.environ))
    facts = facts.replace(directory=directory, local=host is not None)
    asked = {one.source for one in mounts(command, facts) if one.kind == "bind"}
    asked |= {one.path for one in devices(command, facts) if one.path.startswith("/")}
    if host is not None:
        real = {path: host.real(path) for path in (*asked, *sockets)}
        told = {path: found for path, found in real.items() if found is not None}
        facts = facts.replace(paths=told)
    return facts.replace(
        sockets=tuple(dict.fromkeys([*sockets, *(facts.paths.get(one, one) for one in sockets)])),
        profiles=_profiles(command) if "security-opt" in keys else {},
    )


def _profiles(command: RunCommand) -> dict[str, str]:
    """Return the seccomp profiles that are named, by what they say; not those that say nothing."""
    identities: dict[str, str] = {}
    for option in command.verbatim("security-opt"):
        key, _, path = option.partition("=" if "=" in option else ":")
        if key == "seccomp" and path not in ("unconfined", "builtin"):
            content = sealed_copy.read(path)
            identity = None if content is None else seccomp_profile.identity(content)
            if identity is not None:
                identities[path] = identity
    return identities
