"""What engines say of what goes on, read: lists, records, execs, events, surroundings."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import engine_activity
from saferun.formats.engine_activity import Event, Listed, event, executed, listed, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "0123456789abcdef" * 4


def body(value: object) -> bytes:
    """An answer."""
    return json.dumps(value).encode()


def test_a_list_of_containers() -> None:
    """Ids and names without their slash; links have further names."""
    answer = [{"Id": ID, "Names": ["/web", "/other/alias"]}, {"Id": "x", "Names": None}]
    assert listed(body(answer)) == (Listed(ID, ("web", "other/alias")), Listed("x", ()))
    assert listed(b"[]") == ()


def test_a_record() -> None:
    """What an audit joins with the kernel's word."""
    found = recorded(
        body(
            {
                "Id": ID,
                "Name": "/web",
                "Image": "sha256:1",
                "State": {"Pid": 7},
                "Config": {"Image": "busybox", "Entrypoint": ["a"], "Cmd": ["b"]},
                "HostConfig": {"Runtime": "runc", "PidMode": "host"},
                "ExecIDs": ["e"],
            }
        )
    )
    assert (found.id, found.name, found.pid, found.image) == (ID, "web", 7, "busybox")
    assert (found.entrypoint, found.cmd, found.execs) == (("a",), ("b",), ("e",))
    assert (found.runtime, found.pid_mode, found.image_id) == ("runc", "host", "sha256:1")
    assert found.body["Id"] == ID


@pytest.mark.parametrize(("running", "pid"), [(True, 7), (False, 0)], ids=["running", "ended"])
def test_an_exec(*, running: bool, pid: int) -> None:
    """After its end its process id is anybody's."""
    process = {"entrypoint": "sh", "arguments": ["-c", "id; id"], "privileged": True}
    answer = {"ID": "e", "ContainerID": ID, "Running": running, "Pid": 7, "ProcessConfig": process}
    found = executed(body(answer))
    assert (found.id, found.container, found.pid, found.privileged) == ("e", ID, pid, True)
    assert found.command == "sh -c 'id; id'"
    del process["privileged"]
    assert not executed(body(answer)).privileged


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"Type": "container", "Action": "start", "Actor": {"ID": "c"}}, Event("c", "start")),
        (
            {
                "Type": "container",
                "Action": "exec_start: sh -c start",
                "Actor": {"ID": "c", "Attributes": {"execID": "e"}},
            },
            Event("c", "exec_start", "e"),
        ),
        ({"status": "die", "id": "c"}, Event("c", "die")),
        ({"Type": "container", "Action": "top", "Actor": {"ID": "c"}}, None),
        ({"Type": "container", "Action": "health_status: healthy", "Actor": {"ID": "c"}}, None),
        ({"Type": "image", "Action": "start", "Actor": {"ID": "c"}}, None),
    ],
)
def test_an_event(told: object, found: Event | None) -> None:
    """Those that change who runs with what."""
    assert event(body(told)) == found


@pytest.mark.parametrize(
    ("runtime", "shares"),
    [
        ("", True),
        ("runc", True),
        ("mine", True),
        ("io.containerd.runc.v2", True),
        ("shim", True),
        ("runsc", False),
        ("kata", False),
        ("unheard-of", False),
    ],
)
def test_which_runtimes_share_the_kernel(runtime: str, *, shares: bool) -> None:
    """What nobody knows is not taken for runc."""
    around = engine_activity.surroundings(
        body(
            {
                "ServerVersion": "28.0",
                "KernelVersion": "6.1",
                "DefaultRuntime": "runc",
                "Runtimes": {
                    "runc": {"path": "runc"},
                    "mine": {"path": "/opt/bin/runc"},
                    "runsc": {"path": "/usr/bin/runsc"},
                    "shim": {"runtimeType": "io.containerd.runc.v2"},
                    "kata": {"runtimeType": "io.containerd.kata.v2"},
                },
                "SecurityOptions": ["name=seccomp,profile=default"],
            }
        )
    )
    assert around.shares_kernel(runtime) is shares
    assert (around.version, around.kernel, around.confined) == ("28.0", "6.1", False)


@pytest.mark.parametrize("module", ["apparmor", "selinux"])
def test_whether_a_security_module_is_at_work(module: str) -> None:
    """As /info has it."""
    assert engine_activity.surroundings(body({"SecurityOptions": [f"name={module}"]})).confined


NAMES = st.sampled_from(["Id", "Names", "State", "Config", "ExecIDs", "Action", "Type", "Actor"])
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
).map(body)


@pytest.mark.parametrize("read", [listed, recorded, executed, event, engine_activity.surroundings])
@given(answer=st.binary() | ANSWERS)
def test_rubbish_is_an_error_and_nothing_else(
    read: Callable[[bytes], object], answer: bytes
) -> None:
    """Whatever engines say."""
    with suppress(ValueError):
        read(answer)


@pytest.mark.parametrize(
    ("dropped", "bounding", "drop", "add"),
    [
        # --cap-drop=ALL, and the same with one of the defaults added again.
        (["CHOWN", "KILL"], None, ["ALL"], []),
        (["CHOWN"], ["CAP_KILL"], ["ALL"], ["CAP_KILL"]),
        # Nothing was dropped: whatever is in the bounding set, nobody asked for less.
        ([], ["CAP_CHOWN", "CAP_KILL"], [], []),
        (None, ["CAP_CHOWN", "CAP_KILL"], None, []),
    ],
)
def test_podmans_record_in_dockers_words(
    dropped: list[str] | None, bounding: list[str] | None, drop: object, add: list[str]
) -> None:
    """What came of the drop counts, and the runtime that it is instead of "oci"."""
    host = {"CapAdd": [], "CapDrop": dropped, "Runtime": "oci"}
    shape = {"Id": "c" * 64, "State": {"Pid": 1}, "Config": {}, "HostConfig": host}
    record = engine_activity.recorded(json.dumps(shape).encode())
    own = json.dumps({"OCIRuntime": "crun", "BoundingCaps": bounding}).encode()
    found = engine_activity.as_docker_would(record, own)
    assert (found.body["HostConfig"]["CapDrop"], found.body["HostConfig"]["CapAdd"]) == (drop, add)
    assert (found.runtime, found.body["HostConfig"]["Runtime"]) == ("crun", "crun")
    assert record.body["HostConfig"] == host
    assert engine_activity.as_docker_would(record, b"{}").runtime == "oci"
    with pytest.raises(ValueError):  # noqa: PT011 - the reader's, whatever it says
        engine_activity.as_docker_would(record, b"[]")
