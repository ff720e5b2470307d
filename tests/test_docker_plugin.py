"""docker-saferun: what it answers docker, the shells' functions, and people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from saferun import __version__

PROGRAM = Path(sys.executable).with_name("docker-saferun")
NOTES = (
    '#!/bin/sh\nprintf "%s|" "$@"\necho "$DOCKER_HOST|$DOCKER_CONTEXT|$SAFERUN_STARTED_DOCKER"\n'
)


def call(
    directory: Path, *words: str, program: Path = PROGRAM, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run docker-saferun with a docker that says how it was called."""
    docker = directory / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(NOTES)
    docker.chmod(0o755)
    return subprocess.run(
        [program, *words],
        env={"PATH": f"{docker.parent}:/usr/bin:/bin", "HOME": str(directory), **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_metadata(tmp_path: Path) -> None:
    """What docker wants before it lists a plugin or runs it."""
    done = call(tmp_path, "docker-cli-plugin-metadata")
    told = json.loads(done.stdout)
    assert told["SchemaVersion"] == "0.1.0"
    assert told["Vendor"]
    assert told["Version"] == __version__


def test_everything_but_run_becomes_docker(tmp_path: Path) -> None:
    """With its words and its environment as they are, so that a plugin of docker still is one."""
    words = ("-H", "x", "compose", "run", "a b", "")
    done = call(tmp_path, "as-docker", *words, DOCKER_CONTEXT="mine")
    assert done.stdout == f"{'|'.join(words)}||mine|\n"
    assert done.stderr == ""


@pytest.mark.parametrize("words", [("as-docker", "-H", "a", "run"), ("-H", "a", "saferun")])
def test_run_becomes_saferun(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Global options are the environment of everything that saferun starts."""
    done = call(tmp_path, *words, "--frob", DOCKER_CONTEXT="mine")
    assert done.stdout == f"run|--frob|a||{tmp_path}/bin/docker\n"


def test_saferun_is_no_plugin_of_the_docker_that_it_starts(tmp_path: Path) -> None:
    """That docker was called by nobody's plugin manager."""
    (tmp_path / "bin").mkdir()
    told: dict[str, Any] = {
        "DOCKER_CLI_PLUGIN_SOCKET": "@x",
        "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND": "docker",
    }
    wrapper = tmp_path / "wrapper"
    wrapper.write_text("#!/bin/sh\nenv | grep DOCKER_CLI || echo none\n")
    wrapper.chmod(0o755)
    done = call(tmp_path, "saferun", "--frob", SAFERUN_DOCKER=str(wrapper), **told)
    assert done.stdout == "none\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "docker saferun IMAGE"),
        (("run", "img"), "docker saferun IMAGE"),
        (("-D", "saferun", "img"), "--debug cannot be handed on"),
        (("as-docker", "--frob", "run", "img"), "cannot tell what this docker command line runs"),
    ],
)
def test_what_is_not_understood_starts_nothing(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """125, as from docker, and a way out."""
    done = call(tmp_path, *words)
    assert (done.returncode, done.stdout) == (125, "")
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert done.stderr.endswith("nothing was started\n")


def test_a_loop_ends(tmp_path: Path) -> None:
    """A docker which calls saferun again is noticed at the second turn."""
    done = call(tmp_path, "saferun", "img", SAFERUN_STARTED_DOCKER="/usr/bin/docker")
    assert done.returncode == 125
    assert "calls saferun again" in done.stderr


def test_saferun_under_dockers_name_is_not_docker(tmp_path: Path) -> None:
    """Through the link in docker's plugins directory, too, the saferun beside it is known."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "docker-saferun").symlink_to(PROGRAM)
    (plugins / "docker").symlink_to(PROGRAM.with_name("saferun"))
    path = f"{plugins}:{tmp_path}/bin:/usr/bin:/bin"
    done = call(tmp_path, "as-docker", "-v", program=plugins / "docker-saferun", PATH=path)
    assert done.stdout == "-v|||\n"


def test_help(tmp_path: Path) -> None:
    """`docker help saferun` and `docker saferun --help` say the same."""
    one, two = call(tmp_path, "help", "saferun"), call(tmp_path, "saferun", "--help")
    assert one.stdout == two.stdout
    assert one.stdout.startswith("Usage:  saferun")


@pytest.mark.parametrize("words", [(), ("saferun",), ("saferun", "--policy", "x" * 5)])
def test_completion_never_complains(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever happens, a shell finds candidates and a directive."""
    environ = {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, PROGRAM, "__complete", *words],
        env=environ,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == ":1"
