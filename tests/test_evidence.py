"""The engine's record of a container against what was asked for."""

from __future__ import annotations

import json

import pytest

from saferun import processes
from saferun.errors import KernelError
from saferun.evidence import contradictions, look
from saferun.formats.engine_api import ContainerRecord, container_record
from saferun.host import kernel
from saferun.judge.decision import Masks
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import Evidence
from saferun.judged import Prepared


def recorded(
    add: tuple[str, ...] = (), drop: tuple[str, ...] = ("ALL",), *, privileged: bool = False
) -> ContainerRecord:
    """A record with these options."""
    host = {"CapAdd": add, "CapDrop": drop, "Privileged": privileged}
    state = {"Status": "running", "Pid": 1, "ExitCode": 0}
    shape = {"Id": "c" * 64, "State": state, "Config": {"User": "5"}, "HostConfig": host}
    return container_record(json.dumps(shape).encode())


def asked(*add: str, drop: tuple[str, ...] = ("ALL",), privileged: bool = False) -> Prepared:
    """What was asked for."""
    spec = ContainerSpec(user="5", cap_add=add, cap_drop=drop, privileged=privileged)
    return Prepared((), spec, ())


def test_docker_records_what_was_asked_for() -> None:
    """Each difference is named, in either direction."""
    assert contradictions(recorded(("CAP_CHOWN",)), asked("CHOWN")) == ()
    assert "cap-add is CHOWN, not empty" in contradictions(recorded(("CHOWN",)), asked())[0]
    assert "cap-drop is empty, not ALL" in contradictions(recorded(drop=()), asked())[0]


def test_the_user_and_the_privileges_are_held_against_what_was_asked_for() -> None:
    """Both decide what the drop is worth."""
    somebody = ContainerSpec(user="0", cap_drop=("ALL",))
    assert "user is 5, not 0" in contradictions(recorded(), Prepared((), somebody, ()))[0]
    assert "privileged is True, not False" in contradictions(recorded(privileged=True), asked())[0]


@pytest.mark.parametrize("cmd", [(), ("sh",), ("--", "sh", "-c")])
def test_the_recorded_words_have_to_be_the_gates(cmd: tuple[str, ...]) -> None:
    """A container that starts with anything else was not checked from inside."""
    words = ("/.saferun/x/gate-amd64", "--", "sh")
    gated = asked().replace(words=words)
    record = recorded().replace(entrypoint=words[:1])
    assert contradictions(record.replace(cmd=words[1:]), gated) == ()
    (said,) = contradictions(record.replace(cmd=cmd), gated)
    assert "command is something else" in said


@pytest.mark.parametrize(
    ("record", "prepared", "agree"),
    [
        # Dropping everything is recorded as the defaults by name.
        (recorded(drop=("CAP_CHOWN", "CAP_KILL")), asked(), True),
        # A default that was added again is in neither list.
        (recorded(drop=("CAP_KILL",)), asked("CHOWN"), True),
        (recorded(("CAP_NET_RAW",), ("CAP_KILL",)), asked("CHOWN", "NET_RAW"), True),
        (recorded(("CAP_SYS_ADMIN",), ("CAP_KILL",)), asked("CHOWN"), False),
        (recorded(("CAP_SYS_ADMIN",), ()), asked("ALL", drop=()), True),
        (recorded(("CAP_SYS_ADMIN",), (), privileged=True), asked(privileged=True), True),
        (recorded((), (), privileged=True), asked(), False),
    ],
)
def test_podman_records_how_it_differs_from_its_defaults(
    record: ContainerRecord, prepared: Prepared, *, agree: bool
) -> None:
    """Nothing that was not asked for may be among what was added."""
    assert (contradictions(record, prepared, podman=True) == ()) is agree


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (processes.FOREIGN, "unverified"),
        (processes.UNREADABLE, "unverified"),
        (processes.CHANGED, "unverified"),
        (processes.EARLY, "unverified"),
        (processes.GONE, "confirmed"),
    ],
)
def test_one_process_that_cannot_be_read_leaves_the_container_unverified(
    monkeypatch: pytest.MonkeyPatch, state: processes.State, outcome: str
) -> None:
    """However innocent the others are; a child that has ended meanwhile is none any more."""
    read = processes.Reading(
        1, processes.READ, Evidence(1, (5,) * 4, (0,) * 5, no_new_privileges=False), "", b"sh"
    )
    unread = processes.Reading(2, state, why="why")
    monkeypatch.setattr(kernel, "children", lambda pid: [2] if pid == 1 else [])
    monkeypatch.setattr(processes, "look", lambda pid, _: read if pid == 1 else unread)
    verdict, _ = look(recorded(), Masks(0, 0))
    assert verdict.outcome == outcome


def test_children_that_there_was_no_room_to_list_leave_the_container_unverified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Too many open files: with the reason, and not as a container of one process."""

    def listed(_pid: int) -> tuple[int, ...]:
        raise KernelError("/proc cannot be read: too many open files")

    read = processes.Reading(
        1, processes.READ, Evidence(1, (5,) * 4, (0,) * 5, no_new_privileges=False), "", b"sh"
    )
    monkeypatch.setattr(kernel, "children", listed)
    monkeypatch.setattr(processes, "look", lambda _pid, _proof: read)
    verdict, stage = look(recorded(), Masks(0, 0))
    assert (verdict.outcome, stage) == ("unverified", "invisible")
    assert verdict.reasons == ("/proc cannot be read: too many open files",)
