"""One process, read whole, and whether it is provably whom it is taken for.

A process id says nothing by itself: the engine may be on another machine, the process may have
ended and its number be another's. What is read counts only if something that the process cannot
choose says whose it is, and if it was the same process before and after.
"""

from __future__ import annotations

from saferun.errors import KernelError
from saferun.formats import proc_status
from saferun.host import kernel
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from saferun.judge.verify import Evidence

    State: TypeAlias = Literal["read", "gone", "foreign", "changed", "early", "unreadable"]
    #: Tells from a process's files whether it is whom it is taken for.
    Proof: TypeAlias = Callable[[kernel.ProcessFiles], bool]

#: How the runtime's own process is called before it has become the container's: runc's names begin
#: like this, and crun's is this.
RUNC_INIT = b"runc:["
CRUN = b"crun"

READ: State = "read"
#: It has ended, or cannot be seen from here.
GONE: State = "gone"
#: It is somebody else's.
FOREIGN: State = "foreign"
#: It was not one and the same while it was read.
CHANGED: State = "changed"
#: It is still the runtime's, which holds what the container will not: too early to judge.
EARLY: State = "early"
UNREADABLE: State = "unreadable"


class Reading(Record):
    """What became of an attempt to read a process; `why` says why there is no evidence.

    `command` is its name (comm), which it may choose itself; `parent` is the process id of its
    parent; `started` is when it started, in clock ticks since boot; `status` is all that
    /proc/PID/status says.
    """

    pid: int
    state: State
    evidence: Evidence | None = None
    why: str = ""
    command: bytes = b""
    parent: int = 0
    started: int = 0
    status: bytes = b""


def in_container(container: str) -> Proof:
    """Return the proof that a process is in the cgroup of a container, by its full id."""
    return lambda files: proc_status.belongs_to(files.cgroup or b"", container)


def look(pid: int, proof: Proof, *, namespaces: bool = False) -> Reading:
    """Read a process once; `proof` tells from its files whether it is whom it is taken for.

    `namespaces` tells whether these are what proves it.
    """
    try:
        files = kernel.ProcessFiles(pid).complete(namespaces=namespaces)
    except KernelError as error:
        return Reading(pid, UNREADABLE, why=str(error))
    return judged(files, proof)


def judged(files: kernel.ProcessFiles, proof: Proof) -> Reading:
    """Tell what a process's files are worth; see `look`."""
    pid, before, after = files.pid, files.stat_before, files.stat_after
    if before is None or files.status is None or after is None:
        return Reading(pid, GONE, why=f"process {pid} cannot be seen from here")
    comm = proc_status.command(after)
    try:
        state, why = _disqualified(files, comm, before, after, proof)
        if state != READ:
            return Reading(pid, state, None, why, comm)
        if proc_status.has_ended(files.status) and not files.threads:
            return Reading(pid, GONE, None, f"process {pid} has ended", comm)
        found = proc_status.evidence(pid, files.status, files.uid_map or b"", files.threads)
        parent, started = proc_status.parent(after), proc_status.start_time(after)
    except ValueError as error:
        return Reading(pid, UNREADABLE, None, f"process {pid} cannot be read: {error}", comm)
    return Reading(pid, READ, found, "", comm, parent, started, files.status)


def _disqualified(
    files: kernel.ProcessFiles,
    comm: bytes,
    before: bytes,
    after: bytes,
    proof: Proof,
) -> tuple[State, str]:
    """Return why what was read must not count, READ when it may; raise ValueError like /proc's."""
    if not proof(files):
        return FOREIGN, f"process {files.pid} here is not the container's"
    if proc_status.start_time(before) != proc_status.start_time(after):
        return CHANGED, f"process {files.pid} changed while it was read"
    if comm.startswith(RUNC_INIT) or comm == CRUN:
        return EARLY, "the container was still being set up"
    return READ, ""
