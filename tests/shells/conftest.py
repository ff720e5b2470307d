"""The shells, a saferun and a docker that take notes, and what shell-init prints for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

BIN = Path(sys.executable).parent
#: How to run a text without the person's own configuration; words follow it.
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}
#: Writes how many words it has, its name and them to $RECORD.
NOTES = """\
printf '%s\\0' $# "${0##*/}" "$@" >>"$RECORD"
[ -z "$SAY" ] || printf '%s' "$SAY"
exit "${STATUS:-0}"
"""


def missing(what: str) -> NoReturn:
    """Skip where a person is trying things out; fail where everything is meant to be tested."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class Place:
    """A shell, and directories with what saferun installs and with docker."""

    shell: str
    ours: Path
    environ: dict[str, str]

    def init(self) -> str:
        """Return what shell-init prints for this shell."""
        done = subprocess.run(
            [self.ours / "saferunctl", "shell-init", self.shell],
            env=self.environ,
            check=True,
            capture_output=True,
        )
        return os.fsdecode(done.stdout)

    def run(
        self,
        text: str,
        *words: str,
        before: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a text after shell-init's, words as its arguments (`"$@"`, `$argv`)."""
        file = self.ours.parent / "init"
        if not file.exists():
            file.write_bytes(os.fsencode(self.init()))
        # A file, because that is read command by command, as a shell's start-up file is.
        whole = f"{before}\n. ./{file.name}\n{text}\n"
        name = "--" if self.shell == "fish" else self.shell
        return subprocess.run(
            [*SHELLS[self.shell], whole, name, *words],
            cwd=file.parent,
            env={**self.environ, **(environ or {})},
            check=False,
            capture_output=True,
            timeout=60,
        )

    def docker(self, *words: str, **environ: str) -> int:
        """Call the docker function; return its exit status."""
        line = "docker $argv" if self.shell == "fish" else 'docker "$@"'
        return self.run(line, *words, environ=environ).returncode

    def notes(self) -> list[list[str]]:
        """Return who was called with which words, in order, and forget it."""
        record = Path(self.environ["RECORD"])
        if not record.exists():
            return []
        rest = os.fsdecode(record.read_bytes()).split("\0")[:-1]
        record.unlink()
        found = []
        while rest:
            length = int(rest[0]) + 2
            found.append(rest[1:length])
            del rest[:length]
        return found


def install(shell: str, directory: Path) -> Place:
    """Return a place where saferun and docker only take notes, at a path that is hard to quote."""
    ours = directory / 'it\'s "a" $path\\ `here`;*' / "bin"
    script(ours / "saferun", NOTES)
    script(ours / "docker-saferun", NOTES)
    script(directory / "docker" / "docker", NOTES)
    (ours / "saferunctl").symlink_to(BIN / "saferunctl")
    environ = {
        "HOME": str(directory),
        "PATH": f"{directory}/docker:/usr/bin:/bin",
        "RECORD": str(directory / "record"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }
    return Place(shell, ours, environ)


@pytest.fixture(scope="session", params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell in turn."""
    name: str = request.param
    if shutil.which(name) is None:
        missing(f"no {name}; apt-get install {name}")
    return name


@pytest.fixture(scope="session")
def installed(shell: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One place for all tests of a shell."""
    return install(shell, tmp_path_factory.mktemp(shell))


@pytest.fixture
def place(installed: Place) -> Place:
    """That place, with nothing noted yet."""
    installed.notes()
    return installed


@pytest.fixture
def own_place(shell: str, tmp_path: Path) -> Place:
    """A place of one's own, to be changed."""
    return install(shell, tmp_path)
