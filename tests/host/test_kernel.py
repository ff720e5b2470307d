"""/proc as bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from saferun.host.kernel import ProcessFiles, children, read

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A child that waits for us."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.communicate()


def test_a_process_is_read_whole(sleeper: subprocess.Popen[bytes]) -> None:
    """Every file, and its identity before and after."""
    files = ProcessFiles(sleeper.pid)
    assert files.status is not None
    assert f"\nPid:\t{sleeper.pid}\n".encode() in files.status
    assert files.comm
    assert files.cgroup is not None
    assert files.uid_map
    for stat in (files.stat_before, files.stat_after):
        assert stat is not None
        assert stat.startswith(b"%d (" % sleeper.pid)


def test_a_process_that_is_not_there() -> None:
    """Nothing, rather than an error."""
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    files = ProcessFiles(child.pid)
    assert (files.stat_before, files.status, files.stat_after, files.cgroup) == (None,) * 4
    assert children(child.pid) == ()


def test_a_zombie_ends_nothing() -> None:
    """Between its end and its burial a process has a status, but no memory."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert ProcessFiles(child).status
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("name", ["nonsense", "mem", "task"])
def test_what_cannot_be_read_is_nothing(name: str) -> None:
    """Missing files, unreadable ones and directories."""
    assert read(os.getpid(), name) is None


def test_long_files_are_read_to_the_end() -> None:
    """The kernel gives them in pieces."""
    read_as_one = read(os.getpid(), "smaps")
    assert read_as_one is not None
    assert read_as_one.endswith(b"\n")
    assert len(read_as_one) > 1 << 14


def test_children_are_listed(sleeper: subprocess.Popen[bytes]) -> None:
    """Where the kernel tells (CONFIG_PROC_CHILDREN)."""
    listed = children(os.getpid())
    assert sleeper.pid in listed or not os.path.exists(f"/proc/self/task/{os.getpid()}/children")
