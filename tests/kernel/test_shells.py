"""docker in the real shells and `docker saferun`, on a real engine: the kernel's five zeros."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import Command, command, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BIN = Path(sys.executable).parent
ZEROS = "".join(f"Cap{name}:\t{0:016x}\n" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
SETS = ("grep", "Cap", "/proc/self/status")
#: Where no engine is.
NOWHERE = "unix:///nowhere/docker.sock"
SHELLS = {
    "bash": ("bash", "--norc", "-c", 'eval "$("$SAFERUNCTL" shell-init bash)"; docker "$@"', "-"),
    "zsh": ("zsh", "-f", "-c", 'eval "$("$SAFERUNCTL" shell-init zsh)"; docker "$@"', "-"),
    "fish": (
        *("fish", "--no-config", "-c", '"$SAFERUNCTL" shell-init fish | source; docker $argv'),
        "--",
    ),
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, environment: Mapping[str, str]) -> Command:
    """The docker function in each shell."""
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        missing(f"no {words[0]}; apt-get install {words[0]}")
    return command(list(words), {**environment, "SAFERUNCTL": str(BIN / "saferunctl")})


@pytest.fixture(params=["docker", "/usr/bin/docker"])
def plugged(
    request: pytest.FixtureRequest, environment: Mapping[str, str], tmp_path: Path
) -> Command:
    """The docker CLI on PATH, and the distribution's, that know saferun as a plugin."""
    docker = shutil.which(request.param)
    if docker is None:
        missing(f"no {request.param}; as root: script/engine up")
    home = {**environment, "HOME": str(tmp_path)}
    assert command([str(BIN / "saferunctl")], home)("plugin", "install").status == 0
    return command([docker], home)


def test_the_function_runs_under_the_law(shell: Command, image: Callable[[str], str]) -> None:
    """Five rows of zeros, and a denial where the law denies."""
    done = shell("run", "--rm", "-u", "3267", image("busybox"), *SETS)
    assert (done.stdout, done.stderr, done.status) == (ZEROS, "", 0)
    done = shell("container", "run", "--rm", "-u", "3267", "--privileged", image("busybox"))
    assert done.status == 125
    assert "denied" in done.stderr
    assert shell("run", "--rm", "-u", "3267", image("busybox"), "sh", "-c", "exit 7").status == 7


def test_global_options_select_the_engine(
    shell: Command, engine: str, image: Callable[[str], str], docker: Command
) -> None:
    """-H and --context name the engine to saferun as they do to docker."""
    run = ("run", "--rm", "-u", "3267", image("busybox"), *SETS)
    done = shell("-H", engine, *run, env={"DOCKER_HOST": NOWHERE})
    assert (done.stdout, done.stderr, done.status) == (ZEROS, "", 0)
    done = shell("-H", NOWHERE, *run)
    assert (done.stdout, done.status) == ("", 125)
    assert "/nowhere/docker.sock" in done.stderr
    assert docker("context", "create", "there", "--docker", f"host={engine}").status == 0
    try:
        done = shell("--context=there", "container", *run, env={"DOCKER_HOST": NOWHERE})
        assert (done.stdout, done.stderr, done.status) == (ZEROS, "", 0)
    finally:
        docker("context", "rm", "there")


def test_everything_else_is_dockers(shell: Command, docker: Command, engine: str) -> None:
    """The same words and the same status."""
    for words in (("version", "--format", "{{.Server.Version}}"), ("inspect", "nosuch")):
        assert shell(*words) == docker(*words)
        assert shell("-H", engine, *words, env={"DOCKER_HOST": NOWHERE}) == docker(*words)


def test_the_plugin_runs_under_the_law(
    plugged: Command, engine: str, image: Callable[[str], str]
) -> None:
    """By docker's own plugin manager, with docker's own global options."""
    run = ("saferun", "--rm", "-u", "3267", image("busybox"), *SETS)
    for options, env in (((), {}), (("-H", engine), {"DOCKER_HOST": NOWHERE})):
        done = plugged(*options, *run, env=env)
        assert (done.stdout, done.stderr, done.status) == (ZEROS, "", 0)
    done = plugged("saferun", "-i", "-u", "3267", "--rm", image("busybox"), "cat", stdin=b"in\n")
    assert done.stdout == "in\n"
    done = plugged("saferun", "--rm", "-u", "3267", image("busybox"), "sh", "-c", "exit 7")
    assert done.status == 7
    done = plugged("saferun", "--rm", "-u", "3267", "--cap-add=KILL", image("busybox"))
    assert done.status == 125
    assert "denied" in done.stderr


def test_docker_knows_the_plugin(plugged: Command) -> None:
    """It is listed, and has a help."""
    listed = [line.split() for line in plugged("--help").stdout.splitlines()]
    assert any(words[:1] == ["saferun*"] for words in listed)
    assert plugged("saferun", "--help").stdout.startswith("Usage:  saferun")
    assert plugged("help", "saferun").stdout.startswith("Usage:  saferun")


def test_images_and_values_complete(
    plugged: Command, environment: Mapping[str, str], image: Callable[[str], str]
) -> None:
    """Images with every CLI; networks where the CLI lists them."""
    reference = image("busybox")
    completing = command([str(BIN / "docker-saferun"), "__complete", "saferun"], environment)
    found = {shutil.which(name) for name in ("docker", "/usr/bin/docker")}
    for docker in sorted(filter(None, found)):
        done = completing("--policy", "ci", reference[:-3], env={"SAFERUN_DOCKER": docker})
        assert done.stdout == f"{reference}\n:4\n", docker
        done = completing("--cpu-sh", env={"SAFERUN_DOCKER": docker})
        assert done.stdout.startswith("--cpu-shares\t")
    done = plugged("__complete", "saferun", "--policy", "hard")
    if done.stdout != ":0\n":  # CLI 20.10 does not ask its plugins
        assert done.stdout == "hardened\n:0\n"
