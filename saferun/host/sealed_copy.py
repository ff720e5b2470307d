"""A copy of a file's content that nobody can change any more, under a path of its own."""

from __future__ import annotations

import os

#: Bytes that are read of a file at most.
LARGEST = 1 << 20


def read(path: str, most: int = LARGEST) -> bytes | None:
    """Return a file's content, None when it cannot be read or has more than so many bytes."""
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= most else None


def keep(name: str, content: bytes) -> str:
    """Return a path to these bytes that holds in this process, and in what it becomes or starts.

    It is a file in memory (memfd_create(2)) whose descriptor is inherited. Raises OSError when
    there is no room for it.
    """
    descriptor = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    rest = content
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    import fcntl  # only for those who bring a profile

    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return f"/proc/{os.getpid()}/fd/{descriptor}"
