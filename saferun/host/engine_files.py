"""The files that the engine sees, if it is on this machine.

A path means what it means to the engine: its mounts and links count, not ours. So links are
followed below the root of the engine's own process, where that may be looked into, and otherwise,
for users who may not, below our own root.
"""

from __future__ import annotations

import _socket
import os
from posixpath import normpath

from saferun.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.host.endpoint import Endpoint

#: The size of struct ucred (unix(7)): pid, uid and gid.
CREDENTIALS = 12
#: Who listens on an engine's socket: the engine itself, or systemd on its behalf. A tunnel to
#: another machine does not.
LISTENERS = (b"dockerd\n", b"podman\n", b"systemd\n")
#: As many symbolic links as the kernel follows in one path.
MOST_LINKS = 40


class EngineFiles:
    """The root directory of an engine."""

    def __init__(self, root: str) -> None:
        """Take the path of its root as it is seen from here; empty for our own."""
        self._root = root
        self._known: dict[str, str] = {}

    def real(self, path: str) -> str:
        """Return an absolute path with every symbolic link in it followed, as far as it exists.

        A path with more links than the kernel would follow is returned as the root, which covers
        whatever it may lead to. Where a path leads is found out once.
        """
        if path not in self._known:
            self._known[path] = self._followed(path)
        return self._known[path]

    def _followed(self, path: str) -> str:
        done, rest, links = "", [part for part in reversed(path.split("/")) if part], 0
        while rest:
            part = rest.pop()
            if part == ".":
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            try:
                target = os.readlink(f"{self._root}{done}/{part}")
            except (OSError, ValueError):
                done = f"{done}/{part}"
                continue
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


def working_directory() -> str:
    """Return the directory that relative paths begin at, the root where it is gone."""
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
