"""The docker CLI: which one, and becoming it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.errors import DockerCliError
from saferun.host import docker_cli

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def program(path: Path, text: str = "exit 0", mode: int = 0o755) -> str:
    """Write a shell script; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


@pytest.fixture
def ours(tmp_path: Path) -> str:
    """The running saferun."""
    return program(tmp_path / "ours/saferun")


def found(tmp_path: Path, ours: str, path: str, named: str | None = None) -> str:
    """Look for docker in directories of tmp_path; return where below it that is."""
    environ = {"PATH": ":".join(str(tmp_path / name) for name in path.split())}
    if named is not None:
        environ["SAFERUN_DOCKER"] = named.replace("{dir}", str(tmp_path))
    return docker_cli.find(environ, ours).removeprefix(f"{tmp_path}/")


def test_the_first_on_path(tmp_path: Path, ours: str) -> None:
    """In the order of PATH, passing over what cannot be executed."""
    for name in ("c", "d"):
        program(tmp_path / name / "docker")
    program(tmp_path / "a/docker", mode=0o644)
    (tmp_path / "b/docker").mkdir(parents=True)
    (tmp_path / "e").mkdir()
    (tmp_path / "e/docker").symlink_to("nowhere")
    assert found(tmp_path, ours, "none a b e c d") == "c/docker"
    assert found(tmp_path, ours, "d c") == "d/docker"


@pytest.mark.parametrize("kind", ["link", "chain", "hard"])
def test_never_ourselves(tmp_path: Path, ours: str, kind: str) -> None:
    """Neither by a link, nor by a link to a link, nor by another name of the same file."""
    program(tmp_path / "real/docker")
    (tmp_path / "alias").mkdir()
    alias = tmp_path / "alias/docker"
    if kind == "hard":
        os.link(ours, alias)
    elif kind == "link":
        alias.symlink_to(ours)
    else:
        (tmp_path / "alias/other").symlink_to(ours)
        alias.symlink_to("other")
    assert found(tmp_path, ours, "alias real") == "real/docker"
    # Called by the alias, it is still the same program.
    assert found(tmp_path, str(alias), "alias real") == "real/docker"
    with pytest.raises(DockerCliError, match="is saferun itself"):
        found(tmp_path, ours, "real", named=str(alias))
    with pytest.raises(DockerCliError, match="no docker on PATH"):
        found(tmp_path, ours, "alias")


def test_relative_directories_on_path(
    tmp_path: Path, ours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one is the working directory, as for every shell."""
    program(tmp_path / "docker")
    monkeypatch.chdir(tmp_path)
    assert os.path.samefile(docker_cli.find({"PATH": "/none:"}, ours), tmp_path / "docker")


@pytest.mark.parametrize(
    ("named", "where"),
    [
        ("{dir}/b/podman", "b/podman"),
        ("podman", "b/podman"),
        ("docker", "a/docker"),
        ("", "a/docker"),
    ],
)
def test_saferun_docker_names_another(tmp_path: Path, ours: str, named: str, where: str) -> None:
    """By path, or by a name on PATH; empty is not set."""
    program(tmp_path / "a/docker")
    program(tmp_path / "b/podman")
    assert found(tmp_path, ours, "a b", named) == where


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("{dir}/none", "cannot be executed"),
        ("{dir}/plain", "cannot be executed"),
        ("{dir}", "cannot be executed"),
        ("{dir}/docker/", "cannot be executed"),
        ("./ours/none", "cannot be executed"),
        ("nosuch", "no nosuch on PATH"),
        ("a\x00b", "on PATH"),
        ("/a\x00b", "cannot be executed"),
    ],
)
def test_saferun_docker_names_nothing_usable(
    tmp_path: Path, ours: str, named: str, message: str
) -> None:
    """Nothing else is taken instead: whoever names one means that one."""
    program(tmp_path / "docker")
    program(tmp_path / "plain", mode=0o644)
    with pytest.raises(DockerCliError, match=message) as caught:
        found(tmp_path, ours, ".", named)
    assert caught.value.hints


def test_a_missing_path_of_our_own_is_not_everybodys(tmp_path: Path) -> None:
    """Two paths that do not exist are not the same program."""
    with pytest.raises(DockerCliError, match="cannot be executed"):
        found(tmp_path, "/nowhere/saferun", ".", "/nowhere/docker")


@pytest.mark.parametrize("environ", [{}, {"PATH": ""}, {"PATH": "/none"}])
def test_no_docker_anywhere(
    ours: str, environ: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said with what to do about it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "defpath", "/none")
    with pytest.raises(DockerCliError, match="no docker on PATH") as caught:
        docker_cli.find(environ, ours)
    assert "SAFERUN_DOCKER" in caught.value.hints[0]


def test_a_loop_is_noticed(tmp_path: Path, ours: str) -> None:
    """A docker that calls saferun again is named."""
    program(tmp_path / "docker")
    environ = docker_cli.guarded("/wrapper/docker", {"PATH": str(tmp_path)})
    with pytest.raises(DockerCliError, match="/wrapper/docker calls saferun again"):
        docker_cli.find(environ, ours)


def becoming(docker: str, *arguments: str, extra: str = "") -> subprocess.CompletedProcess[bytes]:
    """Become a docker CLI in a process of its own."""
    script = (
        "import os, sys\nfrom saferun.host.docker_cli import become\n"
        "from saferun.errors import DockerCliError\n"
        f"{extra}\n"
        "try: become(sys.argv[1], sys.argv[2:], {'PATH': '/usr/bin:/bin', 'KEPT': 'yes'})\n"
        "except DockerCliError as error: print(f'error: {error}'); sys.exit(125)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, docker, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def test_becoming_docker(tmp_path: Path) -> None:
    """The same process, docker's own status, the arguments and the environment as they are."""
    docker = program(
        tmp_path / "docker",
        'printf "<%s>" "$@"; echo "$KEPT $SAFERUN_STARTED_DOCKER"; exit 42',
    )
    done = becoming(docker, "--env=A=b c", "--", "img", "", "\udcff\n")
    assert done.returncode == 42
    assert done.stdout == b"<run><--env=A=b c><--><img><><\xff\n>yes " + docker.encode() + b"\n"


def test_docker_dies_of_a_closed_pipe_again(tmp_path: Path) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and what is ignored stays so across execve."""
    docker = program(tmp_path / "docker", "grep SigIgn /proc/self/status")
    done = becoming(docker)
    assert int(done.stdout.split()[1], 16) == 0


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file or directory"),
        ("interpreter", "no such file or directory"),
        ("mode", "permission denied"),
        ("format", "exec format error"),
        ("long", "argument list too long"),
    ],
)
def test_what_cannot_be_executed(tmp_path: Path, kind: str, message: str) -> None:
    """An error with the path and the reason; only a long list is the arguments' fault."""
    path = tmp_path / "docker"
    words = ["x" * 100_000] * 60 if kind == "long" else ["img"]
    if kind == "interpreter":
        path.write_text("#!/nowhere/sh\n")
    elif kind != "missing":
        path.write_bytes(b"\x7fELF nonsense" if kind == "format" else b"#!/bin/sh\n")
    if kind not in ("missing", "mode"):
        path.chmod(0o755)
    extra = f"sys.argv[2:] = {'[chr(120) * 100000] * 60' if kind == 'long' else '[]'}"
    done = becoming(str(path), *(words if kind != "long" else []), extra=extra)
    told = done.stdout.decode()
    assert done.returncode == 125, done.stderr
    assert told.startswith(f"error: cannot execute {path}: ")
    assert told.endswith(f"{message}\n")
    assert ("arguments" in told) is (kind == "long")


def test_a_nul_cannot_be_passed_on(tmp_path: Path) -> None:
    """A policy's default may hold one; the system does not take it."""
    docker = program(tmp_path / "docker")
    done = becoming(docker, extra="sys.argv[2:] = ['--network=a\\0b', 'img']")
    assert (done.returncode, done.stdout[:6]) == (125, b"error:")


def test_the_help_text(tmp_path: Path) -> None:
    """What `docker run --help` prints, whatever its status; a CLI that vanished is an error."""
    docker = program(tmp_path / "docker", 'echo "$@ $SAFERUN_STARTED_DOCKER"; exit 3')
    environ = {"PATH": "/usr/bin:/bin"}
    assert docker_cli.help_text(docker, environ) == f"run --help {docker}\n"
    with pytest.raises(DockerCliError, match="cannot execute"):
        docker_cli.help_text(str(tmp_path / "none"), environ)


def test_calling_puts_everything_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """stdout belongs to the container."""
    docker = program(tmp_path / "docker", 'echo "out $@"; echo err >&2; exit 7')
    assert docker_cli.call(docker, ["pull", "x y"], {"PATH": "/bin"}) == 7
    assert capfd.readouterr() == ("", "out pull x y\nerr\n")
    assert docker_cli.quietly(docker, ["rm", "x"], {"PATH": "/bin"}) == 7
    assert capfd.readouterr() == ("", "")


def test_starting_detached(tmp_path: Path) -> None:
    """In a session of its own: Ctrl-C at the terminal does not reach it."""
    docker = program(tmp_path / "docker", 'echo "$@"; cut -d" " -f6 /proc/self/stat; exit 5')
    status, printed = docker_cli.start_detached(docker, ["-d", "img"], {"PATH": "/usr/bin:/bin"})
    words, session = printed.decode().splitlines()
    assert (status, words) == (5, "run -d img")
    assert int(session) != os.getsid(0)


@pytest.mark.parametrize("run", ["call", "start_detached"])
def test_a_cli_that_vanished(tmp_path: Path, run: str) -> None:
    """An error like any other, unless something was to be removed again."""
    assert docker_cli.quietly(str(tmp_path / "none"), ["x"], {}) != 0
    with pytest.raises(DockerCliError, match="cannot execute"):
        getattr(docker_cli, run)(str(tmp_path / "none"), ["x"], {})
