"""/proc as bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from saferun.host.kernel import NAMESPACES, ProcessFiles, children, namespace, pids, read

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
    files = ProcessFiles(sleeper.pid).complete()
    assert files.status is not None
    assert f"\nPid:\t{sleeper.pid}\n".encode() in files.status
    assert files.cgroup is not None
    assert files.uid_map
    for stat in (files.stat_before, files.stat_after):
        assert stat is not None
        assert stat.startswith(b"%d (" % sleeper.pid)


def test_a_process_that_is_not_there() -> None:
    """Nothing, rather than an error."""
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    files = ProcessFiles(child.pid).complete()
    assert (files.stat_before, files.status, files.stat_after, files.cgroup) == (None,) * 4
    assert children(child.pid) == ()


def test_a_zombie_ends_nothing() -> None:
    """Between its end and its burial a process has a status, but no memory."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert ProcessFiles(child).complete().status
    finally:
        os.waitpid(child, 0)


#: As with a limit on open files that is reached.
WITHOUT_ROOM = """
import os, resource
from saferun.errors import KernelError
from saferun.host import kernel
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
pid = os.getpid()
for ask in (kernel.pids, lambda: kernel.children(pid), lambda: kernel.read(pid, "status"),
            lambda: kernel.ProcessFiles(pid)):
    try:
        print("answer", ask())
    except KernelError as error:
        print(error)
print(kernel.mounts())
"""


def test_no_room_to_look_is_no_answer() -> None:
    """RLIMIT_NOFILE: nobody is said to be gone because he could not be looked at."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM], capture_output=True, check=True, text=True
    )
    assert done.stdout.splitlines() == ["/proc cannot be read: too many open files"] * 4 + ["b''"]


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


def test_every_process_is_listed(sleeper: subprocess.Popen[bytes]) -> None:
    """Each once, and nothing that is no process."""
    listed = pids()
    assert {os.getpid(), sleeper.pid} <= set(listed)
    assert len(set(listed)) == len(listed)


def test_namespaces_tell_who_is_where(sleeper: subprocess.Popen[bytes]) -> None:
    """A child is where its parent is, as long as nobody moves it."""
    for kind in NAMESPACES:
        assert namespace(sleeper.pid, kind) == os.readlink(f"/proc/self/ns/{kind}")
    files = ProcessFiles(sleeper.pid).complete(namespaces=True)
    assert files.namespaces == tuple(os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES)


def test_a_process_that_has_ended_is_nowhere() -> None:
    """Which is not the same as a place that may not be known."""
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert namespace(child.pid, "pid") == ""


def test_every_thread_is_read() -> None:
    """Each has capabilities of its own."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        files = ProcessFiles(os.getpid()).complete()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert len(files.threads) >= 2
    for thread in threads:
        assert any(f"\nPid:\t{thread.native_id}\n".encode() in one for one in files.threads)
