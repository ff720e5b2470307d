"""Delivering the gates and reading passwd, on an engine made of bytes that can misbehave."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import tarfile
from typing import TYPE_CHECKING

import pytest

from saferun.errors import EngineError, GateError, Interrupted
from saferun.formats.json_text import decode
from saferun.host import gate_volume, image_files, scratch_container
from saferun.host.endpoint import Endpoint
from tests.host.fake_engine import END, FakeEngine, http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

GATES = {"gate-amd64": b"\x7fELF amd64", "gate-arm64": b"\x7fELF arm64"}
LABEL = ("saferun.gate", "digest")
IMAGE, CONTAINER = "sha256:" + "1" * 64, "c" * 64


def archive(name: str, content: bytes | None, link: str = "") -> bytes:
    """A tar of one file, link, or (without content) directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as members:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
        elif content is None:
            member.type = tarfile.DIRTYPE
        else:
            member.size = len(content)
        members.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


class Docker:
    """Images, containers and the files in them: as much as delivering a gate takes."""

    def __init__(self) -> None:
        """Start with an engine that is as it should be."""
        self.files: dict[str, bytes | None] = {f"/.saferun/{name}": GATES[name] for name in GATES}
        self.links: dict[str, str] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.images: set[str] = set()
        self.containers: set[str] = set()
        self.created: list[dict[str, object]] = []
        #: Called with method and path before each answer.
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.refused: dict[str, int] = {}

    def __call__(self, received: bytes) -> Iterable[bytes]:
        """Answer one request, once it is there in full."""
        head, _, body = received.partition(END)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if END not in received or len(body) < int(length[1] if length else 0):
            return []
        method, path, *_ = head.decode().split(" ")
        path = path.removeprefix("/v1.41")
        answer = self.answer(method, path, body)
        self.before(method, path)
        return [answer]

    def answer(self, method: str, path: str, body: bytes) -> bytes:  # noqa: PLR0911 - a table
        """What the engine does and says."""
        close = "Connection: close"
        for part, times in self.refused.items():
            if times and part in path:
                self.refused[part] -= 1
                return http(500, b'{"message": "driver is busy"}', close)
        if path.startswith("/images/create"):
            self.images.add(IMAGE)
            return http(200, json.dumps({"status": IMAGE}).encode(), close)
        if path.startswith("/volumes/create"):
            made = json.loads(body)
            self.labels[made["Name"]] = made["Labels"]
            return http(201, json.dumps({"Name": made["Name"]}).encode(), close)
        if method == "PUT":
            return self.put(body)
        if path.startswith("/containers/create"):
            self.containers.add(CONTAINER)
            self.created.append(json.loads(body))
            return http(201, json.dumps({"Id": CONTAINER, "Warnings": []}).encode(), close)
        if method == "DELETE":
            kept = self.containers if path.startswith("/containers") else self.images
            kept.clear()
            return http(200 if kept is self.images else 204, b"[]" * (kept is self.images), close)
        return self.archived(path.partition("path=")[2].replace("%2F", "/"))

    def put(self, body: bytes) -> bytes:
        """Take the files of an archive."""
        with tarfile.open(fileobj=io.BytesIO(body)) as members:
            for member in members.getmembers():
                content = members.extractfile(member)
                self.files[f"/{member.name}"] = content.read() if content else None
        return http(200, b"", "Connection: close")

    def archived(self, path: str) -> bytes:
        """A file of the container, as GET archive gives it."""
        close = "Connection: close"
        if path not in self.files and path not in self.links:
            return http(404, b'{"message": "Could not find the file"}', close)
        content, link = self.files.get(path), self.links.get(path, "")
        about = {
            "name": "x",
            "size": len(content or b""),
            "mode": 420,
            "mtime": "",
            "linkTarget": link,
        }
        header = base64.b64encode(json.dumps(about).encode()).decode()
        return http(
            200,
            archive("x", content, "" if link == path else link),
            f"X-Docker-Container-Path-Stat: {header}",
            close,
        )


@pytest.fixture
def docker() -> Docker:
    """An engine that is as it should be."""
    return Docker()


@pytest.fixture
def endpoint(docker: Docker, tmp_path: Path) -> Iterator[Endpoint]:
    """Where it listens."""
    with FakeEngine(tmp_path / "s", docker) as fake:
        yield Endpoint("docker", {"DOCKER_HOST": fake.host}, decode)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small gates, and no pauses."""
    monkeypatch.setattr(gate_volume, "gates", lambda: dict(GATES))
    monkeypatch.setattr(gate_volume, "PAUSE_SECONDS", 0)


def fill(endpoint: Endpoint) -> None:
    """Fill the volume."""
    gate_volume.fill(endpoint, "1.41", "saferun-gate-x", LABEL, "/.saferun")


def nothing_left(docker: Docker) -> bool:
    """Whether the engine is as it was."""
    return not docker.images and not docker.containers


def test_the_volume_is_filled_and_read_back(docker: Docker, endpoint: Endpoint) -> None:
    """By a container that is never started, with the label on the volume."""
    fill(endpoint)
    [made] = docker.created
    assert made["HostConfig"]["Mounts"] == [  # type: ignore[index]
        {
            "Type": "volume",
            "Source": "saferun-gate-x",
            "Target": "/.saferun",
            "VolumeOptions": {"Labels": dict([LABEL])},
        }
    ]
    assert made["HostConfig"]["NetworkMode"] == "none"  # type: ignore[index]
    assert nothing_left(docker)


def test_an_engine_that_copies_nothing_up_gets_the_gates_put_in(
    docker: Docker, endpoint: Endpoint
) -> None:
    """Podman: the volume is made with its label, filled, read back; a file is its own link."""
    docker.files = {}
    docker.links = {f"/.saferun/{name}": f"/.saferun/{name}" for name in GATES}
    gate_volume.fill(endpoint, "1.41", "saferun-gate-x", LABEL, "/.saferun", copied_up=False)
    assert docker.labels == {"saferun-gate-x": dict([LABEL])}
    assert {docker.files[f"/.saferun/{name}"] for name in GATES} == {*GATES.values()}
    assert nothing_left(docker)


@pytest.mark.parametrize(
    "tamper",
    [
        {"/.saferun/gate-amd64": b"another program"},
        {"/.saferun/gate-amd64": GATES["gate-amd64"] + b"\n"},
        {"/.saferun/gate-amd64": b""},
        {"/.saferun/gate-arm64": GATES["gate-amd64"]},
        {"/.saferun/gate-amd64": None},
    ],
    ids=["other", "longer", "empty", "swapped", "directory"],
)
def test_a_volume_that_holds_anything_else_is_refused(
    docker: Docker, endpoint: Endpoint, tamper: dict[str, bytes | None]
) -> None:
    """Byte for byte, every gate of it; with what to do."""
    docker.files.update(tamper)
    with pytest.raises(GateError, match="does not hold saferun's gates") as caught:
        fill(endpoint)
    assert "docker volume rm saferun-gate-x" in caught.value.hints[0]
    assert len(docker.created) == gate_volume.ATTEMPTS
    assert nothing_left(docker)


def test_a_volume_that_lacks_a_gate_is_refused(docker: Docker, endpoint: Endpoint) -> None:
    """As one that is still being filled would look."""
    del docker.files["/.saferun/gate-arm64"]
    with pytest.raises(GateError):
        fill(endpoint)


def test_another_saferun_may_be_filling_it(docker: Docker, endpoint: Endpoint) -> None:
    """A busy engine and a half-filled volume are worth another look."""
    docker.refused = {"/containers/create": 2}
    half = docker.files.pop("/.saferun/gate-arm64")

    def settle(_method: str, path: str) -> None:
        if path.startswith("/containers/create") and len(docker.created) == 2:
            docker.files["/.saferun/gate-arm64"] = half

    docker.before = settle
    fill(endpoint)
    assert nothing_left(docker)


@pytest.mark.parametrize("where", ["/images/create", "/containers/create", "/archive"])
def test_an_engine_that_keeps_refusing(docker: Docker, endpoint: Endpoint, where: str) -> None:
    """Its own words, and nothing left behind."""
    docker.refused = {where: 100}
    with pytest.raises(EngineError, match="driver is busy"):
        fill(endpoint)
    assert nothing_left(docker)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["/images/create", "/containers/create", "/archive"])
def test_a_signal_leaves_nothing_behind(
    docker: Docker, endpoint: Endpoint, where: str, number: int
) -> None:
    """Also when it comes while the engine is making what has to be removed again."""

    def interrupt(_method: str, path: str) -> None:
        if where in path:
            os.kill(os.getpid(), number)

    docker.before = interrupt
    with pytest.raises(Interrupted):
        fill(endpoint)
    assert nothing_left(docker)


def passwd(endpoint: Endpoint) -> bytes | None:
    """Read the image's passwd."""
    return image_files.read(endpoint, "1.41", IMAGE, ["/etc/passwd"])[0]


def test_passwd_is_read(docker: Docker, endpoint: Endpoint) -> None:
    """From a container that is never started."""
    docker.files["/etc/passwd"] = b"root:x:0:0\n"
    assert passwd(endpoint) == b"root:x:0:0\n"
    assert docker.created[0]["Image"] == IMAGE
    assert nothing_left(docker)


def test_links_are_followed_in_the_container(docker: Docker, endpoint: Endpoint) -> None:
    """As the engine would follow them, to an end."""
    docker.links = {"/etc/passwd": "/usr/lib/passwd", "/usr/lib/passwd": "/data/p"}
    docker.files["/data/p"] = b"app:x:5:5\n"
    assert passwd(endpoint) == b"app:x:5:5\n"
    docker.links["/data/p"] = "/etc/passwd"
    del docker.files["/data/p"]
    assert passwd(endpoint) is None
    docker.links = {"/etc/passwd": "/nowhere"}
    assert passwd(endpoint) == b""
    assert nothing_left(docker)


def test_no_passwd(docker: Docker, endpoint: Endpoint) -> None:
    """Nobody has a name there; with a directory in its place nobody can tell."""
    assert passwd(endpoint) == b""
    docker.files["/etc/passwd"] = None
    assert passwd(endpoint) is None


def test_a_huge_passwd_is_not_read(
    docker: Docker, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image may hold a file of any size there."""
    monkeypatch.setattr(scratch_container, "LARGEST_FILE", 10)
    docker.files["/etc/passwd"] = b"root:x:0:0\n"
    assert passwd(endpoint) is None
    assert nothing_left(docker)
