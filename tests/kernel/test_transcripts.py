"""Every page in tests/transcripts is a session: what is typed, what is printed, how it ends.

A page is a text file. What stands before the first command is for the reader, as is every line
that begins with `#`. Then:

    $ a shell command
    a line on stdout
    ! a line on stderr
    ? the exit status, where it is not 0

A file that a command needs stands at the end of the page, after a line `-- its name --`. Words in
braces stand for what differs from run to run: `{busybox}` and the like are test images, the others
are listed in PATTERNS. A line `...` stands for any number of lines.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.kernel.images import IMAGES
from tests.kernel.programs import ROOT, saferun_words, script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PAGES = sorted((ROOT / "tests" / "transcripts").glob("*.txt"))
PATTERNS = {
    "docker": r"/\S*/docker",
    "digest": r"[0-9a-f]{64}",
    "id": r"[0-9a-f]{64}",
    "short-id": r"[0-9a-f]{12}",
    "place": r"[0-9a-f]{16}",
    "version": r"\d+\.\d+\S*",
    "architecture": r"amd64|arm64",
}


@dataclass
class Step:
    """A command and what becomes of it."""

    command: str
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    status: int = 0


def read(page: str) -> tuple[list[Step], dict[str, str]]:
    """Return a page's commands and its files."""
    session, *rest = re.split(r"^-- (.+) --\n", page, flags=re.MULTILINE)
    files = dict(zip(rest[::2], rest[1::2], strict=True))
    steps: list[Step] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:]))
        elif steps and line and not line.startswith("#"):
            kind, text = (line[0], line[2:]) if line[:2] in ("! ", "? ") else ("", line)
            if kind == "?":
                steps[-1].status = int(text)
            else:
                (steps[-1].stderr if kind else steps[-1].stdout).append(text)
    return steps, files


def pattern(lines: list[str]) -> str:
    """Return expected lines as a regular expression for all of a stream."""
    if not lines:
        return ""
    made = []
    for line in lines:
        if line == "...":
            made.append(r"(?:.*\n)*?")
            continue
        parts = re.split(r"\{([a-z-]+)\}", line)
        words = [
            f"(?:{PATTERNS[part]})" if odd and part in PATTERNS else re.escape(part)
            for part, odd in zip(parts, [False, True] * len(parts), strict=False)
        ]
        made.append("".join(words) + r"\n")
    return "".join(made)


@pytest.fixture
def shell(
    environment: Mapping[str, str], tmp_path: Path
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return what runs a line as if it were typed, with saferun and docker on PATH."""
    words = " ".join(f"'{word}'" for word in saferun_words())
    script(tmp_path / "bin" / "saferun", f'exec {words} "$@"')
    given = {**environment, "PATH": f"{tmp_path / 'bin'}:{environment['PATH']}"}
    place = tmp_path / "here"
    place.mkdir()

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=place,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_session_goes_as_it_is_written(
    page: Path,
    shell: Callable[[str], subprocess.CompletedProcess[str]],
    image: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """Every line of it."""
    text = re.sub(
        r"\{([a-z0-9-]+)\}",
        lambda found: image(found[1]) if found[1] in IMAGES else found[0],
        page.read_text(),
    )
    steps, files = read(text)
    assert steps
    for name, content in files.items():
        (tmp_path / "here" / name).write_text(content)
    for step in steps:
        ended = shell(step.command)
        said = (
            f"$ {step.command}\n{ended.stdout}"
            + "".join(f"! {line}\n" for line in ended.stderr.splitlines())
            + f"? {ended.returncode}"
        )
        assert ended.returncode == step.status, said
        assert re.fullmatch(pattern(step.stderr), ended.stderr), said
        assert re.fullmatch(pattern(step.stdout), ended.stdout), said


def test_there_are_pages() -> None:
    """A glob that finds nothing would pass for ever."""
    assert len(PAGES) >= 8
