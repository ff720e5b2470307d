"""Which policy files there are, and their bytes.

The environment and the command line may add files, never replace or skip the system's. Whatever is
there and cannot be read or trusted is an error: half a law is no law.
"""

from __future__ import annotations

import os
import stat
from errno import ENOENT

from saferun.errors import PolicyError
from saferun.host import home, shipped
from saferun.host.trusted_file import ANYWHERE, FILE, LISTING, check, contents, reach, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    #: The layer's name, the path, and what is in the file.
    PolicyFile: TypeAlias = tuple[str, str, bytes]

SYSTEM_DIRECTORY = "/etc/saferun"


def read_layers(
    named: Iterable[str], environ: Mapping[str, str], *, root: str = "/", owner: int = 0
) -> tuple[list[PolicyFile], list[PolicyError]]:
    """Return every policy file in the order of trust, and whatever keeps others from being read.

    `named` are the paths given with --policy. Where there is any error, what was read is not the
    whole law, and nothing may be judged by it. `root` and `owner` are for tests: where the system's
    and the user's paths begin, and whose the system's files have to be.
    """
    search = _Search(root, owner)
    search.system()
    search.user(environ)
    listed = environ.get("SAFERUN_POLICY", "")
    # An empty name among others is kept: a variable was empty where a law was meant.
    for path in (*(listed.split(":") if listed else ()), *named):
        search.named(path, environ)
    return search.files, search.errors


def read_extended(layer: str, path: str, *, owner: int = 0) -> bytes:
    """Return a file that one of a layer starts from; it must be as trusted as that one.

    Raises PolicyError when it is not there, cannot be read or cannot be trusted.
    """
    search = _Search("/", owner)
    if layer == "explicit":
        search.named(path, {})
    else:
        search.trusted(layer, path, {owner} if layer == "system" else {os.getuid(), owner})
    if search.errors:
        raise search.errors[0]
    if not search.files:
        raise unreadable(path, FileNotFoundError(ENOENT, "no such file or directory"))
    return search.files[0][2]


class _Search:
    def __init__(self, root: str, owner: int) -> None:
        self.root = root
        self.owner = owner
        self.files: list[PolicyFile] = []
        self.errors: list[PolicyError] = []

    def system(self) -> None:
        directory = self.below(SYSTEM_DIRECTORY)
        if not _may_exist(directory):
            return
        owners = {self.owner}
        self.trusted("system", f"{directory}/policy.toml", owners)
        drop_ins = f"{directory}/policy.d"
        try:
            descriptor = reach(drop_ins, owners, LISTING, self.root)
        except PolicyError as error:
            self.fail(error)
            return
        if descriptor is None:
            return
        try:
            self.drop_ins(drop_ins, descriptor, owners)
        except PolicyError as error:
            self.fail(error)
        finally:
            os.close(descriptor)

    def drop_ins(self, directory: str, descriptor: int, owners: set[int]) -> None:
        """Read every file of a directory that is open; raises PolicyError if it is not trusted."""
        try:
            check(os.fstat(descriptor), directory, owners)
            names = os.listdir(descriptor)
        except OSError as error:
            raise unreadable(directory, error) from None
        # Hidden names are what editors leave beside a file.
        for name in sorted(name for name in names if name.endswith(".toml") and name[0] != "."):
            path = f"{directory}/{name}"
            try:
                file = os.open(name, FILE, dir_fd=descriptor)
            except OSError:
                # A link, which has to be walked; or something that is wrong in a way to be named.
                self.trusted("system", path, owners)
            else:
                self.take("system", path, file, owners)

    def user(self, environ: Mapping[str, str]) -> None:
        configuration = _configuration(environ)
        directory = self.below(f"{configuration}/saferun")
        if configuration and _may_exist(directory):
            self.trusted("user", f"{directory}/policy.toml", {os.getuid(), self.owner})

    def trusted(self, layer: str, path: str, owners: set[int]) -> None:
        try:
            descriptor = reach(path, owners, FILE, self.root)
        except PolicyError as error:
            self.fail(error)
        else:
            if descriptor is not None:
                self.take(layer, path, descriptor, owners)

    def named(self, path: str, environ: Mapping[str, str]) -> None:
        """Read a file where its name leads: whoever named it answers for the way, not for others.

        The group may write it, as checkouts shared in a group are. The name of a law that comes
        with saferun is that law; a file of that name in the working directory is `./NAME`.
        """
        from saferun.host import caller  # most laws are where they are looked for anyway

        path = shipped.path(path) or path
        try:
            descriptor = caller.opened(environ, lambda: os.open(path, ANYWHERE))
        except FileNotFoundError as error:
            missing = unreadable(path, error)
            if path and "/" not in path:
                # Perhaps a shipped law was meant.
                hint = f"the laws that come with saferun are {', '.join(shipped.names())}"
                missing = PolicyError(str(missing), *missing.hints, hint)
            self.fail(missing)
        except OSError as error:
            self.fail(unreadable(path, error))
        else:
            self.take("explicit", path, descriptor, {os.getuid(), self.owner}, stat.S_IWOTH)

    def take(
        self,
        layer: str,
        path: str,
        descriptor: int,
        owners: set[int],
        writers: int = stat.S_IWGRP | stat.S_IWOTH,
    ) -> None:
        try:
            self.files.append((layer, path, contents(descriptor, path, owners, writers)))
        except PolicyError as error:
            self.fail(error)
        finally:
            os.close(descriptor)

    def fail(self, error: PolicyError) -> None:
        # One bad directory stands in the way of many files, but is one error.
        if str(error) not in [str(other) for other in self.errors]:
            self.errors.append(error)

    def below(self, path: str) -> str:
        return self.root.rstrip("/") + path


def _may_exist(path: str) -> bool:
    """Tell whether a closer look is needed: one system call when there are no policies."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # the closer look will say what is wrong
    return True


def _configuration(environ: Mapping[str, str]) -> str:
    """Return the user's configuration directory, or nothing when there is no such user.

    Relative paths are not valid here, by the XDG base directory specification.
    """
    configuration = environ.get("XDG_CONFIG_HOME", "")
    if configuration.startswith("/"):
        return configuration
    where = home.directory(environ)
    return f"{where}/.config" if where.startswith("/") else ""
