"""/proc on this machine, as bytes; nothing here knows what they mean."""

from __future__ import annotations

import os
from errno import EMFILE, ENFILE, ENOENT, ENOMEM, ESRCH

from saferun.errors import KernelError

#: The namespaces that tell whether a process is in a container, by their names below /proc/PID/ns.
NAMESPACES = ("pid", "mnt")
#: Files that the kernel gives whole, as far as there is room (seq_file single_open, fs/proc/base.c
#: ONE): there is no need to ask whether there is more.
AT_ONCE = frozenset(("cgroup", "stat", "status"))
PIECE = 1 << 16
#: What the kernel says when whoever asks has no room to look (open(2)): what is asked for may well
#: be there.
NO_ROOM = (EMFILE, ENFILE, ENOMEM)
#: What it says of a process that is not there, or has ended.
NOT_THERE = (ENOENT, ESRCH)
#: How many links a directory has by itself: its name and its own `.`.
LINKS = 2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ProcessFiles:
    """What /proc said of one process at one moment, with its identity before and after.

    `threads` are the status files of its threads but the first; each has capabilities of its own.
    `namespaces` are those of NAMESPACES that it is in, as `namespace` tells, if they are asked for.
    A file that cannot be read is None; making and completing it raises KernelError where there is
    no room to look.
    """

    def __init__(self, pid: int) -> None:
        """Read whose it is; `complete` reads the rest."""
        self.pid = pid
        self.stat_before = read(pid, "stat")
        self.cgroup = read(pid, "cgroup")
        self.uid_map: bytes | None = None
        self.status: bytes | None = None
        self.namespaces: tuple[str | None, ...] = ()
        self.threads: tuple[bytes, ...] = ()
        self.stat_after: bytes | None = None

    def complete(self, *, namespaces: bool = False) -> ProcessFiles:
        """Read everything else, and last the identity again; return itself."""
        pid = self.pid
        self.uid_map = read(pid, "uid_map")
        if namespaces:
            self.namespaces = tuple(namespace(pid, kind) for kind in NAMESPACES)
        self.status = read(pid, "status")
        self.threads = tuple(
            one
            for one in (read(pid, f"task/{thread}/status") for thread in _further_threads(pid))
            if one is not None
        )
        self.stat_after = read(pid, "stat")
        return self


def read(pid: int, name: str) -> bytes | None:
    """Return /proc/PID/NAME, or None when it is not there or may not be read.

    Raises KernelError where there is no room to look.
    """
    return _contents(f"/proc/{pid}/{name}", at_once=name in AT_ONCE)


def pids() -> tuple[int, ...]:
    """Return every process that can be seen here; raise KernelError where there is no room."""
    return tuple(int(name) for name in _listed("/proc") if name.isdigit())


def namespace(pid: int, kind: str) -> str | None:
    """Return which namespace of a kind a process is in, as `KIND:[NUMBER]`.

    Empty when there is no such process or it has ended, None when it cannot be told: mostly, it may
    not be asked (ptrace(2), "ptrace access mode checking").
    """
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError as error:
        return "" if error.errno in NOT_THERE else None


def mounts() -> bytes:
    """Return this process's mountinfo, which tells how /proc is mounted; nothing if it cannot."""
    try:
        return _contents("/proc/self/mountinfo") or b""
    except KernelError:
        return b""


def release() -> str:
    """Return the release of the kernel that runs here."""
    return os.uname().release


def send(pid: int, number: int, is_the_one: Callable[[], bool]) -> None:
    """Send a signal to a process, unless it is not the one that is meant.

    That is asked when the process can no longer be mistaken for a later one of the same number.
    Raises OSError when the signal may not be sent, or the kernel (before 5.3) cannot do it so.
    """
    import signal  # only for containers that hold at the door

    try:
        process = os.pidfd_open(pid)
        try:
            if is_the_one():
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)
    except ProcessLookupError:
        return


def children(pid: int) -> tuple[int, ...]:
    """Return the children of a process, whichever of its threads forked them.

    None where the kernel does not tell (CONFIG_PROC_CHILDREN), or the process has ended. Raises
    KernelError where there is no room to look.
    """
    threads = _listed(f"/proc/{pid}/task")
    listed = b" ".join(read(pid, f"task/{thread}/children") or b"" for thread in threads)
    return tuple(int(child) for child in listed.split())


def _further_threads(pid: int) -> list[str]:
    """Return a process's threads but the first."""
    directory = f"/proc/{pid}/task"
    try:
        # Its links are those of every directory, and one for each thread.
        if os.stat(directory).st_nlink == LINKS + 1:
            return []
    except OSError as error:
        _must_have_room(error)
        return []
    return [thread for thread in _listed(directory) if thread != str(pid)]


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        _must_have_room(error)
        return []


def _contents(path: str, *, at_once: bool = False) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _must_have_room(error)
        return None
    try:
        # Long ones (a big uid_map) come in pieces.
        pieces = []
        while piece := os.read(descriptor, PIECE):
            pieces.append(piece)
            if at_once and len(piece) < PIECE:
                break
        return b"".join(pieces)
    except OSError as error:
        # ESRCH: the process ended between open and read.
        _must_have_room(error)
        return None
    finally:
        os.close(descriptor)


def _must_have_room(error: OSError) -> None:
    if error.errno in NO_ROOM:
        message = f"/proc cannot be read: {os.strerror(error.errno).lower()}"
        raise KernelError(message) from error
