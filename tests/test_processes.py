"""A process that is read from /proc: evidence, or a word why there is none."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from saferun import processes
from saferun.host.kernel import ProcessFiles
from tests.formats.test_proc_status import ID, IDENTITY, status

if TYPE_CHECKING:
    from pathlib import Path

CGROUP = f"0::/docker/{ID}\n".encode()
STAT = b"7 (sleep) S 1 " + b"5 " * 40


def files(**changed: object) -> ProcessFiles:
    """Return what /proc said of a process of the container."""
    made = object.__new__(ProcessFiles)
    said = {
        "pid": 7,
        "stat_before": STAT,
        "stat_after": STAT,
        "cgroup": CGROUP,
        "status": status(),
        "uid_map": IDENTITY,
        "threads": (),
        "namespaces": (),
    }
    for name, value in {**said, **changed}.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, processes.READ),
        ({"status": None}, processes.GONE),
        ({"stat_after": STAT.replace(b"5 ", b"6 ")}, processes.CHANGED),
        ({"cgroup": b"0::/\n"}, processes.FOREIGN),
        ({"stat_after": b"7 (sleep) S 1"}, processes.UNREADABLE),
        ({"stat_before": b""}, processes.UNREADABLE),
        ({"status": status().replace(b"CapEff:\t00", b"CapEff:\t")}, processes.UNREADABLE),
        ({"threads": (b"Name:\tx\n",)}, processes.UNREADABLE),
    ],
)
def test_there_is_evidence_or_a_reason(changed: dict[str, object], state: str) -> None:
    """What cannot be read, or is somebody else's, is never an error, and never evidence."""
    read = processes.judged(files(**changed), processes.in_container(ID))
    assert read.state == state
    assert (read.evidence is not None) == (state == processes.READ)
    assert bool(read.why) == (state != processes.READ)


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
