"""Every process of many containers, found in one pass over /proc, and read.

A process is a container's if it is in its cgroup: what was exec'd there is no child of its first
process, and what a child of it forked may have been given to another parent. Whoever is in its PID
or mount namespace without being in its cgroup came from the host (nsenter), or was moved out.
"""

from __future__ import annotations

import os
import time

from saferun import processes
from saferun.errors import KernelError
from saferun.formats import proc_status
from saferun.host import kernel
from saferun.judge.audit import Process
from saferun.judge.capabilities import BITS, SETS
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from saferun.judge.audit import Role
    from saferun.processes import Reading

#: How long the runtime may take until its own process has become the container's.
PATIENCE_SECONDS = 0.3
PAUSE_SECONDS = 0.02
#: States in which another look may show more.
PASSING = frozenset((processes.EARLY, processes.CHANGED))
#: States of a process that is no member any more, and of which there is nothing to say.
ENDED = frozenset((processes.GONE, processes.FOREIGN))
#: The host's first process (pid_namespaces(7)): where it is, is the host, and nowhere else.
INIT = 1
BLIND = "whether a process of the host has joined its namespaces: they may not be read by this user"


class Wanted(Record):
    """A container by the engine's word: its first process, and whose PID namespace that is in.

    `own_pid_namespace` is False where it has the host's, or another container's.
    """

    pid: int
    own_pid_namespace: bool = True


class Members(Record):
    """What was read of a container's processes, and what could not be, with reasons."""

    processes: tuple[Process, ...] = ()
    unverified: tuple[str, ...] = ()


class _Look:
    """A process to be read: what proves whose it is, and what has been read of it."""

    def __init__(
        self, pid: int, proof: processes.Proof, role: Role, files: kernel.ProcessFiles | None = None
    ) -> None:
        self.pid = pid
        self.role: Role = role
        self._proof = proof
        self.reading = processes.judged(files, proof) if files else self._look()

    def again(self) -> None:
        self.reading = self._look()

    def _look(self) -> Reading:
        return processes.look(self.pid, self._proof, namespaces=self.role == "joined")


def of(containers: Mapping[str, Wanted]) -> dict[str, Members]:
    """Return the processes of containers, by whole id."""
    looks: dict[str, list[_Look]] = {container: [] for container in containers}
    proofs = {container: processes.in_container(container) for container in containers}
    outside = []
    #: Why some were not looked at, each reason once: they may be anybody's.
    unseen: dict[str, None] = {}
    for pid in _everybody(unseen):
        try:
            files = kernel.ProcessFiles(pid)
            found = proc_status.owners(files.cgroup or b"", containers)
            if not found:
                outside.append(pid)
                continue
            files.complete()
        except KernelError as error:
            unseen[str(error)] = None
            continue
        for container in found:
            role: Role = "first" if pid == containers[container].pid else "member"
            looks[container].append(_Look(pid, proofs[container], role, files))
    for container, wanted in containers.items():
        # The engine's word may be younger than the list: its process is looked at in any case.
        if all(look.role != "first" for look in looks[container]):
            looks[container].append(_Look(wanted.pid, proofs[container], "first"))
    _settle([look for each in looks.values() for look in each])
    # Only where the first process is provably the container's do its namespaces mean anything.
    proven = {
        container: wanted
        for container, wanted in containers.items()
        if any(look.role == "first" and look.reading.evidence for look in looks[container])
    }
    places, blind = _places(proven)
    joined = list(_joined(places, outside, unseen))
    _settle([look for _, look in joined])
    for container, look in joined:
        looks[container].append(look)
    reasons = (*unseen, *_hidden())
    return {
        container: _members(looks[container], (*reasons, *blind.get(container, ())))
        for container in containers
    }


def _everybody(unseen: dict[str, None]) -> tuple[int, ...]:
    try:
        return kernel.pids()
    except KernelError as error:
        unseen[str(error)] = None
        return ()


def _settle(looks: list[_Look]) -> None:
    """Read those again that are still becoming what they will be, for a short while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    passing = looks
    while True:
        passing = [look for look in passing if look.reading.state in PASSING]
        if not passing or time.monotonic() > deadline:
            return
        time.sleep(PAUSE_SECONDS)
        for look in passing:
            look.again()


def _members(looks: list[_Look], reasons: tuple[str, ...]) -> Members:
    found: list[Process] = []
    why = list(reasons)
    for look in looks:
        reading = look.reading
        if reading.evidence is not None:
            name = _text(reading.command)
            found.append(Process(reading.evidence, look.role, name, reading.parent))
        elif reading.state == processes.EARLY:
            name = _text(reading.command)
            why.append(f"process {look.pid} is still the runtime's, or calls itself so ({name})")
        elif look.role == "first" or reading.state not in ENDED:
            why.append(reading.why)
    return Members(tuple(found), tuple(dict.fromkeys(why)))


def _places(
    containers: Mapping[str, Wanted],
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the containers by their namespaces, and why those of some are not known."""
    places: dict[str, str] = {}
    blind: dict[str, tuple[str, ...]] = {}
    for container, wanted in containers.items():
        for kind in kernel.NAMESPACES:
            place = kernel.namespace(wanted.pid, kind)
            if place is None:
                blind[container] = (BLIND,)
            elif place and (kind != "pid" or wanted.own_pid_namespace):
                places[place] = container
    # The host's own are nobody's, whatever a record says of them.
    for kind in kernel.NAMESPACES:
        places.pop(kernel.namespace(INIT, kind) or "", None)
    return places, blind


def _joined(
    places: Mapping[str, str], outside: list[int], unseen: dict[str, None]
) -> Iterator[tuple[str, _Look]]:
    """Read those processes of the host that are in containers' namespaces."""
    for pid in outside if places else ():
        if pid == INIT:
            continue  # often nobody may ask it, root neither, and it has joined nobody
        here = [kernel.namespace(pid, kind) for kind in kernel.NAMESPACES]
        if None in here:
            unseen[BLIND] = None
        for container in {places.get(one or "") for one in here}:
            if container is not None:
                yield container, _Look(pid, _in_namespaces(container, places), "joined")


def _in_namespaces(container: str, places: Mapping[str, str]) -> processes.Proof:
    """Return the proof that a process is in a container's namespaces, and not in its cgroup."""

    def proof(files: kernel.ProcessFiles) -> bool:
        here = {places.get(one or "") for one in files.namespaces}
        return container in here and not proc_status.belongs_to(files.cgroup or b"", container)

    return proof


def _hidden() -> tuple[str, ...]:
    """Return why there may be processes that cannot even be seen here; nothing when there are none.

    hidepid= hides other users' processes from everybody who may not trace them (proc(5)).
    """
    mounts = kernel.mounts()
    if not mounts:
        return ("how /proc is mounted cannot be read, so some processes may not be seen",)
    if not proc_status.hidepid(mounts):
        return ()
    own = processes.look(os.getpid(), lambda _files: True).evidence
    if own is not None and own.sets[SETS.index("CapEff")] >> BITS["SYS_PTRACE"] & 1:
        return ()
    return ("/proc is mounted with hidepid=, so other users' processes cannot be seen",)


def _text(comm: bytes) -> str:
    return comm.decode("utf-8", "replace")
