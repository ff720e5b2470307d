"""What the docker CLI and an engine say of themselves, and what that means to whoever runs saferun.

Nothing here proves anything: it is the engine's word. The canaries are the proof.
"""

from __future__ import annotations

from saferun.judge.diagnosis import failed, passed, unclear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.formats.engine_api import EngineFacts, EngineVersion
    from saferun.judge.diagnosis import Line

#: The oldest CLI and the oldest engine that saferun is held to.
OLDEST = (20, 10)
#: A number with more digits is none of a version.
LONGEST_NUMBER = 9
#: How `docker --version` begins; Podman's docker has words of its own.
CLI = "Docker version "
#: How the usage in `docker run --help` and in `saferun --help` begins.
USAGE, OUR_USAGE = "Usage:  docker run", "Usage:  saferun"
#: What saferun says when the docker CLI that it started has started saferun.
LOOP = "calls saferun again"
#: Storage drivers that current engines have (docs.docker.com/engine/storage/drivers); with the
#: containerd image store it is the name of a snapshotter; "overlay" is what Podman calls its own.
STORAGE = (
    "overlay2",
    "overlayfs",
    "overlay",
    "fuse-overlayfs",
    "btrfs",
    "zfs",
    "vfs",
    "native",
    "stargz",
)
#: How an engine warns that anybody may reach its API over the network (moby daemon/info.go).
EXPOSED = "API is accessible on http"


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: `20.10.24+dfsg1` is 20, 10 and 24."""
    found: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > LONGEST_NUMBER:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)


def cli_version(status: int, told: str) -> Line:
    """Judge what `docker --version` ended with and printed."""
    line = told.strip().partition("\n")[0]
    version = line.removeprefix(CLI).partition(",")[0] if line.startswith(CLI) else ""
    if status != 0 or not numbers(version):
        why = f"`docker --version` ended with {status}: {line or 'it printed nothing'}"
        return unclear(
            "cli.version", why, "saferun is made for Docker's CLI: set SAFERUN_DOCKER to its path"
        )
    if numbers(version) < OLDEST:
        advice = "saferun is tested with CLIs from 20.10 on: upgrade it"
        return unclear("cli.version", f"docker CLI {version}, which is old", advice)
    return passed("cli.version", f"docker CLI {version}")


def cli_loop(status: int, told: str) -> Line:
    """Judge what `docker run --help` ended with and printed, started as saferun starts the CLI."""
    if LOOP in told or OUR_USAGE in told:
        return failed(
            "cli.loop",
            "what is called docker starts saferun again, so no docker CLI is ever reached",
            "set SAFERUN_DOCKER to the path of the real docker CLI",
        )
    if status == 0 and USAGE in told:
        return passed("cli.loop", "`docker run` is the CLI's own")
    line = told.strip().partition("\n")[0]
    return unclear(
        "cli.loop",
        f"`docker run --help` ended with {status}: {line or 'it printed nothing'}",
        "saferun is made for Docker's CLI: set SAFERUN_DOCKER to its path",
    )


def socket(path: str | None, mode: int | None, warnings: tuple[str, ...]) -> Line:
    """Judge who may talk to the engine, and so be root: by its socket's mode and its own warning.

    `mode` is the permission bits, None where they cannot be read.
    """
    exposed = [warning for warning in warnings if EXPOSED in warning]
    if exposed:
        return failed(
            "engine.socket",
            " ".join(exposed[0].split()),
            "whoever reaches it is root there: remove that address, or protect it with TLS",
        )
    if path is None:
        return unclear(
            "engine.socket",
            "the engine is not behind a local socket, so who may talk to it cannot be seen",
            "whoever may is root there and can skip saferun: look at it on that machine",
        )
    if mode is None:
        return unclear("engine.socket", f"the mode of {path} cannot be read", "run doctor as root")
    if mode & 0o002:
        return failed(
            "engine.socket",
            f"everybody on this machine may open {path} (mode {mode:04o}), and so be root",
            f"chmod o-w {path}",
        )
    return passed("engine.socket", f"{path} is open to its owner and group only (mode {mode:04o})")


def versions(engine: EngineVersion) -> Iterator[Line]:
    """Judge `GET /version`."""
    name = "Podman" if engine.podman else "engine"
    told = f"{name} {engine.version or 'without a version'}, API {engine.api or 'unknown'}"
    if engine.podman:
        advice = "saferun is made for Docker Engine: rely on what the canaries show"
        yield unclear("engine.version", told, advice)
    elif not numbers(engine.version):
        yield unclear("engine.version", told, "saferun is made for Docker Engine from 20.10 on")
    elif numbers(engine.version) < OLDEST:
        yield unclear("engine.version", told, "saferun is tested from 20.10 on: upgrade the engine")
    else:
        yield passed("engine.version", told)


def architecture(engine: EngineVersion, ours: tuple[str, ...]) -> Line:
    """Judge whether there is a gate for what the engine's machine executes."""
    if engine.os == "linux" and engine.architecture in ours:
        return passed(
            "gate.architecture",
            f"the engine runs {engine.architecture}; there are gates for {', '.join(ours)}",
        )
    theirs = f"{engine.os or 'unknown'}/{engine.architecture or 'unknown'}"
    return failed(
        "gate.architecture",
        f"there is no gate for {theirs}, only for linux on {', '.join(ours)}",
        "non-root containers are refused there; --verify=off runs them unchecked, where a policy "
        "allows it",
    )


def facts(engine: EngineFacts, version: EngineVersion) -> Iterator[Line]:
    """Judge `GET /info`, together with what `GET /version` adds to it."""
    yield _platform(engine, version)
    yield _runtime(engine, version)
    yield _storage(engine)
    yield _cgroup(engine)
    yield passed(
        "engine.rootless",
        "yes: the engine has no more rights than the user who started it"
        if engine.rootless
        else "no: the engine is root on its machine",
    )
    yield passed(
        "engine.userns",
        "users are mapped: root in a container is somebody else outside"
        if engine.userns
        else "users are not mapped: uid 0 in a container is uid 0 outside, but for capabilities",
    )
    yield _seccomp(engine)
    yield passed(
        "engine.lsm",
        f"containers are confined by {' and '.join(engine.labels)}"
        if engine.labels
        else "neither AppArmor nor SELinux confines containers: capabilities, seccomp and "
        "namespaces are all there is",
    )
    yield passed(
        "engine.no-new-privileges",
        "set for every container, whether asked for or not"
        if engine.no_new_privileges
        else "set where it is asked for; a policy can require it",
    )


def _platform(engine: EngineFacts, version: EngineVersion) -> Line:
    told = f"{engine.system or 'unknown system'}, kernel {engine.kernel or 'unknown'}"
    if not version.os:
        return unclear("engine.platform", f"{told}: the engine does not tell what it runs on")
    if version.os != "linux":
        return failed(
            "engine.platform", f"{told}: the engine runs {version.os} containers", "use a Linux one"
        )
    return passed("engine.platform", told)


def _runtime(engine: EngineFacts, version: EngineVersion) -> Line:
    if engine.runtime in ("runc", "io.containerd.runc.v2"):
        return passed("engine.runtime", f"runc {version.runc or 'without a version'}")
    return unclear(
        "engine.runtime",
        f"the default runtime is {engine.runtime or 'not told'}, not runc",
        "what it does with capabilities is shown by the canaries, which ran with it; a sandbox "
        "such as gVisor or Kata keeps everything from being seen from outside",
    )


def _storage(engine: EngineFacts) -> Line:
    if engine.storage in STORAGE:
        return passed("engine.storage", engine.storage)
    return unclear(
        "engine.storage",
        f"storage driver {engine.storage or 'not told'}, which saferun does not know",
        "gate.runs shows whether the gate can be brought into containers there",
    )


def _cgroup(engine: EngineFacts) -> Line:
    told = f"version {engine.cgroup_version}, driver {engine.cgroup_driver or 'not told'}"
    if engine.cgroup_driver in ("cgroupfs", "systemd"):
        return passed("engine.cgroup", told)
    if engine.cgroup_driver == "none":
        return failed(
            "engine.cgroup",
            f"{told}: limits on memory, processes and processors are not applied",
            "rootless engines need cgroup v2 and a systemd that delegates controllers",
        )
    return unclear("engine.cgroup", told, "limits and proofs from outside need cgroups")


def _seccomp(engine: EngineFacts) -> Line:
    if not engine.seccomp:
        return failed(
            "engine.seccomp",
            "containers run without a system call filter",
            "take seccomp-profile=unconfined out of the engine's configuration, or use a kernel "
            "and an engine with seccomp",
        )
    if engine.seccomp in ("default", "builtin"):
        return passed("engine.seccomp", "the engine's default profile")
    return unclear(
        "engine.seccomp",
        f"the engine's default is a profile of its own: {engine.seccomp}",
        "saferun cannot judge it: see that it is stricter than docker's default",
    )
