"""A way to the engine that does not pass on what it was told: a dishonest engine, for whoever asks.

It stands for a proxy, a plugin or a runtime that undoes what was asked for.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.kernel.forwarder import Forwarder, chunks, send, shut

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    #: Told of a request's path, with its query, and its JSON body, which it may change; returns
    #: the path to ask for instead.
    Lie = Callable[[str, dict[str, Any]], str]

LENGTH = re.compile(rb"(?i)\r\nContent-Length: *([0-9]+)")


class Liar(Forwarder):
    """Changes requests on their way to the engine, and answers by words of the same length."""

    def __init__(
        self, engine: str, path: Path, lie: Lie, answers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """Start listening on a unix socket; `answers` are words and what to say instead."""
        assert all(len(word) == len(other) for word, other in answers)
        self.lie = lie
        self.words = answers
        super().__init__(engine, path)

    def requests(self, caller: socket.socket, engine: socket.socket) -> None:
        """Pass on every request, changed."""
        waiting = b""
        for chunk in chunks(caller):
            waiting += chunk
            while b"\r\n\r\n" in waiting:
                head, _, rest = waiting.partition(b"\r\n\r\n")
                found = LENGTH.search(head)
                size = int(found[1]) if found else 0
                if len(rest) < size:
                    break
                waiting = rest[size:]
                if not send(engine, self.changed(head, rest[:size])):
                    return
        shut(engine, 1)

    def changed(self, head: bytes, body: bytes) -> bytes:
        """Return a request as it is passed on."""
        asked: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}
        method, path, rest = head.split(b" ", 2)
        path = self.lie(path.decode(), asked).encode()
        if asked:
            body = json.dumps(asked).encode()
            rest = LENGTH.sub(b"\r\nContent-Length: %d" % len(body), rest)
        return b"%s %s %s\r\n\r\n%s" % (method, path, rest, body)

    def answers(self, engine: socket.socket, caller: socket.socket) -> None:
        """Pass on every answer, changed."""
        for chunk in chunks(engine):
            said = chunk
            for word, other in self.words:
                said = said.replace(word, other)
            if not send(caller, said):
                break
        shut(caller, 1)
