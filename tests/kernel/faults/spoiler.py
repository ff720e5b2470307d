"""A way to the engine on which one of saferun's own questions is answered badly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.kernel.forwarder import REQUEST, Forwarder, chunks, send, shut

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: Pieces to say in place of what the engine said (None: it was not asked), with what pause
    #: between them in seconds.
    Bad = Callable[[bytes], Iterator[bytes]]

#: Who asks: saferun itself, and the SDK that it uses. The docker CLI has its own answers.
OURS = ("User-Agent: saferun", "User-Agent: docker-sdk-python")
HEAD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n"


def whole(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an answer, perhaps with another length than it has."""
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Length: {size}\r\n\r\n".encode() + body
    )


def forever(piece: bytes, pause: float) -> Iterator[bytes]:
    """Say the same again and again."""
    while True:
        yield piece
        time.sleep(pause)


def trickling(text: bytes) -> Iterator[bytes]:
    """Say it one byte at a time."""
    for byte in text:
        yield bytes((byte,))
        time.sleep(0.3)


def silent(_said: bytes) -> Iterator[bytes]:
    """Say nothing, and listen on."""
    while True:
        time.sleep(0.2)
        yield b""


def halved(said: bytes) -> Iterator[bytes]:
    """Say the first half of it, and close."""
    yield said[: len(said) // 2]


def then_forever(first: bytes, piece: bytes, pause: float) -> Iterator[bytes]:
    """Begin, and then say the same again and again."""
    yield first
    yield from forever(piece, pause)


#: Answers of an engine that is broken, overloaded, or none at all.
BAD: dict[str, Bad] = {
    "silence": silent,
    "a byte now and then": trickling,
    "half": halved,
    "nothing": lambda _: iter(()),
    "a length too short": lambda _: iter([whole(b'{"Id": "abc"}', length=5) * 2]),
    "a length too long": lambda _: iter([whole(b"{}", length=1000)]),
    "a length that is none": lambda _: iter([HEAD + b"Content-Length: many\r\n\r\n{}"]),
    "a web page": lambda _: iter([whole(b"<html>It works!</html>") * 2]),
    "an error without words": lambda _: iter([whole(b"", "500 Oops") * 2]),
    "an error that is a web page": lambda _: iter([whole(b"<html>502</html>", "502 Bad") * 2]),
    "a header without end": lambda _: then_forever(HEAD, b"X-More: " + b"x" * 60_000, 0),
    "headers without end": lambda _: then_forever(HEAD, b"X-More: x\r\n" * 500, 0),
    "an endless line": lambda _: forever(b"x" * 60_000, 0),
    "invalid UTF-8": lambda _: iter([whole(b'{"Id": "\xff\xfe\x80", "Config": "\xc0"}') * 2]),
    "another shape": lambda _: iter([whole(b'[1, {"Id": []}]') * 2]),
    "other types": lambda _: iter(
        [whole(b'{"Id": 5, "Config": 7, "Driver": [], "Labels": "x", "CreatedAt": {}}') * 2]
    ),
    "null": lambda _: iter([whole(b"null") * 2]),
    "nested deep": lambda _: iter([whole(b"[" * 100_000) * 2]),
    "chunks without end": lambda _: then_forever(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b" " * 0x400 + b"\r\n", 0.001
    ),
    "chunks of nonsense": lambda _: iter(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\nzz\r\n"]
    ),
    "trailers without end": lambda _: then_forever(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 0.001
    ),
    "announcements without end": lambda _: forever(b"HTTP/1.1 102 Processing\r\n\r\n", 0.001),
    "another protocol": lambda _: iter([b"SSH-2.0-OpenSSH_9.2\r\n"]),
    "noise": lambda _: iter([bytes(range(256)) * 40]),
}


class Spoiler(Forwarder):
    """Passes everything on, but answers the question of one number in another way.

    The engine is asked all the same, and does what it is told. `questions` are the first lines of
    all that saferun asked.
    """

    def __init__(self, engine: str, path: Path, number: int, bad: Bad) -> None:
        self.number = number
        self.bad = bad
        self.questions: list[str] = []
        self.spoilt: set[socket.socket] = set()
        super().__init__(engine, path)

    @property
    def happened(self) -> bool:
        """Whether there was such a question."""
        return len(self.questions) >= self.number

    def requests(self, caller: socket.socket, engine: socket.socket) -> None:
        """Count what is asked, and note when it comes to the one."""
        for chunk in chunks(caller):
            if REQUEST.match(chunk):
                head = chunk.partition(b"\r\n\r\n")[0].decode("latin-1")
                if any(name in head for name in OURS):
                    self.questions.append(head.partition("\r\n")[0])
                    if len(self.questions) == self.number:
                        self.spoilt.add(engine)
            if not send(engine, chunk):
                break
        shut(engine, 1)

    def answers(self, engine: socket.socket, caller: socket.socket) -> None:
        """Pass on what is said, until it comes to the one."""
        for chunk in chunks(engine):
            if engine in self.spoilt:
                for piece in self.bad(chunk):
                    if self.is_cut or not send(caller, piece):
                        break
                break
            if not send(caller, chunk):
                break
        shut(caller, 2)
