"""Where receipts are written: files, a directory with a log, and the host's log services.

Each place is opened before anything is started, so that what is demanded is known to be possible.
They take bytes, and give them no meaning; every failure is an OSError.
"""

from __future__ import annotations

import fcntl
import os
import stat
from errno import ENOENT, ENOTDIR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: The log in a directory of receipts.
LOG = "log.jsonl"
SYSLOG = "/dev/log"
JOURNAL = "/run/systemd/journal/socket"
#: authpriv (10) and notice (5), by RFC 5424 6.2.1: what a receipt says is not for everybody.
PRIORITY = 10 * 8 + 5
#: A new file is for its owner only: it holds the whole command line.
MODE = 0o600


class File:
    """A file of one receipt, which is written anew each time."""

    def __init__(self, path: str, flags: int = 0, directory: int | None = None) -> None:
        """Open the file."""
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, MODE, dir_fd=directory
        )
        # One of /dev/fd may have no name from the start.
        self._named = os.fstat(self._descriptor).st_nlink > 0

    def write(self, data: bytes) -> None:
        """Replace what is in the file; a terminal or a pipe just gets it."""
        if _is_regular(self._descriptor):
            # In this order nobody finds it empty.
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            _write(self._descriptor, data)
            os.ftruncate(self._descriptor, len(data))
            os.fsync(self._descriptor)
            if self._named:
                _see_name(self._descriptor)
        else:
            _write(self._descriptor, data)


class Directory:
    """A directory with a file for each receipt, and the log of all of them."""

    def __init__(self, path: str, name: str) -> None:
        """Open the log, and a new file of that name for the receipt of this run."""
        if not path.startswith("/"):
            raise OSError(ENOTDIR, "not an absolute path")
        self._name = name
        self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._log = os.open(LOG, flags, MODE, dir_fd=self._directory)
        self._file = File(name, os.O_EXCL | os.O_NOFOLLOW, self._directory)

    def write(self, data: bytes) -> None:
        """Replace what is in the file of this run."""
        self._file.write(data)

    def discard(self) -> None:
        """Remove the file of this run, which was not one."""
        os.unlink(self._name, dir_fd=self._directory)

    def append(self, compose: Callable[[bytes | None], bytes]) -> bytes:
        """Add a line to the log, which is made from the one before it; return it.

        `compose` is given the last line, None when there is none. One that was cut short by a crash
        stays, as a line of its own. What cannot be written whole is taken back.
        """
        fcntl.flock(self._log, fcntl.LOCK_EX)
        try:
            _see_name(self._log)
            size = os.fstat(self._log).st_size
            before = _last_line(self._log, size)
            line = compose(None if before is None else before.rstrip(b"\n"))
            start = b"" if before is None or before.endswith(b"\n") else b"\n"
            try:
                _write(self._log, start + line + b"\n")
                os.fsync(self._log)
            except OSError:
                os.ftruncate(self._log, size)
                raise
        finally:
            fcntl.flock(self._log, fcntl.LOCK_UN)
        return line


class Service:
    """A log service of this host, behind a socket."""

    def __init__(self, path: str) -> None:
        """Connect to it."""
        import socket  # few laws speak of services

        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_UNIX, kind)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Send one message whole, the only one."""
        with self._socket:
            self._socket.sendall(data)


class Syslog(Service):
    """The syslog socket (RFC 3164, as syslog(3) writes it)."""

    def __init__(self, path: str = SYSLOG) -> None:
        """Connect to it."""
        super().__init__(path)

    def receipt(self, line: bytes, _summary: bytes) -> None:
        """Log a receipt as the text of one message, which receivers may cut (often at 8 KiB)."""
        self.send(b"<%d>saferun[%d]: %s" % (PRIORITY, os.getpid(), line))


class Journal(Service):
    """journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, path: str = JOURNAL) -> None:
        """Connect to it."""
        super().__init__(path)

    def receipt(self, line: bytes, summary: bytes) -> None:
        """Log a receipt as the field SAFERUN_RECEIPT; neither it nor the summary has a newline."""
        self.send(
            b"MESSAGE=%s\nPRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=saferun\n"
            b"SAFERUN_RECEIPT=%s\n" % (summary, line)
        )


def _last_line(descriptor: int, size: int) -> bytes | None:
    """Return the last line with its newline, if it has one; None when the file is empty."""
    tail = b""
    at = size
    # A newline at the very end ends the line; the one before it begins it.
    while at > 0 and b"\n" not in tail[:-1]:
        step = min(at, 1 << 16)
        at -= step
        tail = os.pread(descriptor, step, at) + tail
    if not tail:
        return None
    return tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _see_name(descriptor: int) -> None:
    """Raise OSError when a file was removed: what is written to it, nobody will find."""
    if os.fstat(descriptor).st_nlink == 0:
        raise OSError(ENOENT, "it was removed meanwhile")


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
