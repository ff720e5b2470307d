"""Namespaces that are shared: --pid, --ipc, --uts, --userns, --cgroupns and --network.

Every one becomes the words that must all be permitted. Joining a container is one word, and what
that container has is another, when it is the host's; unknown counts as the host's.
"""

from __future__ import annotations

from saferun.formats.docker_run.csv_record import fields, lowered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ContainerFacts
    from saferun.formats.facts import Facts

PRIVATE, HOST, CONTAINER = "private", "host", "container:"
#: The option of a network that sets kernel parameters of the interface in it.
SYSCTLS = "com.docker.network.endpoint.sysctls"
#: Networks that every engine has.
BUILT_IN = ("bridge", "host", "none")
#: The network of a container for which none is named.
DEFAULT = ("default", "")


def pid(mode: str, facts: Facts) -> tuple[str, ...]:
    """Return whose PID namespace a mode stands for."""
    return _joined(mode, facts, lambda container: container.pid)


def ipc(mode: str, facts: Facts) -> tuple[str, ...]:
    """Return whose IPC namespace a mode stands for."""
    return _joined(mode, facts, lambda container: container.ipc)


def cgroupns(mode: str, facts: Facts, *, privileged: bool) -> tuple[str, ...]:
    """Return whose cgroup namespace a mode stands for.

    Silence means the container's own one on cgroup v2, unless it is privileged (moby
    daemon/container_operations_unix.go), and the host's on v1.
    """
    if mode:
        return (mode,)
    own = facts.engine is not None and facts.engine.cgroup_version == "2" and not privileged
    return (PRIVATE,) if own else (HOST,)


def networks(command: RunCommand, facts: Facts) -> tuple[str, ...]:
    """Return the networks that the container would be in."""
    modes = [network_name(value) for value in command.all("network")] or [""]
    return tuple(dict.fromkeys(word for mode in modes for word in network(mode, facts)))


def network(mode: str, facts: Facts) -> tuple[str, ...]:
    """Return what a network's name stands for; the engine also takes its id, or a part of it."""
    if mode in DEFAULT:
        return ("bridge",)
    if mode.startswith(CONTAINER):
        return _joined(mode, facts, lambda container: container.network)
    known = facts.networks.get(mode)
    if mode in BUILT_IN or known is None:
        return (mode,)
    return (known.name, HOST) if known.driver == HOST else (known.name,)


def network_name(value: str) -> str:
    """Return the name in a --network.

    The CLI reads fields where a word stands on both sides of an equals sign, anywhere, and then
    lower-cases and trims them; otherwise the value is the name as it is (opts/network.go).
    """
    return dict(_said(value)).get("name", "") if _has_fields(value) else value


def sysctls(value: str) -> Iterator[tuple[str, str]]:
    """Yield the kernel parameters that a --network sets for its interface (docker 28)."""
    for key, given in _said(value) if _has_fields(value) else ():
        name, _, settings = given.partition("=")
        if key == "driver-opt" and name.strip() == SYSCTLS:
            for setting in settings.split(","):
                parameter, _, its = setting.partition("=")
                yield parameter.strip().replace("/", "."), its


def _said(value: str) -> Iterator[tuple[str, str]]:
    for field in fields(value) or ():
        key, _, given = lowered(field).partition("=")
        yield key.strip(), given.strip()


def _has_fields(value: str) -> bool:
    return any(
        _is_word(value[at - 1 : at]) and _is_word(value[at + 1 : at + 2])
        for at, letter in enumerate(value)
        if letter == "="
    )


def _is_word(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == "_")


def _joined(mode: str, facts: Facts, of: Callable[[ContainerFacts], str]) -> tuple[str, ...]:
    if not mode:
        return (PRIVATE,)
    if not mode.startswith(CONTAINER):
        return (mode,)
    container = facts.containers.get(mode.removeprefix(CONTAINER))
    if container is None:
        return (mode, HOST)
    # It may be named by its id, as in the engine's own record, or by a part of that.
    mode = f"{CONTAINER}{container.name}" if container.name else mode
    return (mode, HOST) if of(container) == HOST else (mode,)
