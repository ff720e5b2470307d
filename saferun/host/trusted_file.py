"""A file's bytes, if nobody untrusted can have written them.

A path is walked one directory at a time from the root, and every directory on the way, also behind
a symbolic link, has to belong to somebody trusted and to be writable by nobody else. So whoever
placed a link is trusted, and links may be followed. The file is opened once, then checked and read
on that descriptor. Access control lists are not looked at.
"""

from __future__ import annotations

import errno
import os
import stat

from saferun.errors import PolicyError

#: No policy is longer, and something huge in its place must not fill the memory.
LARGEST_FILE = 1 << 20
#: As many symbolic links as the kernel follows in one path.
MOST_LINKS = 40

#: How to open a file wherever its name leads, without waiting for the writer of a FIFO and without
#: making a terminal ours.
ANYWHERE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: How to open a file, or a directory to be listed, in a directory that is trusted.
FILE = ANYWHERE | os.O_NOFOLLOW
LISTING = FILE | os.O_DIRECTORY
# Enough to go on from, also where it may be searched but not listed.
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_A_FILE = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def reach(path: str, owners: set[int], flags: int, root: str = "/") -> int | None:
    """Open a path below `root` through trusted directories only; None when nothing is there.

    Raises PolicyError when a directory cannot be trusted or when the path cannot be opened, so also
    when a symbolic link leads nowhere: something was meant to be there.
    """
    where = root
    rest = _parts(path.removeprefix(root))
    # How many of the next parts were put there by a link, and how many links there were.
    linked = links = 0
    try:
        directory = os.open(root, _STEP)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        while True:
            check(os.fstat(directory), where, owners)
            name = rest.pop()
            of_link = linked > 0
            linked -= of_link
            try:
                found = os.open(name, _STEP if rest else flags, dir_fd=directory)
            except OSError as error:
                if isinstance(error, FileNotFoundError) and not of_link:
                    return None
                target = _target(name, directory)
                if target is None:
                    raise unreadable(path, error) from None
                links += 1
                if links > MOST_LINKS:
                    raise unreadable(path, OSError(errno.ELOOP, "")) from None
                parts = _parts(target)
                rest += parts
                linked += len(parts)
                if not target.startswith("/"):
                    continue
                found, name, where = os.open(root, _STEP), "", root
            else:
                if not rest:
                    return found
            os.close(directory)
            directory = found
            where = f"{where.rstrip('/')}/{name}" if name else where
    finally:
        os.close(directory)


def _parts(path: str) -> list[str]:
    """Return the names in a path, the last one first; `.` when there are none."""
    return [name for name in reversed(path.split("/")) if name] or ["."]


def _target(name: str, directory: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None  # it is no link


def contents(
    descriptor: int, path: str, owners: set[int], writers: int = stat.S_IWGRP | stat.S_IWOTH
) -> bytes:
    """Return what is in an open file.

    Raises PolicyError when it is no regular file, too large, or when it does not belong to one of
    `owners` or one of the mode bits `writers` is set.
    """
    status = os.fstat(descriptor)
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        message = f"cannot read policy {path}: it is {_NOT_A_FILE.get(kind, 'not a file')}"
        raise PolicyError(message, "a policy has to be a regular file")
    check(status, path, owners, writers)
    data = b""
    try:
        while status.st_size <= LARGEST_FILE and len(data) <= LARGEST_FILE:
            more = os.read(descriptor, LARGEST_FILE + 1 - len(data))
            if not more:
                return data
            data += more
    except OSError as error:
        raise unreadable(path, error) from None
    message = f"cannot read policy {path}: it is larger than 1 MiB"
    raise PolicyError(message, "a policy of that size is a mistake; split it if it is not")


def check(
    status: os.stat_result,
    where: str,
    owners: set[int],
    writers: int = stat.S_IWGRP | stat.S_IWOTH,
) -> None:
    """Raise PolicyError unless a file or directory can only have been written by its owners."""
    what = f"policy{' directory' if stat.S_ISDIR(status.st_mode) else ''} {where}"
    if status.st_uid not in owners:
        names = " or ".join("root" if uid == 0 else f"uid {uid}" for uid in sorted(owners))
        message = f"{what} belongs to uid {status.st_uid}, not to {names}, and cannot be trusted"
        raise PolicyError(message, f"if what it says is right: chown {max(owners)} {where}")
    if status.st_mode & writers:
        mode = stat.S_IMODE(status.st_mode)
        message = f"{what} can be written by others (mode {mode:04o}), and cannot be trusted"
        hint = f"if what it says is right: chmod go-w {where}"
        if status.st_mode & stat.S_ISVTX:
            # As /tmp is meant to be.
            hint = "keep policies, and what links to them lead through, in directories of their own"
        raise PolicyError(message, hint)


def unreadable(path: str, error: OSError) -> PolicyError:
    """Return what to say of a path that cannot be opened or read."""
    # What opening a socket gives.
    reason = "it is a socket" if error.errno == errno.ENXIO else os.strerror(error.errno or 0)
    return PolicyError(
        f"cannot read policy {path or 'with an empty name'}: {reason[:1].lower()}{reason[1:]}",
        "correct its path or permissions, or take it away; no policy is skipped",
    )
