"""The Docker Engine API over one connection: questions asked together, bytes answered.

A small HTTP/1.1 client, because the timed path cannot afford `http.client` (40 ms) or the docker
SDK (130 ms). It only ever asks (GET); whatever changes something on the engine is done by the
docker CLI or through the SDK.
"""

from __future__ import annotations

from time import monotonic

from saferun.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import TypeAlias

    from saferun.host.endpoint import Connection, Endpoint

    Receive: TypeAlias = Callable[[int], bytes]

#: An answer larger than this is not one that saferun asked for.
LARGEST_ANSWER = 64 << 20
#: How long one answer may take, through the SDK as well: a busy engine needs seconds to create a
#: container, one that hangs never ends.
SECONDS = 60
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

    def __init__(self, endpoint: Endpoint, seconds: float | None = None) -> None:
        """Take the endpoint, and how long one answer may take (SECONDS if nothing is said).

        Nothing is opened before the first question.
        """
        self.endpoint = endpoint
        self._seconds = SECONDS if seconds is None else seconds

    def get(self, *paths: str) -> list[Answer]:
        """Ask for every path in one round trip (HTTP pipelining); answers in the same order.

        Raises EngineError when the engine cannot be reached, does not speak HTTP, or takes longer
        for an answer than it may.
        """
        connection = self.endpoint.connect()
        stream = _Bounded(connection.stream, self._seconds)
        question = b"".join(
            f"GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: saferun\r\n"
            f"{'Connection: close' if number == len(paths) else 'Accept: */*'}\r\n\r\n".encode()
            for number, path in enumerate(paths, 1)
        )
        try:
            stream.send(question)
            reader = _Reader(stream.receive)
            answers = []
            for _ in paths:
                stream.begin()
                answers.append(reader.answer())
        except (OSError, ValueError) as error:
            complaint = connection.close()
            message = f"the docker engine at {self.endpoint.name} did not answer: "
            raise EngineError(message + (complaint or str(error))) from error
        connection.close()
        return answers

    def follow(self, path: str) -> Following:
        """Ask for something that has no end, such as events.

        Raises EngineError when the engine cannot be reached, or refuses.
        """
        return Following(self.endpoint.connect(), path, self._seconds)


class AskedOnce(Engine):
    """An engine that is asked for the same path only once, for many questions at one moment."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the endpoint."""
        super().__init__(endpoint)
        self._answers: dict[str, Answer] = {}

    def get(self, *paths: str) -> list[Answer]:
        """Ask for those paths that were not asked for before, as `Engine.get`."""
        fresh = [path for path in dict.fromkeys(paths) if path not in self._answers]
        if fresh:
            self._answers.update(zip(fresh, super().get(*fresh), strict=True))
        return [self._answers[path] for path in paths]


class Following:
    """An answer that has no end, line by line as it comes.

    Nothing may be said for ever; but a line that has begun has to end, as any answer.
    """

    def __init__(self, connection: Connection, path: str, seconds: float = SECONDS) -> None:
        """Ask; raises EngineError when the engine does not answer, or not with 200.

        `seconds` is how long that may take, and a line from its first byte to its last.
        """
        self._connection = connection
        self._text = b""
        self._stream = _Bounded(connection.stream, seconds)
        self._reader = _Reader(self._stream.receive)
        try:
            question = f"GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: saferun\r\n\r\n"
            self._stream.send(question.encode())
            status, headers = self._reader.head()
        except (OSError, ValueError) as error:
            raise self._failed(str(error)) from error
        if status != OK:
            raise self._failed(f"status {status}")
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"

    def lines(self, seconds: float) -> list[bytes]:
        """Return the lines that are there, waiting for the first at most that long.

        One that has begun is waited for. Raises EngineError when there will be no more.
        """
        from select import select  # only for those who wait

        if not self._text:
            stream = self._connection.stream
            if not self._reader.pending and not select([stream], [], [], seconds)[0]:
                return []
            self._stream.begin()
        try:
            self._text += self._reader.piece(chunked=self._chunked)
        except (OSError, ValueError) as error:
            raise self._failed(str(error)) from error
        *lines, self._text = self._text.split(b"\n")
        if len(self._text) > LARGEST_ANSWER:
            raise self._failed("an endless line")
        if lines:
            # What is left of it belongs to the next.
            self._stream.begin()
        return [line for line in lines if line.strip()]

    def close(self) -> None:
        """Hear no more."""
        self._connection.close()

    def _failed(self, why: str) -> EngineError:
        return EngineError(f"the docker engine was cut off: {self._connection.close() or why}")


def segment(text: str) -> str:
    """Return text as one or more path segments of a URL; `/` stays what it is."""
    encoded = text.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if chr(byte) in PLAIN or byte == ord("/") else f"%{byte:02X}" for byte in encoded
    )


def _number(text: str, base: int) -> int:
    """Return a number as HTTP has them: digits only, where int() takes signs and blanks as well."""
    if not text.isascii() or not text.isalnum():
        message = f"no number: {text[:20]!r}"
        raise ValueError(message)
    return int(text, base)


class _Bounded:
    """A stream on which sending, and each answer from `begin` on, may take so many seconds."""

    def __init__(self, stream: _socket.socket, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        self._end = monotonic() + self._seconds

    def send(self, data: bytes) -> None:
        self._stream.settimeout(self._left())
        try:
            self._stream.sendall(data)
        except TimeoutError:
            raise self._late() from None

    def receive(self, size: int) -> bytes:
        self._stream.settimeout(self._left())
        try:
            return self._stream.recv(size)
        except TimeoutError:
            raise self._late() from None

    def _left(self) -> float:
        # Also what trickles without a pause comes to its end.
        left = self._end - monotonic()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> TimeoutError:
        return TimeoutError(f"it took longer than {self._seconds:g} seconds")


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
        status, headers = self.head()
        bodiless = status < OK or status in (NO_CONTENT, NOT_MODIFIED)
        return Answer(status, headers, b"" if bodiless else self._body(headers))

    def head(self) -> tuple[int, dict[str, str]]:
        """Return the next answer's status and headers."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, rest = head[0].partition(" ")
        if not version.startswith("HTTP/1."):
            message = f"not HTTP: {head[0][:60]!r}"
            raise ValueError(message)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:])
        }
        return _number(rest[:3], 10), headers

    @property
    def pending(self) -> bool:
        """Whether something has been received and not been read yet."""
        return bool(self._buffer)

    def piece(self, *, chunked: bool) -> bytes:
        """Return what comes next of a body, all that has come of it; raises ValueError at its end.

        A chunk that has begun is waited for.
        """
        if not self._buffer and not self._more():
            message = "the connection was closed"
            raise ValueError(message)
        if not chunked:
            found, self._buffer = self._buffer, b""
            return found
        found = b""
        # What comes without a pause is handed on now and then.
        while self._buffer and len(found) <= LARGEST_ANSWER:
            size = self._chunk_size()
            if size == 0 and not found:
                message = "the answer has ended"
                raise ValueError(message)
            if size == 0:
                self._buffer = b"0\r\n" + self._buffer
                break
            found += self._exactly(size)
            self._until(b"\r\n")
        return found

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(_number(headers["content-length"], 10))
        # Neither said: it goes on until the connection ends (RFC 9112 6.3).
        while self._more():
            pass
        return self._exactly(len(self._buffer))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            size = self._chunk_size()
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return body
            body += self._exactly(size)
            if len(body) > LARGEST_ANSWER:
                message = "an endless answer"
                raise ValueError(message)
            self._until(b"\r\n")

    def _chunk_size(self) -> int:
        return _number(self._until(b"\r\n").partition(b";")[0].decode("latin-1"), 16)

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
