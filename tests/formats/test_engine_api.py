"""The engine's answers: what is taken from them, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import engine_api

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE = {
    "Id": "sha256:abc",
    "Os": "Linux",
    "Architecture": "AMD64",
    "Variant": "v8",
    "Config": {
        "User": "app",
        "Entrypoint": ["/bin/app"],
        "Cmd": ["-x"],
        "Volumes": {"/data": {}, "/more": {}},
        "Env": ["PATH=/bin", "A=b=c"],
        "WorkingDir": "/srv",
    },
}
CONTAINER = {
    "Id": "c0de",
    "State": {"Status": "running", "Pid": 42, "ExitCode": 3, "StartedAt": "2026-01-01T00:00:00Z"},
    "Config": {"User": "3267", "Entrypoint": ["e"], "Cmd": ["c"], "Tty": True},
    "HostConfig": {
        "CapAdd": ["CAP_NET_RAW", "chown", "ALL"],
        "CapDrop": ["all"],
        "Privileged": True,
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "LogConfig": {"Type": "json-file", "Config": {}},
        "Runtime": "runc",
    },
    "Mounts": [
        {"Type": "volume", "Name": "v", "Destination": "/v"},
        {"Type": "bind", "Source": "/s", "Destination": "/b"},
    ],
}
READERS: list[Callable[[bytes], object]] = [
    engine_api.image_facts,
    engine_api.volume_facts,
    engine_api.container_record,
    engine_api.container_facts,
    engine_api.network_facts,
    engine_api.engine_facts,
    engine_api.engine_version,
]
NAMES = st.sampled_from(
    [
        *("Id", "Os", "Architecture", "Variant", "Config", "User", "Entrypoint", "Cmd", "Volumes"),
        *("Driver", "Options", "Labels", "CreatedAt", "State", "HostConfig", "Status", "Pid"),
        *("ExitCode", "CapAdd", "CapDrop", "RestartPolicy", "LogConfig", "Type", "Name"),
        *("Mounts", "Destination", "SecurityOptions", "DefaultRuntime", "RepoTags", "Healthcheck"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(0, 1) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=12),
    max_leaves=30,
)


def encoded(value: object) -> bytes:
    """Return JSON as an engine sends it."""
    return json.dumps(value).encode()


def test_an_image() -> None:
    """System and architecture are compared in lower case, like Go's names."""
    assert engine_api.image_facts(encoded(IMAGE)) == engine_api.ImageFacts(
        id="sha256:abc",
        os="linux",
        architecture="amd64",
        variant="v8",
        user="app",
        entrypoint=("/bin/app",),
        cmd=("-x",),
        volumes=("/data", "/more"),
        env=("PATH=/bin", "A=b=c"),
        working_dir="/srv",
    )


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"User": None, "Entrypoint": None, "Cmd": None, "Volumes": None},
        {"Entrypoint": ""},
    ],
)
def test_an_image_that_says_nothing(config: object) -> None:
    """Imported images have no configuration, and newer engines leave empty fields out."""
    facts = engine_api.image_facts(encoded({**IMAGE, "Config": config}))
    assert (facts.user, facts.entrypoint, facts.cmd, facts.volumes) == ("", (), (), ())


def test_a_single_word_where_a_list_is_meant() -> None:
    """As Podman and old images give it."""
    facts = engine_api.image_facts(encoded({**IMAGE, "Config": {"Entrypoint": "/x y"}}))
    assert facts.entrypoint == ("/x y",)


def test_a_volume() -> None:
    """Its driver, the names of its options, its labels."""
    body = {"Driver": "local", "Options": {"device": "/"}, "Labels": {"a": "b"}, "CreatedAt": "t"}
    assert engine_api.volume_facts(encoded(body)) == engine_api.VolumeFacts(
        "local", (("device", "/"),), (("a", "b"),), "t"
    )
    bare = engine_api.volume_facts(encoded({"Driver": "local", "Options": None, "Labels": None}))
    assert (bare.options, bare.labels, bare.created) == ((), (), "")


def test_a_container() -> None:
    """Capability names become canonical, whatever the client wrote."""
    record = engine_api.container_record(encoded(CONTAINER))
    assert record.cap_add == ("NET_RAW", "CHOWN", "ALL")
    assert record.cap_drop == ("ALL",)
    assert (record.pid, record.exit_code, record.status) == (42, 3, "running")
    assert record.privileged
    assert record.init
    assert record.restarts
    assert record.tty
    mounts = engine_api.container_facts(encoded(CONTAINER)).mounts
    assert [(one.kind, one.name, one.source, one.target) for one in mounts] == [
        ("volume", "v", "", "/v"),
        ("bind", "", "/s", "/b"),
    ]
    assert all(one.writable for one in mounts)


@pytest.mark.parametrize(
    ("policy", "restarts"),
    [("", False), ("no", False), ("always", True), ("on-failure", True), ("unless-stopped", True)],
)
def test_restart_policies(*, policy: str, restarts: bool) -> None:
    """`no` and nothing are the same."""
    host = {"RestartPolicy": {"Name": policy}}
    record = engine_api.container_record(encoded({**CONTAINER, "HostConfig": host}))
    assert record.restarts is restarts


@pytest.mark.parametrize("reader", READERS)
@given(value=VALUES)
def test_any_other_answer_is_a_value_error(
    reader: Callable[[bytes], object], value: object
) -> None:
    """An engine may be anything that listens on a socket."""
    try:
        reader(encoded(value))
    except ValueError:
        return


STATE = {"Status": "running", "Pid": 1, "ExitCode": 0}
ANYTHING = {
    "Id": "x",
    "Os": "linux",
    "Architecture": "amd64",
    "State": STATE,
    "Config": {},
    "HostConfig": {},
}


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (engine_api.image_facts, {"Config": {"User": 0}}),
        (engine_api.image_facts, {"Config": {"User": False}}),
        (engine_api.image_facts, {"Config": 0}),
        (engine_api.image_facts, {"Config": {"Volumes": []}}),
        (engine_api.image_facts, {"Config": {"Healthcheck": False}}),
        (engine_api.container_record, {"State": {**STATE, "Pid": True}}),
        (engine_api.container_record, {"HostConfig": {"Privileged": ""}}),
        (engine_api.container_record, {"HostConfig": {"Privileged": 0}}),
        (engine_api.container_facts, {"HostConfig": {"PidMode": False}}),
        (engine_api.container_facts, {"Mounts": ""}),
        (engine_api.engine_facts, {"CgroupVersion": 0}),
    ],
)
def test_nothing_of_the_wrong_type_is_taken_for_nothing(
    reader: Callable[[bytes], object], said: dict[str, object]
) -> None:
    """An image whose user is 0, or false, is not an image without a user, which is root's."""
    reader(encoded(ANYTHING))
    with pytest.raises(ValueError, match=r"^expected "):
        reader(encoded({**ANYTHING, **said}))


@pytest.mark.parametrize("listed", [5, True, "x", {"a": 1}, [1], [[]]])
def test_mounts_of_the_wrong_kind_are_a_value_error(listed: object) -> None:
    """Whatever kind it is."""
    with pytest.raises(ValueError, match=r"."):
        engine_api.container_facts(encoded({"Mounts": listed}))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"message":"No such image: x\\n"}', "No such image: x"),
        (b'{"error":"x"}', '{"error":"x"}'),
        (b"<html>", "<html>"),
        (b"\xff", "\ufffd"),
        (b"x" * 900, "x" * 200),
        (b"", ""),
        (b'{"message":5}', '{"message":5}'),
    ],
)
def test_error_messages(body: bytes, text: str) -> None:
    """The engine's own words, or what can be shown of them."""
    assert engine_api.error_message(body) == text


@pytest.mark.parametrize(
    ("options", "seccomp", "userns", "no_new_privileges"),
    [
        (["name=seccomp,profile=default"], "default", False, False),
        (["name=seccomp,profile=unconfined"], "", False, False),
        ([], "", False, False),
        (["name=apparmor", "name=seccomp,profile=builtin", "name=userns"], "builtin", True, False),
        (["name=no-new-privileges", "name=rootless"], "", True, True),
    ],
)
def test_what_an_engine_says_of_itself(
    *, options: list[str], seccomp: str, userns: bool, no_new_privileges: bool
) -> None:
    """What it does by default, and whether users are mapped."""
    said = {"SecurityOptions": options, "DefaultRuntime": "runc", "LoggingDriver": "local"}
    facts = engine_api.engine_facts(encoded(said))
    assert (facts.runtime, facts.log_driver, facts.cgroup_version) == ("runc", "local", "1")
    assert (facts.seccomp, facts.userns) == (seccomp, userns)
    assert facts.no_new_privileges is no_new_privileges


def test_an_engine_says_which_it_is() -> None:
    """What it does not say is empty; what is no answer is an error."""
    told = engine_api.engine_identity(
        b'{"ID":"A:B","Name":"host","ServerVersion":"20.10.24","DefaultRuntime":"runc"}'
    )
    assert told == {
        "id": "A:B",
        "name": "host",
        "version": "20.10.24",
        "runtime": "runc",
        "system": "",
        "kernel": "",
    }
    for wrong in (b"", b"[]", b'{"ID":1}'):
        with pytest.raises(ValueError, match=r"\w"):
            engine_api.engine_identity(wrong)
