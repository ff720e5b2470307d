"""No container that docker starts behind its global options goes past saferun."""

from __future__ import annotations

import itertools
import subprocess
from typing import TYPE_CHECKING

import pytest

from saferun.errors import SaferunError
from saferun.formats.docker_run.global_options import run_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.compliance.recording_engine import RecordingEngine

GLOBAL = (
    *("", "-v", "--help", "-h", "-D", "-l info", "--config /none", "--context default"),
    *("--tls=false", "--", "-D --", "-- -D", "-- --help", "-- -c default", "-- --"),
)
COMMANDS = (
    *("run", "container run", "container --help run", "container --help=false run"),
    *(
        "container -h run",
        "container -- run",
        "container -D run",
        "Run",
        "help run",
        "container -- container run",
    ),
)
LINES = [f"{first} {then}".split() for first, then in itertools.product(GLOBAL, COMMANDS)]


def environment(engine: RecordingEngine, home: Path) -> dict[str, str]:
    """Return what a CLI finds; it lives too short for threads and a garbage collector to pay."""
    quick = {"GOMAXPROCS": "1", "GOGC": "off"}
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "DOCKER_HOST": engine.address, **quick}


def test_whatever_docker_runs_is_found(
    docker_cli: str, recording_engine: RecordingEngine, tmp_path: Path
) -> None:
    """Each line is given to the real CLI; where it creates a container, so would saferun have been
    asked, or docker's words have been refused.
    """
    environ = environment(recording_engine, tmp_path)
    ran = 0
    for words in LINES:
        before = len(recording_engine.creates)
        subprocess.run(
            [docker_cli, *words, "-d", "img"],
            env=environ,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        if len(recording_engine.creates) == before:
            continue
        ran += 1
        try:
            call = run_in([*words, "-d", "img"], environ)
        except SaferunError:
            continue
        assert call is not None, words
        assert call.words == ("-d", "img"), words
    assert ran > len(GLOBAL)


@pytest.mark.parametrize("words", [["--context", "default"], ["--context="], ["--tls=false"]])
def test_the_engine_is_the_one_that_docker_takes(
    docker_cli: str, recording_engine: RecordingEngine, tmp_path: Path, words: list[str]
) -> None:
    """DOCKER_HOST counts for these; the variables say the same to the CLI."""
    environ = environment(recording_engine, tmp_path)
    call = run_in([*words, "run", "img"], environ)
    assert call is not None
    said = {**environ, **call.variables}
    again = {name: value for name, value in said.items() if value is not None}
    for options, variables in ((words, environ), ([], again)):
        before = len(recording_engine.creates)
        line = [docker_cli, *options, "run", "-d", "img"]
        subprocess.run(line, env=variables, check=True, capture_output=True, timeout=60)
        assert len(recording_engine.creates) == before + 1
