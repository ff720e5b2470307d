"""Which engine: the docker CLI's own rules, checked against the CLIs that are installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.errors import EngineError
from saferun.formats.json_text import decode
from saferun.host.endpoint import DEFAULT_SOCKET, Endpoint, unix_socket
from tests.host.fake_engine import FakeEngine, always, http

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIS = sorted(
    {os.path.realpath(path) for path in (shutil.which("docker"), "/usr/bin/docker") if path}
)
#: What a test writes for the sockets a, b and c of its own directory, and the default one.
A, B, C, ASK, DEFAULT = "{dir}/a", "{dir}/b", "{dir}/c", None, DEFAULT_SOCKET
HOST_A = {"DOCKER_HOST": "unix://{dir}/a"}
CURRENT_B = '{"currentContext": "bee"}'
#: environment, config.json, what must be found: a socket, or None for "ask the CLI".
CASES: list[tuple[dict[str, str], str | None, str | None]] = [
    ({}, None, DEFAULT),
    ({}, "{}", DEFAULT),
    ({}, '{"currentContext": ""}', DEFAULT),
    ({}, '{"currentContext": "default"}', DEFAULT),
    # In the order of precedence: DOCKER_HOST, DOCKER_CONTEXT, currentContext.
    ({}, CURRENT_B, B),
    (HOST_A, None, A),
    (HOST_A, CURRENT_B, A),
    ({**HOST_A, "DOCKER_CONTEXT": "cee"}, CURRENT_B, A),
    ({"DOCKER_CONTEXT": "cee"}, CURRENT_B, C),
    ({"DOCKER_CONTEXT": "bee"}, None, B),
    ({"DOCKER_CONTEXT": "default"}, CURRENT_B, DEFAULT),
    ({"DOCKER_HOST": "unix://"}, CURRENT_B, DEFAULT),
    # Another directory has its own config.json and its own contexts.
    ({"DOCKER_CONFIG": "{dir}/other"}, None, C),
    ({"DOCKER_CONFIG": "{dir}/other", "DOCKER_CONTEXT": "bee"}, CURRENT_B, C),
    ({"DOCKER_CONFIG": "{dir}/other", **HOST_A}, None, A),
    ({"DOCKER_CONFIG": "{dir}/none"}, CURRENT_B, DEFAULT),
    ({"DOCKER_CONFIG": ""}, CURRENT_B, B),
    # Set but empty: CLIs differ.
    ({"DOCKER_HOST": ""}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "", "DOCKER_CONTEXT": "cee"}, None, ASK),
    ({"DOCKER_CONTEXT": ""}, CURRENT_B, ASK),
    # Not a local socket, or not an address that is easily read.
    ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "ssh://there"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "{dir}/a"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "unix:{dir}/a"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "UNIX://{dir}/a"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "unix://a"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": " "}, CURRENT_B, ASK),
    ({"DOCKER_HOST": " unix://{dir}/a"}, CURRENT_B, ASK),
    ({"DOCKER_HOST": "unix://{dir}/a "}, CURRENT_B, ASK),
    ({"DOCKER_CONTEXT": "far"}, None, ASK),
    ({"DOCKER_CONTEXT": "missing"}, None, ASK),
    ({"DOCKER_CONTEXT": "broken"}, None, ASK),
    ({"DOCKER_CONTEXT": "../bee"}, None, ASK),
    ({"DOCKER_CONTEXT": "Bee"}, None, ASK),
    # TLS asks for certificates even with a socket; set but empty is off.
    ({**HOST_A, "DOCKER_TLS_VERIFY": "1"}, None, ASK),
    ({**HOST_A, "DOCKER_TLS_VERIFY": "0"}, None, ASK),
    ({**HOST_A, "DOCKER_TLS": "1"}, None, ASK),
    ({"DOCKER_TLS_VERIFY": "1"}, CURRENT_B, ASK),
    ({**HOST_A, "DOCKER_TLS_VERIFY": "", "DOCKER_TLS": ""}, None, A),
    ({**HOST_A, "DOCKER_CERT_PATH": "/nowhere"}, None, A),
    # A configuration that cannot be read here is the CLI's to complain about.
    ({}, "", ASK),
    ({}, "{", ASK),
    ({}, "[]", ASK),
    ({}, "\ufeff" + CURRENT_B, ASK),
    ({}, CURRENT_B + " {}", ASK),
    ({}, '{"currentContext": 5}', ASK),
    # Go takes names in any case.
    ({}, '{"currentcontext": "bee"}', ASK),
    ({}, '{"currentContext": "cee", "CURRENTCONTEXT": "bee"}', ASK),
    # With an explicit choice the file does not matter.
    (HOST_A, "{", A),
    ({"DOCKER_CONTEXT": "bee"}, "{", B),
    ({}, '{"auths": 5, "currentContext": "bee"}', B),
]


def store(directory: Path, contexts: Mapping[str, object]) -> None:
    """Write contexts as the CLI keeps them."""
    for name, meta in contexts.items():
        place = directory / "contexts/meta" / sha256(name.encode()).hexdigest()
        place.mkdir(parents=True)
        text = meta if isinstance(meta, str) else json.dumps(meta)
        (place / "meta.json").write_text(text)


def context(name: str, host: str) -> dict[str, object]:
    """What meta.json says."""
    docker = {"Host": host, "SkipTLSVerify": False}
    return {"Name": name, "Metadata": {}, "Endpoints": {"docker": docker}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with contexts for b, c and a far engine, and another configuration directory."""
    bee, cee, far = (
        context("bee", f"unix://{tmp_path}/b"),
        context("cee", f"unix://{tmp_path}/c"),
        context("far", "tcp://127.0.0.1:1"),
    )
    store(tmp_path / ".docker", {"bee": bee, "cee": cee, "far": far, "broken": "{"})
    store(tmp_path / "other", {"bee": {**cee, "Name": "bee"}})
    (tmp_path / "other/config.json").write_text(CURRENT_B)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def settled(home: Path, variables: Mapping[str, str], config: str | None) -> dict[str, str]:
    """Put a case in place; return its environment."""
    if config is not None:
        (home / ".docker/config.json").write_text(config)
    given = {name: value.replace("{dir}", str(home)) for name, value in variables.items()}
    return {"HOME": str(home), "PATH": os.environ["PATH"], **given}


@pytest.mark.parametrize(("variables", "config", "expected"), CASES, ids=repr)
def test_the_engine_is_found(
    home: Path, variables: dict[str, str], config: str | None, expected: str | None
) -> None:
    """A socket where that is certain, otherwise nothing, which means that the CLI is asked."""
    environ = settled(home, variables, config)
    wanted = expected and expected.replace("{dir}", str(home))
    assert unix_socket(environ, decode) == wanted


@pytest.mark.parametrize("cli", CLIS)
@pytest.mark.parametrize(("variables", "config", "_expected"), CASES, ids=repr)
def test_the_docker_cli_agrees(
    home: Path, cli: str, variables: dict[str, str], config: str | None, _expected: str | None
) -> None:
    """Whatever socket is found is the one that the real CLI goes to."""
    environ = settled(home, variables, config)
    found = unix_socket(environ, decode)
    if found is None:
        return
    with ExitStack() as stack:
        pong = always(http(200, b"", "Api-Version: 1.41", "Ostype: linux", "Connection: close"))
        engines = [stack.enter_context(FakeEngine(home / name, pong)) for name in "abc"]
        done = subprocess.run(
            [cli, "version"], env=environ, capture_output=True, text=True, check=False, cwd=home
        )
    reached = [engine.path for engine in engines if engine.received]
    if found == DEFAULT_SOCKET:
        assert not reached
        assert DEFAULT_SOCKET in done.stderr or os.path.exists(DEFAULT_SOCKET)
    else:
        assert reached == [found], done.stderr


def test_the_environment_that_is_given_counts(tmp_path: Path, home: Path) -> None:
    """HOME comes from the same environment as everything else, not from this process's."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".docker").mkdir(parents=True)
    (elsewhere / ".docker/config.json").write_text('{"currentContext": "far"}')
    settled(home, {}, CURRENT_B)
    assert unix_socket({"HOME": str(elsewhere)}, decode) is None


@pytest.mark.parametrize("kind", ["directory", "fifo", "dangling", "huge"])
def test_a_config_that_is_no_ordinary_file(home: Path, kind: str) -> None:
    """Neither waited for nor believed."""
    path = home / ".docker/config.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "huge":
        path.write_text('{"auths": "' + "x" * (2 << 20) + '", "currentContext": "bee"}')
    else:
        path.symlink_to("nowhere")
    expected = DEFAULT_SOCKET if kind == "dangling" else None
    assert unix_socket({"HOME": str(home)}, decode) == expected


def endpoint(path: Path) -> Endpoint:
    """The endpoint behind a socket."""
    return Endpoint("/nowhere/docker", {"DOCKER_HOST": f"unix://{path}"}, decode)


def test_engines_are_told_apart_by_name() -> None:
    """By their socket, or by whatever decides which one the CLI would talk to."""
    names = {
        Endpoint("/bin/docker", environ, decode).name
        for environ in (
            {"DOCKER_HOST": "unix:///a"},
            {"DOCKER_HOST": "unix:///b"},
            {"DOCKER_HOST": "ssh://a"},
            {"DOCKER_HOST": "ssh://b"},
            {"DOCKER_HOST": "", "DOCKER_CONTEXT": "a"},
            {"DOCKER_HOST": "", "DOCKER_CONTEXT": "b"},
        )
    }
    assert len(names) == 6


def test_a_missing_socket(tmp_path: Path) -> None:
    """Said with its path and what to do."""
    with pytest.raises(EngineError, match="there is no such socket") as caught:
        endpoint(tmp_path / "none").connect()
    assert f"unix://{tmp_path}/none" in str(caught.value)
    assert caught.value.hints


@pytest.mark.parametrize("kind", ["file", "directory", "abandoned"])
def test_something_that_does_not_listen(tmp_path: Path, kind: str) -> None:
    """A file, a directory, or a socket whose engine has gone."""
    path = tmp_path / "s"
    if kind == "file":
        path.write_text("")
    elif kind == "directory":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    with pytest.raises(EngineError, match=r"cannot connect to the docker engine at unix:.*refused"):
        endpoint(path).connect()


def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    """The kernel takes 107 bytes."""
    with pytest.raises(EngineError, match="cannot connect"):
        endpoint(tmp_path / ("x" * 150)).connect()


@pytest.mark.parametrize("path", ["/a\x00b", "/\udcff"])
def test_a_path_that_cannot_be(path: str) -> None:
    """Neither NUL nor bytes that are no text end in anything but a clear error."""
    with pytest.raises(EngineError, match="cannot connect"):
        Endpoint("docker", {"DOCKER_HOST": f"unix://{path}"}, decode).connect()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_is_not_ours(tmp_path: Path) -> None:
    """Said as docker says it, with whom to ask."""
    script = (
        "import os, sys\nfrom saferun.host.endpoint import Endpoint\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Endpoint('d', {'DOCKER_HOST': 'unix://' + sys.argv[1]}, None).connect()\n"
        "except Exception as error: print(type(error).__name__, error, *error.hints)"
    )
    with FakeEngine(tmp_path / "s", always(b"")) as fake:
        done = subprocess.run(
            [sys.executable, "-c", script, fake.path],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "EngineError permission denied" in done.stdout
    assert "group" in done.stdout
