"""A gate that was told to linger stays long enough for its reason to be read."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = "f" * 16
#: Far above what a process needs to end, far below the two seconds that the gate stays.
MOMENT = 0.5


@pytest.mark.parametrize(
    ("needs", "words", "lingers"),
    [
        ("linger", ("nosuch",), True),
        ("linger", ("/etc/passwd",), True),
        ("nnp,linger", ("true",), True),
        ("-", ("nosuch",), False),
        ("linger", ("true",), False),
    ],
)
def test_only_a_refusal_lingers_and_only_when_told(
    needs: str, words: tuple[str, ...], gate: Path, *, lingers: bool
) -> None:
    """The reason is on stderr while the process is still there; a command is not delayed."""
    reading, writing = os.pipe()
    process = subprocess.Popen([gate, EVERYTHING, EVERYTHING, needs, "--", *words], stderr=writing)
    os.close(writing)
    with open(reading, "rb", buffering=0) as stderr:
        said = stderr.read(4096)
        try:
            process.wait(timeout=MOMENT if lingers else 60)
            stayed = False
        except subprocess.TimeoutExpired:
            stayed = True
        process.wait()
    assert stayed is lingers
    assert said.startswith(b"saferun: ") is (words != ("true",) or lingers)


@pytest.mark.parametrize("needs", ["linger,nnp", "nnp,", "lingers", "nnp,linger,nnp"])
def test_other_ways_to_ask_are_refused(needs: str, gate: Path) -> None:
    """The argument has four forms and no others."""
    done = subprocess.run(
        [gate, EVERYTHING, EVERYTHING, needs, "--", "true"], capture_output=True, check=False
    )
    assert done.returncode == 126
    assert b"usage" in done.stderr
