"""A process that is read from /proc: evidence, or a word why there is none."""

from __future__ import annotations

import pytest

from saferun import processes
from saferun.host.kernel import ProcessFiles
from tests.formats.test_proc_status import ID, IDENTITY, status

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
