"""Whose a process is, where the kernel does not tell: not seen is not the same as not there."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from saferun import members, processes
from saferun.host import kernel
from saferun.members import BLIND, Members, Wanted
from tests.formats.test_proc_status import ID

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = Wanted(os.getpid())


def failing(
    monkeypatch: pytest.MonkeyPatch, call: str, number: int, at: Callable[[str], bool]
) -> None:
    """Have a call of the kernel end with an error, where a path is `at` it."""
    true = getattr(os, call)

    def fail(path: str, *more: object, **named: object) -> object:
        if at(str(path)):
            raise OSError(number, os.strerror(number))
        return true(path, *more, **named)

    monkeypatch.setattr(os, call, fail)


def seen(monkeypatch: pytest.MonkeyPatch) -> Members:
    """Return what is seen of a container whose only process is this one, in its own namespaces."""
    cgroup = f"0::/docker/{ID}\n".encode()
    read, namespace = kernel.read, kernel.namespace

    def told(pid: int, name: str) -> bytes | None:
        said = read(pid, name)
        return cgroup if name == "cgroup" and pid == FIRST.pid else said

    def place(pid: int, kind: str) -> str | None:
        return f"{kind}:[1]" if pid == FIRST.pid else namespace(pid, kind)

    monkeypatch.setattr(kernel, "read", told)
    monkeypatch.setattr(kernel, "namespace", place)
    return members.of({ID: FIRST})[ID]


def test_whatever_can_be_seen_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests below take something away from this."""
    found = seen(monkeypatch)
    assert [each.role for each in found.processes] == ["first"]
    assert [reason for reason in found.unverified if reason != BLIND] == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("listdir", "/proc"),
        ("open", "/proc/{other}/cgroup"),
        ("open", "/proc/{other}/stat"),
        ("open", "/proc/{its}/status"),
        ("open", "/proc/{its}/uid_map"),
        ("stat", "/proc/{its}/task"),
    ],
)
def test_a_process_that_there_was_no_room_to_see_is_not_gone(
    monkeypatch: pytest.MonkeyPatch, call: str, what: str, number: int
) -> None:
    """Whoever it is, it may be the container's: unverified, and why."""
    path = what.format(its=FIRST.pid, other=os.getppid())
    failing(monkeypatch, call, number, path.__eq__)
    why = f"/proc cannot be read: {os.strerror(number).lower()}"
    assert why in seen(monkeypatch).unverified


def test_where_it_is_not_known_how_proc_is_mounted_there_may_be_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """hidepid= would hide them."""
    failing(monkeypatch, "open", errno.EMFILE, "/proc/self/mountinfo".__eq__)
    (why,) = (one for one in seen(monkeypatch).unverified if one != BLIND)
    assert "how /proc is mounted" in why


def test_a_process_whose_namespaces_may_not_be_read_may_have_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the container's own may be, because its user is the one who asks."""
    parents = f"/proc/{os.getppid()}/ns/"
    failing(monkeypatch, "readlink", errno.EACCES, lambda path: path.startswith(parents))
    assert BLIND in seen(monkeypatch).unverified


def test_the_hosts_first_process_has_joined_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold more than whoever asks, and then not even root is told where it is."""
    monkeypatch.setattr(kernel, "pids", lambda: (1, FIRST.pid))
    failing(monkeypatch, "readlink", errno.EACCES, lambda path: path.startswith("/proc/1/ns/"))
    assert seen(monkeypatch).unverified == ()


def test_a_look_without_room_is_no_evidence_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is not read could hold anything."""
    failing(monkeypatch, "stat", errno.EMFILE, f"/proc/{os.getpid()}/task".__eq__)
    reading = processes.look(os.getpid(), lambda _files: True)
    assert (reading.state, reading.evidence) == (processes.UNREADABLE, None)
    assert reading.why == "/proc cannot be read: too many open files"
