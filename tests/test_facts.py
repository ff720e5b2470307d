"""What is asked of the world before judging: only what the law speaks of; nothing is guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from saferun import facts
from saferun.errors import EngineError, ImageError
from saferun.facts import host_files
from saferun.formats.docker_run.spec import to_spec
from saferun.formats.engine_api import ImageFacts
from saferun.host.engine import Answer
from saferun.judge.policy import BUILT_IN, Layer, Origin, Statement
from saferun.pulling import Look
from saferun.world import World
from tests.host.fake_engine import FakeEngine, http
from tests.judging import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from saferun.formats.facts import Facts

    Gather = Callable[..., Facts]

GATE = "saferun-gate-0123456789ab"
IMAGE = ImageFacts("sha256:1", "linux", "amd64")
TOOLS = ImageFacts("sha256:2", "linux", "amd64", tags=("tools:latest",))


def container(name: str, **host: str) -> dict[str, object]:
    """Return a container as engines tell it."""
    mounts = [
        {"Type": "volume", "Name": GATE, "Destination": "/.saferun/x", "RW": False},
        {"Type": "volume", "Name": "v", "Destination": "/v", "Driver": "local", "RW": True},
    ]
    return {"Id": name, "Name": f"/{name}", "HostConfig": host, "Mounts": mounts}


ANSWERS: dict[str, object] = {
    "/containers/web/json": container("web", PidMode="host", NetworkMode="container:deep"),
    "/containers/deep/json": container("deep", PidMode="container:web", NetworkMode="host"),
    "/containers/loop/json": container("loop", PidMode="container:loop"),
    "/containers/lost/json": container("lost", IpcMode="container:gone"),
    "/volumes/v": {"Driver": "local", "Options": {"o": "bind", "device": "/etc", "type": "none"}},
    "/volumes/plain": {"Driver": "local"},
    "/networks/3f2a": {"Name": "corp", "Driver": "bridge"},
    "/images/tools/json": {
        "Id": "sha256:2",
        "Os": "linux",
        "Architecture": "amd64",
        "Config": {},
        "RepoTags": ["tools:latest"],
    },
    "/info": {"DefaultRuntime": "runsc", "LoggingDriver": "local", "CgroupVersion": "2"},
}


@pytest.fixture
def asked() -> list[str]:
    """What the engine was asked for."""
    return []


@pytest.fixture
def gather(tmp_path: Path, asked: list[str]) -> Iterator[Gather]:
    """Return a function that gathers what a law with these keys needs for a command line."""

    def speak(received: bytes) -> Iterable[bytes]:
        if b"Connection: close" not in received:
            return ()
        lines = received.decode().split("\r\n")
        paths = [line.split()[1] for line in lines if line.startswith("GET ")]
        asked.extend(paths)
        missing = http(404, b'{"message":"no such thing"}')
        found = {path: http(200, json.dumps(body).encode()) for path, body in ANSWERS.items()}
        return [b"".join(found.get(path, missing) for path in paths)]

    with FakeEngine(tmp_path / "socket", speak) as engine:
        environ = {"DOCKER_HOST": engine.host, "HOME": str(tmp_path)}
        world = World("/bin/false", environ, print, print)

        def gathered(words: str, *keys: str) -> Facts:
            said = tuple(Statement("limits", "any", key, (), Origin("p")) for key in keys)
            layers = (BUILT_IN, Layer("system", said))
            look = Look(IMAGE, Answer(404, {}, b""), "1.41")
            return facts.gather(command(words), look, layers, GATE, world)

        yield gathered


@pytest.mark.parametrize(
    ("words", "keys", "paths"),
    [
        ("-u 3267 --rm -v x:/y --network corp --pid=container:web img", (), []),
        ("--volumes-from web:ro img", (), ["/containers/web/json"]),
        ("--pid=container:web img", ("ipc",), []),
        ("--network 3f2a --network host img", ("network",), ["/networks/3f2a"]),
        ("img", ("runtime",), ["/info"]),
        ("-v plain:/x -v /srv:/y img", ("volume",), ["/volumes/plain"]),
        ("--volumes-from web img", ("volume",), ["/containers/web/json", "/volumes/v"]),
        ("-v ../x:/y -v a/b:/z img", ("volume",), []),
    ],
)
def test_only_what_the_law_speaks_of_is_asked_for(
    gather: Gather, asked: list[str], words: str, keys: tuple[str, ...], paths: list[str]
) -> None:
    """Everything else costs time, and nobody would look at it."""
    gather(words, *keys)
    assert asked == paths


@pytest.mark.parametrize(
    ("words", "name", "field", "value"),
    [
        ("--pid=container:web img", "web", "pid", "host"),
        ("--network=container:web img", "web", "network", "host"),
        ("--pid=container:deep img", "deep", "pid", "host"),
        ("--pid=container:loop img", "loop", "pid", "host"),
        ("--ipc=container:lost img", "lost", "ipc", "host"),
    ],
)
def test_who_is_joined_is_followed_to_the_end(
    gather: Gather, words: str, name: str, field: str, value: str
) -> None:
    """A circle, and a container that is not there, count as the host's."""
    found = gather(words, "pid", "ipc", "network").containers[name]
    assert getattr(found, field) == value


def test_what_does_not_exist_is_known_not_to(gather: Gather) -> None:
    """A volume that will be made; a container that is joined is simply not known."""
    found = gather("-v new:/x --pid=container:gone --network nope img", "volume", "pid", "network")
    assert found.volumes == {"new": None}
    assert found.containers == {}
    assert found.networks == {"nope": None}


def test_an_image_that_is_mounted_is_what_the_engine_has_under_the_name(gather: Gather) -> None:
    """The name could also be the beginning of another image's id."""
    mounts = "--mount type=image,src=tools,dst=/a --mount type=image,src=3f2a,dst=/b img"
    found = gather(mounts, "image")
    assert found.images == {"tools": TOOLS, "3f2a": None}
    ours, theirs = (image for _, image in to_spec(command(mounts), found).mounted_images)
    assert ours.names == (("docker.io/library/tools", "latest"),)
    assert theirs.names == ()


def test_mounts_of_a_container_that_is_not_there_are_an_error(gather: Gather) -> None:
    """In the engine's own words."""
    with pytest.raises(ImageError, match="--volumes-from gone: no such thing"):
        gather("--volumes-from gone img")


def test_the_gates_own_volume_is_not_taken_over(gather: Gather) -> None:
    """Every container of saferun's has it, and gets its own."""
    found = gather("--volumes-from web img")
    web = found.containers["web"]
    assert web is not None
    assert [mount.name for mount in web.mounts] == ["v"]


def test_an_engine_that_says_nonsense_stops_everything(
    gather: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be understood is no answer."""
    monkeypatch.setitem(ANSWERS, "/info", ["nonsense"])
    with pytest.raises(EngineError, match="makes no sense"):
        gather("img", "runtime")


def test_an_engine_that_may_be_elsewhere_has_its_own_files(gather: Gather) -> None:
    """Its links are not those of this machine."""
    found = gather("-v /srv:/x img", "volume")
    assert not found.local
    assert found.paths == {}
    assert "/run/docker.sock" in found.sockets


def test_profiles_are_known_by_what_they_say(gather: Gather, tmp_path: Path) -> None:
    """Those that can be read, and only for a law that asks."""
    profile = tmp_path / "profile.json"
    profile.write_text('{"a": 1}')
    words = f"--security-opt seccomp={profile} --security-opt seccomp=gone.json img"
    assert list(gather(words, "security-opt").profiles) == [str(profile)]
    assert gather(words, "volume").profiles == {}
    assert len(host_files.SOCKETS) == len(set(host_files.SOCKETS))
