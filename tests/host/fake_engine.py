"""An engine made of bytes: it says what a test tells it to, on a unix socket."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    #: What to send back for everything received so far on one connection, piece by piece; nothing
    #: while the question is incomplete. After it the connection is closed.
    Speak = Callable[[bytes], Iterable[bytes]]

END = b"\r\n\r\n"


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """One HTTP answer with its length."""
    lines = [f"HTTP/1.1 {status} Fine", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + END + body


def always(*pieces: bytes, questions: int = 1) -> Speak:
    """Say these pieces once that many questions have come."""
    return lambda received: pieces if received.count(END) >= questions else ()


class FakeEngine:
    """A listener on a socket, as a context manager; `received` is what each connection said."""

    def __init__(self, path: Path, speak: Speak) -> None:
        """Take where to listen and what to say."""
        self.path = str(path)
        self.host = f"unix://{path}"
        self.received: list[bytes] = []
        self._speak = speak
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Start listening."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        number = len(self.received)
        self.received.append(b"")
        try:
            while data := connection.recv(1 << 16):
                self.received[number] += data
                pieces = list(self._speak(self.received[number]))
                for piece in pieces:
                    connection.sendall(piece)
                if pieces:
                    return
        except OSError:
            return
