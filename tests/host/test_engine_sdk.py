"""The docker SDK over saferun's own connection."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from saferun.errors import EngineError, Interrupted
from saferun.formats.json_text import decode
from saferun.host import engine_sdk
from saferun.host.endpoint import Endpoint
from saferun.host.scratch_container import sdk
from tests.host.fake_engine import END, FakeEngine, always, http

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import docker

CLOSE = "Connection: close"


def endpoint(fake: FakeEngine, **more: str) -> Endpoint:
    """The endpoint of a fake engine."""
    return Endpoint("/nowhere/docker", {"DOCKER_HOST": fake.host, **more}, decode)


def identity(client: docker.APIClient, image: str) -> str:
    """Ask for an image; return its id."""
    found: dict[str, str] = client.inspect_image(image)  # type: ignore[no-untyped-call]  # types-docker
    return found.get("Id", "")


@pytest.fixture
def patience() -> Iterator[None]:
    """Give up where the SDK and the CLI wait for each other."""

    def give_up(_number: int, _frame: object) -> None:
        pytest.fail("still waiting")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_the_sdk_talks_to_our_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And to nothing that the environment names, proxies included."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    speak = always(http(200, b'{"Id": "sha256:1"}', CLOSE))
    with FakeEngine(tmp_path / "s", speak) as fake, sdk(endpoint(fake), "1.41") as client:
        assert identity(client, "a/b:c") == "sha256:1"
        # The engine closed the connection; the next question opens another.
        assert identity(client, "d") == "sha256:1"
    assert [said.split(b" ")[1] for said in fake.received] == [
        *(b"/v1.41/images/a/b:c/json", b"/v1.41/images/d/json")
    ]


def test_one_connection_serves_several_questions(tmp_path: Path) -> None:
    """An engine that keeps it open is not asked for another."""

    def speak(received: bytes) -> Iterable[bytes]:
        return [http(200, b"{}")] if received.endswith(END) else []

    class Patient(FakeEngine):
        """An engine that answers again and again on one connection."""

        def _converse(self, connection: object) -> None:
            self.received.append(b"")
            while data := connection.recv(1 << 16):  # type: ignore[attr-defined]
                self.received[-1] += data
                for piece in speak(data):
                    connection.sendall(piece)  # type: ignore[attr-defined]

    with Patient(tmp_path / "s", speak) as fake, sdk(endpoint(fake), "1.41") as client:
        identity(client, "a")
        identity(client, "b")
    assert len(fake.received) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http(404, b'{"message": "No such image: x"}'), "refused: No such image: x"),
        (http(500, b'{"message": "driver failed"}'), "refused: driver failed"),
        (http(403, b"plain words"), "refused: plain words"),
        (b"", "did not answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "did not answer"),
        (b"SSH-2.0\r\n\r\n", "did not answer"),
        (http(200, b"no json"), "."),
    ],
)
def test_whatever_goes_wrong_is_an_engine_error(
    tmp_path: Path, answer: bytes, message: str
) -> None:
    """With the engine's own words where it has any."""
    with (
        FakeEngine(tmp_path / "s", always(answer)) as fake,
        pytest.raises(EngineError, match=message),
        sdk(endpoint(fake), "1.41") as client,
    ):
        identity(client, "x")


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    """The endpoint's own message."""
    nowhere = Endpoint("docker", {"DOCKER_HOST": f"unix://{tmp_path}/none"}, decode)
    with pytest.raises(EngineError, match="no such socket"), sdk(nowhere, "1.41") as client:
        identity(client, "x")


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    ("headers", "afterwards"),
    [((), "cat >/dev/null"), ((CLOSE,), "exit 0"), ((CLOSE,), "cat >/dev/null")],
    ids=["kept-open", "closed-and-ended", "closed"],
)
@pytest.mark.parametrize("size", [10, 4 << 20])
def test_through_dial_stdio(
    tmp_path: Path, headers: tuple[str, ...], afterwards: str, size: int
) -> None:
    """The CLI's process carries the bytes, many or few, and is gone afterwards."""
    answer = tmp_path / "answer"
    answer.write_bytes(http(200, b'{"Id": "%b"}' % (b"x" * size), *headers))
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nread line; cat "{answer}"; {afterwards}\n')
    docker.chmod(0o755)
    far = Endpoint(str(docker), {"DOCKER_HOST": "tcp://there", "PATH": "/usr/bin:/bin"}, decode)
    with sdk(far, "1.41") as client:
        assert len(identity(client, "x")) == size
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_signal_is_raised_while_waiting(tmp_path: Path) -> None:
    """So that whatever was made can be removed again."""

    def speak(received: bytes) -> Iterable[bytes]:
        if received.endswith(END):
            os.kill(os.getpid(), signal.SIGTERM)
        return []

    before = signal.getsignal(signal.SIGTERM)
    with (
        FakeEngine(tmp_path / "s", speak) as fake,
        pytest.raises(Interrupted),
        sdk(endpoint(fake), "1.41") as client,
    ):
        identity(client, "x")
    assert signal.getsignal(signal.SIGTERM) is before


def test_making_a_client_contacts_nobody(tmp_path: Path) -> None:
    """The version is known already."""
    with FakeEngine(tmp_path / "s", always(b"")) as fake:
        engine_sdk.client(endpoint(fake), "1.41").close()
    assert fake.received == []
