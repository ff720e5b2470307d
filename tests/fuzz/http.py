"""An engine's answers as they come over the wire: whole and as said, or a ValueError."""

from __future__ import annotations

from saferun.host.engine import _Reader
from tests.fuzz import mutating
from tests.host.test_engine import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random
    from typing import TypeAlias

    Answer: TypeAlias = tuple[int, dict[str, str], bytes]

#: Bytes that come at once, and answers that are waited for.
PIECE, MOST = 5, 3


def run(data: bytes) -> None:
    """Hold what an engine sent against what must be true whatever it is."""
    at_once = answers([data])
    pieces = answers(data[at : at + PIECE] for at in range(0, len(data), PIECE))
    assert at_once == pieces
    found, _ = at_once
    for status, headers, body in found:
        assert len(body) <= len(data)
        assert 200 <= status <= 999
        length = headers.get("content-length")
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        if length is not None and not chunked and status not in (204, 304):
            assert str(len(body)) == (length.lstrip("0") or "0")
    for chunked in (True, False):
        following(data, chunked=chunked)


def answers(pieces: Iterable[bytes]) -> tuple[list[Answer], str]:
    """Return the answers of a connection, and what was wrong with the first that is none."""
    reader = _Reader(Stream(*pieces).recv)
    found: list[Answer] = []
    try:
        while len(found) < MOST:
            answer = reader.answer()
            found.append((answer.status, answer.headers, answer.body))
    except ValueError as error:
        return found, str(error)
    return found, ""


def following(data: bytes, *, chunked: bool) -> None:
    """What has no end comes piece by piece, and is over when the connection is."""
    reader = _Reader(Stream(*(data[at : at + PIECE] for at in range(0, len(data), PIECE))).recv)
    came = 0
    try:
        while True:
            piece = reader.piece(chunked=chunked)
            came += len(piece)
            assert came <= len(data)
    except ValueError:
        assert chunked or came == len(data)


#: What answers are made of.
WORDS = (
    *("HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 \r\n", "HTTP/1.0 404 \r\n", "HTTP/1.1 204 \r\n"),
    *("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n", "3\r\nabc\r\n"),
    *("0\r\n\r\n", ";x=1\r\n", "-1", "+3", "0_3", "0x3", "ffffffff"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (b"\r\n", b": "), WORDS, random)
