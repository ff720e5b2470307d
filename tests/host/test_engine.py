"""The small HTTP client: every way an answer may come, and every way it may be wrong."""

from __future__ import annotations

import socket
import stat
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.errors import EngineError
from saferun.formats.json_text import decode
from saferun.host import engine as engine_module
from saferun.host.endpoint import Connection, Endpoint
from saferun.host.engine import AskedOnce, Engine, Following, _Reader, segment
from tests.host.fake_engine import END, FakeEngine, always, http

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.fake_engine import Speak

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + END
TO_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close" + END


class Stream:
    """Bytes that arrive in pieces, then the end."""

    def __init__(self, *pieces: bytes) -> None:
        """Take the pieces."""
        self.pieces = list(pieces)

    def recv(self, _most: int) -> bytes:
        """Return the next piece."""
        return self.pieces.pop(0) if self.pieces else b""


def ask(tmp_path: Path, speak: Speak, *paths: str) -> tuple[list[bytes], bytes]:
    """Ask a fake engine; return the bodies that came back and what it was asked."""
    with FakeEngine(tmp_path / "s", speak) as fake:
        endpoint = Endpoint("/nowhere/docker", {"DOCKER_HOST": fake.host}, decode)
        bodies = [answer.body for answer in Engine(endpoint).get(*paths)]
    return bodies, fake.received[0]


def test_a_question_and_its_answer(tmp_path: Path) -> None:
    """Status, headers by lower-case name, body."""
    with FakeEngine(tmp_path / "s", always(http(404, b"{}", "API-Version: 1.41"))) as fake:
        endpoint = Endpoint("docker", {"DOCKER_HOST": fake.host}, decode)
        (answer,) = Engine(endpoint).get("/images/x/json")
    assert (answer.status, answer.body, answer.headers["api-version"]) == (404, b"{}", "1.41")
    assert fake.received[0].startswith(b"GET /images/x/json HTTP/1.1\r\nHost: ")
    assert b"Connection: close" in fake.received[0]


def test_questions_are_asked_together(tmp_path: Path) -> None:
    """Three questions, one connection, answers in the same order, whatever form each has."""
    chunked = CHUNKED + b"2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
    everything = http(200, b"one") + chunked + TO_THE_END + b"three"
    bodies, asked = ask(tmp_path, always(everything, questions=3), "/1", "/2", "/3")
    assert bodies == [b"one", b"two", b"three"]
    assert [line.split()[1] for line in asked.split(b"\r\n") if line.startswith(b"GET")] == [
        *(b"/1", b"/2", b"/3")
    ]
    assert asked.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (http(200, b"hello"), b"hello"),
        (http(200), b""),
        (http(204), b""),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (
            CHUNKED + b"3;ext=1\r\nhel\r\nA\r\nlo, world!\r\n0;x\r\nTrailer: y\r\n\r\n",
            b"hello, world!",
        ),
        (CHUNKED + b"00005\r\nhello\r\n000\r\n\r\n", b"hello"),
        (CHUNKED + b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", b"\r\n0\r\n\r"),
        (CHUNKED.replace(b"chunked", b"Chunked") + b"0\r\n\r\n", b""),
        (TO_THE_END + b"hello", b"hello"),
        (TO_THE_END.replace(b"close", b"Close"), b""),
        (b"HTTP/1.1 200" + END, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 100 Continue" + END + http(200, b"x"), b"x"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: <x>" + END + http(200, b"x"), b"x"),
    ],
    ids=lambda value: repr(value[-24:]) if isinstance(value, bytes) else None,
)
def test_every_form_of_answer_split_anywhere(wire: bytes, body: bytes) -> None:
    """However the network cuts it: in two at every place, and into single bytes."""
    cuts = [(wire[:at], wire[at:]) for at in range(1, len(wire))]
    for pieces in [*cuts, tuple(wire[at : at + 1] for at in range(len(wire)))]:
        assert _Reader(Stream(*pieces).recv).answer().body == body


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 30))
def test_chunks_are_put_together(chunks: list[bytes], step: int) -> None:
    """Any content, in pieces of any size."""
    wire = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    wire += b"0\r\n\r\n" + http(200, b"next")
    pieces = [wire[at : at + step] for at in range(0, len(wire), step)]
    reader = _Reader(Stream(*pieces).recv)
    assert reader.answer().body == b"".join(chunks)
    assert reader.answer().body == b"next"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5" + END + b"half",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02" + END,
        b"HTTP/1.1 abc" + END,
        b"HTTP/1.1 " + END,
        b"HTTP/1.1 200 OK\r\nContent-Length: five" + END,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1" + END,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999" + END,
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + END,
        CHUNKED,
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"xyz\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"FFFFFFFFFFFF\r\nhello\r\n",
    ],
    ids=lambda wire: repr(wire[-24:]),
)
def test_bad_answers_are_errors(tmp_path: Path, wire: bytes) -> None:
    """Half answers, other protocols, impossible lengths: one clear message, and no waiting."""
    with pytest.raises(EngineError, match=r"did not answer: ."):
        ask(tmp_path, always(wire), "/x")


@given(st.binary(max_size=200), st.sampled_from([b"", CHUNKED, TO_THE_END, b"HTTP/1.1 "]))
def test_rubbish_is_a_value_error_or_an_answer(noise: bytes, before: bytes) -> None:
    """Nothing else comes out of the reader, whatever goes in."""
    try:
        _Reader(Stream(before + noise).recv).answer()
    except ValueError:
        return


@pytest.mark.parametrize(
    "wire",
    [TO_THE_END, b"HTTP/1.1 200 OK\r\nX: ", CHUNKED, CHUNKED + b"1;"],
    ids=["body", "header", "chunks", "chunk-size"],
)
def test_an_endless_answer_ends(monkeypatch: pytest.MonkeyPatch, wire: bytes) -> None:
    """Memory is not the engine's to use up."""
    monkeypatch.setattr(engine_module, "LARGEST_ANSWER", 10_000)
    filler = b"3e8\r\n" + b"x" * 1000 + b"\r\n" if wire == CHUNKED else b"x" * 1000
    pieces = [wire] + [filler] * 100
    stream = Stream(*pieces)
    with pytest.raises(ValueError, match=r"endless|bytes"):
        _Reader(stream.recv).answer()
    assert len(stream.pieces) > 50


def test_nothing_listens(tmp_path: Path) -> None:
    """The endpoint's own message comes through."""
    endpoint = Endpoint("docker", {"DOCKER_HOST": f"unix://{tmp_path}/none"}, decode)
    with pytest.raises(EngineError, match="there is no such socket"):
        Engine(endpoint).get("/x")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("busybox:1.36", "busybox:1.36"),
        ("host:5000/a/b@sha256:ab", "host:5000/a/b@sha256:ab"),
        ("a?b#c%d", "a%3Fb%23c%25d"),
        ("a b\r\nX: y", "a%20b%0D%0AX:%20y"),
        ("é\udcff\x00", "%C3%A9%FF%00"),
    ],
)
def test_names_cannot_leave_their_place_in_a_path(text: str, path: str) -> None:
    """Neither a query nor another header can be slipped in."""
    assert segment(text) == path


def dialler(directory: Path, script: str) -> Endpoint:
    """An endpoint whose docker CLI is this shell script."""
    program = directory / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Endpoint(
        str(program), {"DOCKER_HOST": "tcp://there:2376", "PATH": "/usr/bin:/bin"}, decode
    )


def test_through_dial_stdio(tmp_path: Path) -> None:
    """What is not a local socket goes through the CLI, which gets the environment as it is."""
    answer = tmp_path / "answer"
    answer.write_bytes(http(200, b"far away"))
    endpoint = dialler(
        tmp_path,
        f'echo "$@ $DOCKER_HOST" >"{tmp_path}/called"; read line; cat "{answer}"; cat >/dev/null',
    )
    assert [one.body for one in Engine(endpoint).get("/x")] == [b"far away"]
    assert (tmp_path / "called").read_text() == "system dial-stdio tcp://there:2376\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo cannot reach there >&2; exit 1", "cannot reach there"),
        ("exit 0", "did not answer"),
        ("read line; echo hello there", "did not answer"),
        ("read line; printf 'HTTP/1.1 200 OK\\r\\nContent-Le'; exit 1", "did not answer"),
    ],
)
def test_dial_stdio_fails(tmp_path: Path, script: str, message: str) -> None:
    """The CLI's own complaint is the best there is; its process is gone afterwards."""
    with pytest.raises(EngineError, match=message):
        Engine(dialler(tmp_path, script)).get("/x")


def test_no_cli_to_dial_with(tmp_path: Path) -> None:
    """Said with the path that was tried."""
    endpoint = Endpoint(str(tmp_path / "none"), {"DOCKER_HOST": "ssh://there"}, decode)
    with pytest.raises(EngineError, match=f"cannot run {tmp_path}/none"):
        Engine(endpoint).get("/x")


def test_a_docker_that_calls_saferun_again_is_marked_when_dialling(tmp_path: Path) -> None:
    """Otherwise each saferun would dial through the next one, without an end."""
    endpoint = dialler(tmp_path, 'echo "guard $SAFERUN_STARTED_DOCKER" >&2; exit 1')
    with pytest.raises(EngineError, match=f"guard {tmp_path}/docker"):
        Engine(endpoint).get("/x")


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    """At one moment there is one answer."""
    answers = [http(200, b"one"), http(200, b"two")]
    with FakeEngine(tmp_path / "s", lambda _received: [answers.pop(0)]) as fake:
        endpoint = Endpoint("docker", {"DOCKER_HOST": fake.host}, decode)
        engine = AskedOnce(endpoint)
        bodies = [engine.get("/a"), engine.get("/b", "/a", "/a"), engine.get("/b"), engine.get()]
    assert [[one.body for one in each] for each in bodies] == [
        [b"one"],
        [b"two", b"one", b"one"],
        [b"two"],
        [],
    ]
    assert [received.count(b"GET /") for received in fake.received] == [1, 1]


def followed(fake: FakeEngine) -> Following:
    """Follow events of a fake engine."""
    return Engine(Endpoint("docker", {"DOCKER_HOST": fake.host}, decode)).follow("/events")


def hear(following: Following, lines: list[bytes]) -> None:
    """Take lines for as long as there are any."""
    while True:
        lines += following.lines(5)


def every_line(following: Following) -> list[bytes]:
    """All lines until the engine goes away."""
    lines: list[bytes] = []
    with pytest.raises(EngineError, match="cut off"):
        hear(following, lines)
    return lines


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED + b"4\r\n{a}\n\r\n", b"4\r\n{b}\n\r\n"],
        [CHUNKED, b"2\r\n{a\r\n6\r\n}\n{b}\n\r\n"],
        [CHUNKED + b"4\r", b"\n{a}\n\r", b"\n4\r\n{b}\n\r\n0\r\n\r\n"],
        [TO_THE_END + b"{a}", b"\n{b}\n{half"],
    ],
)
def test_an_answer_without_an_end_is_heard_line_by_line(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    """However it is cut, and to its last whole line."""
    with FakeEngine(tmp_path / "s", always(*pieces)) as fake:
        following = followed(fake)
        assert every_line(following) == [b"{a}", b"{b}"]


def test_nothing_happens_for_a_while() -> None:
    """No lines, and no error; what came with the answer's head is not waited for."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(CHUNKED + b"4\r\n{a}\n\r\n")
        following = Following(Connection(ours), "/events")
        assert following.lines(5) == [b"{a}"]
        assert following.lines(0.01) == []
        theirs.sendall(b"4\r\n{b}\n\r\n")
        assert following.lines(5) == [b"{b}"]
        following.close()


def saying(stream: socket.socket, *pieces: bytes, pause: float) -> threading.Thread:
    """Say one piece after the other."""

    def say() -> None:
        for piece in pieces:
            time.sleep(pause)
            # Whoever has heard enough hangs up.
            with suppress(OSError):
                stream.sendall(piece)

    thread = threading.Thread(target=say)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("head", "pieces"),
    [
        (CHUNKED, [b"4"]),
        (CHUNKED, [b"4\r\n{a"]),
        (CHUNKED, [b"4\r\n{a}\n"]),
        (CHUNKED, [b"2\r\n{a\r\n"]),
        (CHUNKED, [b"2\r\n{a\r\n"] * 12),
        (CHUNKED, [bytes((byte,)) for byte in b"1E\r\n{0123456789012345678901234567}\n\r\n"]),
        (TO_THE_END, [b"{a"]),
        (TO_THE_END, [b"{", *[b"a"] * 12]),
        (CHUNKED[:-1], []),
        (b"", []),
    ],
    ids=lambda value: repr(value[-16:]) if isinstance(value, bytes) else f"{value[:1]}{len(value)}",
)
def test_a_line_that_has_begun_has_to_end(head: bytes, pieces: list[bytes]) -> None:
    """An engine that stalls in the middle of an event is cut off, also one that trickles."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(head)
        began = time.monotonic()
        thread = saying(theirs, *pieces, pause=0.03)
        with pytest.raises(EngineError, match=r"cut off: it took longer than 0\.2 seconds"):
            hear(Following(Connection(ours), "/events", 0.2), [])
        assert time.monotonic() - began < 1
        thread.join()


def test_an_engine_may_say_nothing_for_longer_than_a_line_may_take() -> None:
    """Nor is one cut off that has always begun the next line already."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(TO_THE_END)
        following = Following(Connection(ours), "/events", 0.2)
        assert following.lines(0.3) == []
        thread = saying(theirs, b"{a", *[b"}\n{a"] * 12, b"}\n", pause=0.03)
        lines: list[bytes] = []
        while len(lines) < 13:
            lines += following.lines(5)
        assert lines == [b"{a}"] * 13
        thread.join()
        assert following.lines(0.3) == []
        following.close()


@pytest.mark.parametrize("wire", [TO_THE_END, CHUNKED])
def test_a_line_without_an_end_ends(monkeypatch: pytest.MonkeyPatch, wire: bytes) -> None:
    """Memory is not the engine's to use up here, either."""
    monkeypatch.setattr(engine_module, "LARGEST_ANSWER", 10_000)
    piece = b"3e8\r\n" + b"x" * 1000 + b"\r\n" if wire == CHUNKED else b"x" * 1000
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(wire)
        following = Following(Connection(ours), "/events")
        for _ in range(10):
            theirs.sendall(piece)
            assert following.lines(5) == []
        theirs.sendall(piece)
        with pytest.raises(EngineError, match="endless"):
            following.lines(5)


@pytest.mark.parametrize("answer", [http(500, b"no"), b"rubbish\r\n\r\n", b""])
def test_an_engine_that_will_not_be_followed(tmp_path: Path, answer: bytes) -> None:
    """An error, with its reason."""
    with FakeEngine(tmp_path / "s", always(answer)) as fake, pytest.raises(EngineError):
        followed(fake)
