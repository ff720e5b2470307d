"""An interactive shell in a terminal of its own, and what is typed into it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

PROMPT = b"<READY>"
SECONDS = 30


class Terminal:
    """A program in a terminal; it ends with the block."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], cwd: str) -> None:
        """Start it; environ and cwd are all that it finds."""
        self.fd, theirs = pty.openpty()
        # setsid makes the terminal the one that Ctrl-C and job control are about.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            env=environ,
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = b""

    def __enter__(self) -> Self:
        """Start the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program, whatever it is at."""
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self.fd, text.encode())

    def wait_for(self, text: bytes) -> bytes:
        """Return what is shown up to a text, and forget it; fail when it takes too long."""
        until = time.monotonic() + SECONDS
        while text not in self.shown:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{text!r} never came: {self.shown!r}")
            self.shown += os.read(self.fd, 4096)
        before, _, self.shown = self.shown.partition(text)
        return before
