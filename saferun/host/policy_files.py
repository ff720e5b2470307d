"""Which policy files there are, and their bytes, if nobody untrusted can have written them.

The system's and the user's files are reached one directory at a time from the root, and every
directory on the way, also behind a symbolic link, has to belong to somebody trusted and to be
writable by nobody else. So whoever could have placed a link is trusted, and links may be followed.
A file that was named is read where its name leads; only the file itself is checked. Each file is
opened once, then checked and read on that descriptor. Access control lists are not looked at.

The environment may add files, never replace or skip the system's.
"""

from __future__ import annotations

import errno
import os
import stat

from saferun.errors import PolicyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    #: The layer's name, the path, and what is in the file.
    PolicyFile: TypeAlias = tuple[str, str, bytes]

SYSTEM_DIRECTORY = "/etc/saferun"
#: No policy is longer, and something huge in its place must not fill the memory.
LARGEST_FILE = 1 << 20
#: As many symbolic links as the kernel follows in one path.
MOST_LINKS = 40

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO must not make us wait for its writer, nor a terminal become ours.
_NAMED = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FILE = _NAMED | os.O_NOFOLLOW


def read_layers(
    named: Iterable[str], environ: Mapping[str, str], *, root: str = "/", owner: int = 0
) -> tuple[list[PolicyFile], list[PolicyError]]:
    """Return every policy file in the order of trust, and whatever keeps others from being read.

    `named` are the paths given with --policy. Where there is any error, what was read is not the
    whole law: nothing may be judged by it. `root` and `owner` are for tests: where the system's and
    the user's paths begin, and the uid that the system's files belong to.
    """
    reader = _Reader(root.rstrip("/"), owner)
    reader.system()
    reader.user(environ)
    for path in (*_listed(environ.get("SAFERUN_POLICY", "")), *named):
        reader.named(path)
    return reader.files, reader.errors


def _listed(paths: str) -> list[str]:
    # An empty name among others is kept: somebody's variable was empty where a law was meant.
    return paths.split(":") if paths else []


class _Reader:
    def __init__(self, root: str, owner: int) -> None:
        self.root = root
        self.owner = owner
        self.files: list[PolicyFile] = []
        self.errors: list[PolicyError] = []

    def system(self) -> None:
        directory = self.root + SYSTEM_DIRECTORY
        if not _exists(directory):
            return
        paths = [f"{directory}/policy.toml"]
        try:
            descriptor = self.reach(f"{directory}/policy.d", {self.owner}, _LISTING)
            if descriptor is not None:
                paths += _drop_ins(descriptor, f"{directory}/policy.d", {self.owner})
        except PolicyError as error:
            self.errors.append(error)
        for path in paths:
            self.reached("system", path, {self.owner})

    def user(self, environ: Mapping[str, str]) -> None:
        directory = _config_home(environ)
        if directory is None or not _exists(f"{self.root}{directory}/saferun"):
            return
        path = f"{self.root}{directory}/saferun/policy.toml"
        self.reached("user", path, {os.getuid(), self.owner})

    def named(self, path: str) -> None:
        try:
            descriptor = os.open(path, _NAMED)
        except OSError as error:
            self.errors.append(
                _unreadable(path, error, "check what --policy and SAFERUN_POLICY name")
            )
        else:
            self.take("explicit", path, descriptor, {os.getuid(), self.owner}, stat.S_IWOTH)

    def reached(self, layer: str, path: str, owners: set[int]) -> None:
        try:
            descriptor = self.reach(path, owners, _FILE)
        except PolicyError as error:
            self.errors.append(error)
        else:
            if descriptor is not None:
                self.take(layer, path, descriptor, owners, stat.S_IWGRP | stat.S_IWOTH)

    def take(self, layer: str, path: str, descriptor: int, owners: set[int], writers: int) -> None:
        try:
            self.files.append((layer, path, _contents(descriptor, path, owners, writers)))
        except OSError as error:
            self.errors.append(_unreadable(path, error))
        except PolicyError as error:
            self.errors.append(error)
        finally:
            os.close(descriptor)

    def reach(self, path: str, owners: set[int], flags: int) -> int | None:
        """Open a path through trusted directories only; None when there is nothing.

        Raises PolicyError when a directory cannot be trusted, when a symbolic link leads nowhere,
        or when the path cannot be opened.
        """
        where = self.root or "/"
        parts = _parts(path.removeprefix(self.root))
        # How many of the parts that are next come from symbolic links.
        linked = links = 0
        directory = os.open(where, _DIRECTORY)
        try:
            while True:
                _check(os.fstat(directory), where, path, owners, stat.S_IWGRP | stat.S_IWOTH)
                name = parts.pop()
                linked = max(0, linked - 1)
                ...
        except OSError as error:
            raise _unreadable(path, error) from None
        finally:
            os.close(directory)
