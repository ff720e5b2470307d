"""Facts worth remembering between runs, in $XDG_CACHE_HOME/saferun.

Nothing in it is ever a permission by itself: what is remembered is what an image's /etc/passwd says
(by content hash; the gate settles the truth) and which gate volumes were read back and found whole.
Without a usable directory saferun works as well, only slower.
"""

from __future__ import annotations

import os
import stat

from saferun.host import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Nothing larger is ever written.
LARGEST_FILE = 1 << 20


class Cache:
    """A directory of small files, each written whole."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find the directory; it is made when something is first remembered."""
        base = environ.get("XDG_CACHE_HOME", "")
        if not base.startswith("/"):
            base = f"{home.directory(environ)}/.cache"
        self._directory = f"{base}/saferun"

    def recall(self, name: str) -> bytes | None:
        """Return what was remembered under a name; None when there is nothing to be trusted."""
        try:
            descriptor = os.open(
                f"{self._directory}/{name}",
                os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK,
            )
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            # Under sudo the directory may be somebody else's: what others wrote is not ours.
            if (
                not stat.S_ISREG(status.st_mode)
                or status.st_uid != os.geteuid()
                or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            ):
                return None
            return os.read(descriptor, LARGEST_FILE)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def remember(self, name: str, content: bytes) -> None:
        """Keep something under a name; silently not, where that is impossible."""
        if len(content) > LARGEST_FILE:
            return
        temporary = f"{self._directory}/.{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._clear()
            descriptor = os.open(temporary, flags, 0o600)
        except OSError:
            return
        try:
            try:
                whole = os.write(descriptor, content) == len(content)
            finally:
                os.close(descriptor)
            if whole:
                os.rename(temporary, f"{self._directory}/{name}")
                return
        except OSError:
            pass  # it is not worth a word
        try:
            os.unlink(temporary)
        except OSError:
            return

    def _clear(self) -> None:
        """Remove what those have left who were killed while they wrote."""
        for name in os.listdir(self._directory):
            writer = name.rpartition(".")[2]
            if name.startswith(".") and writer.isdigit() and not os.path.exists(f"/proc/{writer}"):
                os.unlink(f"{self._directory}/{name}")
