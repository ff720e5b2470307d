"""/proc on this machine, as bytes; nothing here knows what they mean."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ProcessFiles:
    """What /proc said of one process at one moment, with its identity before and after."""

    def __init__(self, pid: int) -> None:
        """Read everything; a file that cannot be read is None."""
        self.pid = pid
        self.stat_before = read(pid, "stat")
        self.cgroup = read(pid, "cgroup")
        self.comm = read(pid, "comm")
        self.uid_map = read(pid, "uid_map")
        self.status = read(pid, "status")
        self.stat_after = read(pid, "stat")


def read(pid: int, name: str) -> bytes | None:
    """Return /proc/PID/NAME, or None when it is not there or may not be read."""
    try:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Long ones (a big uid_map) come in pieces.
        pieces = []
        while piece := os.read(descriptor, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
    except OSError:
        # ESRCH: the process ended between open and read.
        return None
    finally:
        os.close(descriptor)


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

    None where the kernel does not tell (CONFIG_PROC_CHILDREN), or the process has ended.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return ()
    listed = b" ".join(read(pid, f"task/{thread}/children") or b"" for thread in threads)
    return tuple(int(child) for child in listed.split())


def mounts() -> bytes:
    """Return this process's mountinfo, which tells how /proc is mounted; nothing without /proc."""
    return read(os.getpid(), "mountinfo") or b""


def release() -> str:
    """Return the release of the kernel that runs here."""
    return os.uname().release
