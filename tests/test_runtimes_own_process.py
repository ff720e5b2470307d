"""What is read of a process, and when it is too early for that to count."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from saferun import processes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "state"),
    [("runc:[2:INIT]", "early"), ("crun", "early"), ("crunch", "read"), ("gate-amd64", "read")],
)
def test_what_the_runtime_still_holds_is_not_the_containers(
    tmp_path: Path, name: str, state: str
) -> None:
    """By the names of runc and crun; nobody gains by calling himself so."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    (tmp_path / name).symlink_to(sleep)
    with subprocess.Popen([tmp_path / name, "60"]) as process:
        try:
            end = time.monotonic() + 10
            reading = processes.look(process.pid, lambda _: True)
            while reading.command != name.encode() and time.monotonic() < end:
                time.sleep(0.01)
                reading = processes.look(process.pid, lambda _: True)
        finally:
            process.kill()
    assert (reading.command, reading.state) == (name.encode(), state)
    assert (reading.evidence is None) == (state == "early")
