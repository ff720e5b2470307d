"""A directory that is only ours, for a file that somebody else will write there."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_BYTES = 8


def path(environ: Mapping[str, str]) -> str:
    """Return where it will be, under a name that nobody has."""
    place = environ.get("TMPDIR") or "/tmp"  # noqa: S108 - the name is a secret, the mode private
    return f"{place}/saferun-{os.urandom(SECRET_BYTES).hex()}"


def make(directory: str, name: str, size: int) -> None:
    """Make it, and see that a file of that name and of `size` bytes has room there.

    Raises OSError when one of these fails; there is no directory then.
    """
    os.mkdir(directory, 0o700)
    try:
        _try_writing(f"{directory}/{name}", size)
    except OSError:
        os.rmdir(directory)
        raise


def _try_writing(path: str, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, bytes(size))
    finally:
        os.close(descriptor)
        os.unlink(path)
