"""What tests run besides the Command fixtures: saferun in pieces, and docker CLIs with a twist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Found = TypeVar("Found")

ROOT = Path(__file__).parents[2]

#: saferun as another user, who may be unable to read the checkout and the interpreter's library:
#: everything is imported before the change. argv: UID, then saferun's.
AS_USER = """
import importlib, os, pkgutil, sys
import saferun
for module in pkgutil.walk_packages(saferun.__path__, "saferun."):
    if module.name != "saferun.__main__":
        importlib.import_module(module.name)
import difflib, json, shlex, subprocess, tomli
from saferun.cli import main
uid = int(sys.argv[1])
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
sys.exit(main(["saferun", *sys.argv[2:]]))
"""


def saferun_words() -> list[str]:
    """Return the words that start the saferun under test, which SAFERUN_TEST_PROGRAM may name.

    `env` becomes what it starts, so the process is saferun's.
    """
    if named := os.environ.get("SAFERUN_TEST_PROGRAM"):
        return [named]
    installed = Path(sys.executable).with_name("saferun")
    if installed.exists():
        return [str(installed)]
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, str(ROOT / "script" / "saferun")]


def saferun_as(uid: int) -> list[str]:
    """Return the words that start saferun as another user, without any group of root's."""
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", AS_USER, str(uid)]


def real_docker() -> str:
    """Return the path of the docker CLI on PATH, or of what SAFERUN_DOCKER names instead."""
    found = os.environ.get("SAFERUN_DOCKER") or shutil.which("docker")
    assert found is not None
    return found


def script(path: Path, body: str) -> str:
    """Write an executable shell script; `$DOCKER` in it is the real docker CLI."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nDOCKER={real_docker()}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def recorder(directory: Path) -> tuple[str, Callable[[], list[list[str]]]]:
    """Return a docker CLI that notes every command line, and a function that reads the notes."""
    notes = directory / "notes"
    path = script(
        directory / "docker",
        f"""printf '%s\\0' "$@" "" >>'{notes}.part'
printf '%s\\n' "$#" >>'{notes}'
exec "$DOCKER" "$@\"""",
    )

    def read() -> list[list[str]]:
        if not notes.exists():
            return []
        words = os.fsdecode(Path(f"{notes}.part").read_bytes()).split("\0")
        lines = []
        for count in map(int, notes.read_text().split()):
            lines.append(words[:count])
            del words[: count + 1]
        return lines

    return path, read


@contextmanager
def running(
    words: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program with nothing on stdin and pipes elsewhere; kill it in the end."""
    with subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Wait for a line on stdout."""
    assert process.stdout is not None
    return process.stdout.readline()


def rest(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Wait for the end; return the status and what is left on stdout and stderr."""
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def until(ask: Callable[[], Found], seconds: float = 15) -> Found:
    """Ask again and again until the answer is a yes, and return it."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return answer
