"""The engine that only takes notes is engine enough for its clients."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

from tests.compliance.recording_engine import CONTAINER, Image, Request

if TYPE_CHECKING:
    from tests.compliance.recording_engine import RecordingEngine


def asked(engine: RecordingEngine, *requests: str) -> bytes:
    """Send requests all at once, the last one to close the connection; return all answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(engine.address.removeprefix("unix://"))
        lines = [f"{one} HTTP/1.1\r\nHost: x\r\n" for one in requests]
        connection.sendall(("\r\n".join(lines) + "Connection: close\r\n\r\n").encode())
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_run_is_recorded(docker_cli: str, recording_engine: RecordingEngine) -> None:
    """The CLI gets through its whole run, and what it asked for is there to be read."""
    argv = [docker_cli, "--host", recording_engine.address, "run", "--name=x", "-u7", "img", "cmd"]
    done = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    [create] = recording_engine.creates
    assert create.query == (("name", "x"),)
    assert create.json()["User"] == "7"
    assert Request("POST", f"/containers/{CONTAINER}/start") in recording_engine.requests


def test_an_absent_image_is_pulled(docker_cli: str, recording_engine: RecordingEngine) -> None:
    """The CLI asks for an image that is not there, and then runs it."""
    recording_engine.images["img"] = Image(pulled=False)
    argv = [docker_cli, "--host", recording_engine.address, "run", "-d", "img"]
    done = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert len(recording_engine.creates) == 2


def test_questions_may_be_asked_together(recording_engine: RecordingEngine) -> None:
    """Pipelined requests are answered in order, from what the test has set up."""
    recording_engine.images["a/b:c"] = Image(config={"User": "app"}, architecture="arm64")
    recording_engine.volumes["v"] = {"Labels": {"mine": "yes"}}
    answers = asked(
        recording_engine,
        "GET /v1.41/images/a%2Fb:c/json",
        "GET /volumes/v",
        "GET /volumes/w",
        "HEAD /_ping",
    )
    bodies = answers.split(b"HTTP/1.1 ")[1:]
    assert [body[:3] for body in bodies] == [b"200", b"200", b"404", b"200"]
    assert b'{"User": "app"}' in bodies[0]
    assert b'"arm64"' in bodies[0]
    assert b'{"mine": "yes"}' in bodies[1]
    assert bodies[3].endswith(b"\r\n\r\n")


def test_an_answer_can_be_replaced(recording_engine: RecordingEngine) -> None:
    """A test may have the engine say anything at all."""
    recording_engine.answers["GET /images/img/json"] = (500, {"message": "out of order"})
    assert b"out of order" in asked(recording_engine, "GET /images/img/json")
