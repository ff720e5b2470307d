"""The Docker Engine API over one connection: questions asked together, bytes answered.

A small HTTP/1.1 client, because the timed path cannot afford `http.client` (40 ms) or the docker
SDK (130 ms). It only ever asks (GET); whatever changes something on the engine is done by the
docker CLI or through the SDK.
"""

from __future__ import annotations

from saferun.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from saferun.host.endpoint import Endpoint

    Receive: TypeAlias = Callable[[int], bytes]

#: An answer larger than this is not one that saferun asked for.
LARGEST_ANSWER = 64 << 20
#: The statuses that mean something to more than one caller (RFC 9110).
OK, NO_CONTENT, NOT_MODIFIED, MISSING = 200, 204, 304, 404
#: What may stand in a path segment as it is (RFC 3986 unreserved and some of pchar).
PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@")


class Answer:
    """One HTTP response: status, headers by lower-case name, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Take what was read."""
        self.status = status
        self.headers = headers
        self.body = body


class Engine:
    """The engine at an endpoint, as something that can be asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the endpoint; nothing is opened before the first question."""
        self.endpoint = endpoint

    def get(self, *paths: str) -> list[Answer]:
        """Ask for every path in one round trip (HTTP pipelining); answers in the same order.

        Raises EngineError when the engine cannot be reached or does not speak HTTP.
        """
        connection = self.endpoint.connect()
        question = b"".join(
            f"GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: saferun\r\n"
            f"{'Connection: close' if number == len(paths) else 'Accept: */*'}\r\n\r\n".encode()
            for number, path in enumerate(paths, 1)
        )
        try:
            connection.stream.sendall(question)
            reader = _Reader(connection.stream.recv)
            answers = [reader.answer() for _ in paths]
        except (OSError, ValueError) as error:
            complaint = connection.close()
            message = f"the docker engine at {self.endpoint.name} did not answer: "
            raise EngineError(message + (complaint or str(error))) from error
        connection.close()
        return answers


def segment(text: str) -> str:
    """Return text as one or more path segments of a URL; `/` stays what it is."""
    encoded = text.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if chr(byte) in PLAIN or byte == ord("/") else f"%{byte:02X}" for byte in encoded
    )


class _Reader:
    """HTTP/1.1 responses from a stream of bytes (RFC 9112)."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffer = b""

    def answer(self) -> Answer:
        while True:
            answer = self._one()
            # 1xx only announce the answer (RFC 9110 15.2).
            if answer.status >= OK:
                return answer

    def _one(self) -> Answer:
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, rest = head[0].partition(" ")
        if not version.startswith("HTTP/1."):
            message = f"not HTTP: {head[0][:60]!r}"
            raise ValueError(message)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:])
        }
        status = int(rest[:3])
        bodiless = status < OK or status in (NO_CONTENT, NOT_MODIFIED)
        return Answer(status, headers, b"" if bodiless else self._body(headers))

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        # Neither said: it goes on until the connection ends (RFC 9112 6.3).
        while self._more():
            pass
        return self._exactly(len(self._buffer))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._until(b"\r\n").partition(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return body
            body += self._exactly(size)
            if len(body) > LARGEST_ANSWER:
                message = "an endless answer"
                raise ValueError(message)
            self._until(b"\r\n")

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            if not self._more():
                message = "the connection was closed in the middle of an answer"
                raise ValueError(message)
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= LARGEST_ANSWER:
            message = f"an answer of {size} bytes"
            raise ValueError(message)
        while len(self._buffer) < size:
            if not self._more():
                message = "the connection was closed in the middle of an answer"
                raise ValueError(message)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _more(self) -> bool:
        data = self._receive(1 << 16)
        self._buffer += data
        if len(self._buffer) > LARGEST_ANSWER:
            message = "an endless answer"
            raise ValueError(message)
        return bool(data)
