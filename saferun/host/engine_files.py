"""The files that the engine sees, if it is on this machine.

A path means what it means to the engine: its mounts and links count, not ours. So links are
followed below the root of the engine's own process, where that may be looked into, and otherwise,
for users who may not, below our own root.
"""

from __future__ import annotations

import _socket
import errno
import os
from posixpath import normpath

from saferun.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.host.endpoint import Endpoint

#: The size of struct ucred (unix(7)): pid, uid and gid.
CREDENTIALS = 12
#: Who listens on an engine's socket: the engine itself, or systemd on its behalf. A tunnel to
#: another machine does not.
LISTENERS = (b"dockerd\n", b"podman\n", b"systemd\n")
#: As many symbolic links as the kernel follows in one path.
MOST_LINKS = 40
#: What readlink(2) says of a name that is no link, or that is not there.
NO_LINK = frozenset((errno.EINVAL, errno.ENOENT, errno.ENOTDIR))


class EngineFiles:
    """The root directory of an engine."""

    def __init__(self, root: str) -> None:
        """Take the path of its root as it is seen from here; empty for our own."""
        self._root = root
        self._known: dict[str, str | None] = {}

    def real(self, path: str) -> str | None:
        """Return an absolute path with every symbolic link in it followed, as far as it exists.

        A path with more links than the kernel would follow is returned as the root, which covers
        whatever it may lead to. None stands for a path whose links cannot be told: because they
        may not be looked at, or because they are those of /proc, which lead whoever follows them
        somewhere else (proc_pid_cwd(5), proc_pid_fd(5), proc_pid_root(5)). Where a path leads
        is found out once.
        """
        if path not in self._known:
            self._known[path] = self._followed(path)
        return self._known[path]

    def _followed(self, path: str) -> str | None:
        done, rest, links = "", [part for part in reversed(path.split("/")) if part], 0
        while rest:
            part = rest.pop()
            if part == ".":
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            link = f"{self._root}{done}/{part}"
            try:
                target = os.readlink(link)
                ordinary = os.lstat(link).st_size == len(os.fsencode(target))
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in NO_LINK:
                    return None
                done = f"{done}/{part}"
                continue
            if not ordinary or f"{done}/".startswith("/proc/"):
                return None
            links += 1
            if links > MOST_LINKS:
                return "/"
            if target.startswith("/"):
                done = ""
            rest += [one for one in reversed(target.split("/")) if one]
        return normpath(done or "/")


def of(endpoint: Endpoint) -> EngineFiles | None:
    """Return the files of the engine at an endpoint; None when it may be on another machine.

    It is on this one when the process at the other end of its socket is root's, can be seen here,
    and is an engine.
    """
    if endpoint.socket is None:
        return None
    try:
        connection = endpoint.connect()
    except EngineError:
        return None
    try:
        raw = connection.stream.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, CREDENTIALS)
    except OSError:
        return None
    finally:
        connection.close()
    pid, uid = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4))
    if pid == 0 or uid not in (0, os.getuid()) or _name(pid) not in LISTENERS:
        return None
    root = f"/proc/{pid}/root"
    try:
        os.stat(f"{root}/")
    except OSError:
        return EngineFiles("")
    return EngineFiles(root)


def working_directory(environ: Mapping[str, str]) -> str:
    """Return the directory that the docker CLI takes relative paths from; the root if it is gone.

    That is what PWD says, links and all, where it is this very directory (Go's os.Getwd): `..` is
    then the directory above the link, not above what it leads to.
    """
    said = environ.get("PWD", "")
    try:
        if said.startswith("/") and os.path.samestat(os.stat(said), os.stat(".")):
            return said
    except (OSError, ValueError):
        pass
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _name(pid: int) -> bytes:
    try:
        descriptor = os.open(f"/proc/{pid}/comm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 64)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
