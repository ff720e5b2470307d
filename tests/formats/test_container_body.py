"""Create bodies and inspect answers become the specification that their command line has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import container_body, create_body, seccomp_profile
from saferun.formats.engine_api import ImageFacts, VolumeFacts
from saferun.formats.facts import Facts
from saferun.judge.spec import UNLIMITED, ContainerSpec, Device, Mount, Port
from tests.judging import CONTAINERS, ENGINE, VOLUMES

IMAGE = ImageFacts(
    "sha256:1",
    "linux",
    "amd64",
    user="app",
    volumes=("/data",),
    exposed=("80/tcp",),
    env=("PATH=/bin",),
    labels=(("a", "b"),),
    health_check=True,
    health_words=("CMD", "true"),
    working_dir="/work",
    stop_signal="SIGINT",
    entrypoint=("/start",),
)
FACTS = Facts(IMAGE, containers=CONTAINERS, volumes=VOLUMES, engine=ENGINE)
#: A file system in memory whose files can be executed.
EXEC = {"Options": [["exec"]]}
GATE = "saferun-gate-0123456789ab"


def asked(body: dict[str, Any] | None = None, **host: Any) -> ContainerSpec:  # noqa: ANN401 - JSON
    """Read a create body with this HostConfig."""
    return container_body.to_spec({"Image": "img", **(body or {}), "HostConfig": host}, FACTS)


def there(config: dict[str, Any] | None = None, **parts: Any) -> ContainerSpec:  # noqa: ANN401 - JSON
    """Read an inspect answer with this Config, and these parts beside it."""
    answer = {"Id": "c0de" * 16, "Image": "sha256:1", "Config": {"Image": "img", **(config or {})}}
    return container_body.to_spec({**answer, **parts}, FACTS)


def test_silence_is_the_engines_default() -> None:
    """A body that says nothing, or only what the engine would do, has no flags."""
    spec = asked()
    assert spec.flags == ()
    assert (spec.user, spec.networks, spec.pid) == ("app", ("bridge",), ("private",))
    silent: dict[str, Any] = {
        "NetworkMode": "default",
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "ShmSize": 64 << 20,
        "PidsLimit": -1,
        "MemorySwappiness": -1,
        "IpcMode": "private",
        "CgroupnsMode": "host",
        "Runtime": "runc",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "Privileged": False,
        "OomKillDisable": False,
        "MaskedPaths": None,
    }
    assert asked(**silent) == spec


def test_what_an_image_says_is_not_asked_for() -> None:
    """An inspect answer repeats the image; nobody asked for that."""
    its = {
        "User": "app",
        "Env": ["PATH=/bin"],
        "Labels": {"a": "b"},
        "Volumes": {"/data": {}},
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"]},
        "WorkingDir": "/work",
        "StopSignal": "SIGINT",
        "Entrypoint": ["/start"],
        "Hostname": "c0dec0dec0de",
    }
    its_volume = {
        "Type": "volume",
        "Name": "f" * 64,
        "Source": "/var/lib/x",
        "Destination": "/data",
        "Driver": "local",
        "RW": True,
    }
    spec = there(its, Mounts=[its_volume])
    assert (spec.flags, spec.mounts) == ((), ())
    assert there({**its, "Env": ["PATH=/bin", "A=1"], "User": "0"}).flags == ("user", "env")


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"CapAdd": ["CAP_SYS_ADMIN", "chown"]}, "cap_add", ("SYS_ADMIN", "CHOWN")),
        ({"CapDrop": "ALL"}, "cap_drop", ("ALL",)),
        ({"Privileged": True}, "privileged", True),
        ({"ReadonlyRootfs": True}, "read_only", True),
        ({"PidMode": "container:pidhost"}, "pid", ("container:pidhost", "host")),
        ({"PidMode": "container:gone"}, "pid", ("container:gone", "host")),
        ({"NetworkMode": "container:nethost"}, "networks", ("container:nethost", "host")),
        ({"IpcMode": "shareable"}, "ipc", ("shareable",)),
        ({"UTSMode": "host"}, "uts", ("host",)),
        ({"UsernsMode": "host"}, "userns", ("host",)),
        ({"CgroupnsMode": "private"}, "cgroupns", ("private",)),
        ({"Memory": 1 << 20}, "memory_swap", 2 << 20),
        ({"Memory": 1 << 20, "MemorySwap": -1}, "memory_swap", UNLIMITED),
        ({"Memory": -1}, "memory", UNLIMITED),
        ({"NanoCpus": 1_500_000_001}, "cpus", 1_500_000_001),
        ({"CpuQuota": 50_000}, "cpus", 500_000_000),
        ({"PidsLimit": -1}, "pids_limit", None),
        ({"PidsLimit": 7}, "pids_limit", 7),
        ({"ShmSize": 1}, "shm_size", 1),
        ({"OomScoreAdj": -9}, "oom_score_adj", -9),
        ({"OomKillDisable": True}, "oom_kill_disable", True),
        (
            {"Ulimits": [{"Name": "core", "Soft": 0, "Hard": -1}]},
            "ulimits",
            (("core", 0, UNLIMITED),),
        ),
        (
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
            "restart",
            ("on-failure", 3),
        ),
        ({"LogConfig": {"Type": "none"}}, "log_driver", "none"),
        ({"LogConfig": {"Config": {"tag": "a=b"}}}, "log_opts", (("tag", "a=b"),)),
        (
            {
                "Devices": [
                    {"PathOnHost": "/dev/a/../sda", "CgroupPermissions": "r"},
                    {"PathOnHost": "vendor/gpu=a", "PathInContainer": "x"},
                ]
            },
            "devices",
            (Device("/", "r", exact=False), Device("/", "rwm", exact=False)),
        ),
        ({"DeviceRequests": [{"Capabilities": [["gpu"]], "Count": -1}]}, "gpus", True),
        ({"DeviceCgroupRules": ["b *:* rwm"]}, "device_rules", ("b *:* rwm",)),
        ({"Sysctls": {"kernel.msgmax": "1"}}, "sysctls", (("kernel.msgmax", "1"),)),
        ({"CgroupParent": "/x"}, "cgroup_parent", "/x"),
        ({"Runtime": "runsc"}, "runtime", "runsc"),
        ({"Annotations": {"a": "b=c"}}, "annotations", (("a", "b=c"),)),
        ({"ExtraHosts": ["db:[::1]"]}, "add_hosts", (("db", "::1"),)),
        ({"SecurityOpt": ["no-new-privileges"]}, "security_opt", ("no-new-privileges=true",)),
        ({"SecurityOpt": ["disable"]}, "security_opt", ("label=disable",)),
        ({"SecurityOpt": ["label=disable"], "PidMode": "host"}, "security_opt", ()),
        ({"SecurityOpt": ["seccomp=profile.json"]}, "security_opt", ("seccomp=unknown",)),
        ({"SecurityOpt": ["seccomp:unconfined"]}, "seccomp", False),
        ({"MaskedPaths": []}, "security_opt", ("systempaths=unconfined",)),
        ({"ReadonlyPaths": ["/proc/sys"]}, "security_opt", ("systempaths=unconfined",)),
        ({"MaskedPaths": [*container_body.MASKED, "/proc/more"]}, "security_opt", ()),
        ({"VolumesFrom": ["etc:ro"]}, "volumes_from", ("etc",)),
        (
            {"PortBindings": {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}]}},
            "ports",
            (Port("::1", 8080, 8080),),
        ),
        (
            {"PortBindings": {"53/udp": []}},
            "ports",
            (Port("0.0.0.0", 0, 0, "udp"), Port("::", 0, 0, "udp")),
        ),
    ],
)
def test_fields_are_read_as_the_engine_reads_them(
    body: dict[str, Any], field: str, value: object
) -> None:
    """Every field comes out as the flag that says the same would."""
    assert getattr(asked(**body), field) == value


@pytest.mark.parametrize(
    ("body", "mount"),
    [
        ({"Binds": ["/etc/../srv:/x:ro"]}, Mount("bind", "/srv", "/x", read_only=True)),
        ({"Binds": ["etcvol:/x"]}, Mount("bind", "/etc", "/x", driver="local")),
        (
            {"Mounts": [{"Type": "bind", "Source": '/a,"b', "Target": "/x"}]},
            Mount("bind", '/a,"b', "/x"),
        ),
        (
            {
                "Mounts": [
                    {"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Options": [["exec"]]}}
                ]
            },
            Mount("tmpfs", "", "/x", options=(("exec", ""),)),
        ),
        ({"Tmpfs": {"/x": "ro"}}, Mount("tmpfs", "", "/x", read_only=True)),
    ],
)
def test_mounts_are_what_they_lead_to(body: dict[str, Any], mount: Mount) -> None:
    """Whichever way a mount is asked for, and whatever a volume was made as."""
    (found,) = asked(**body).mounts
    assert found.replace(asked="", exact=True, options=mount.options) == mount
    assert set(mount.options) <= set(found.options)


def test_a_container_that_is_joined_goes_by_its_name() -> None:
    """The engine's record has its id, and laws have names."""
    facts = FACTS.replace(containers={"a" * 64: CONTAINERS["pidhost"]})
    body = {"Image": "img", "HostConfig": {"PidMode": f"container:{'a' * 64}"}}
    assert container_body.to_spec(body, facts).pid == ("container:pidhost", "host")


def test_networks_of_the_endpoints_count_as_well() -> None:
    """Of HostConfig, of the request's endpoints, and of those that it has."""
    endpoints: dict[str, Any] = {"EndpointsConfig": {"corp": {}}}
    assert asked({"NetworkingConfig": endpoints}).networks == ("bridge", "corp")
    settings: dict[str, Any] = {"Networks": {"corp": {}, "host": {}}}
    assert there(NetworkSettings=settings).networks == ("bridge", "corp", "host")


def test_kernel_parameters_of_an_interface_are_kernel_parameters() -> None:
    """A driver option of an endpoint sets them past HostConfig.Sysctls."""
    option = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.forwarding=1"}
    spec = asked({"NetworkingConfig": {"EndpointsConfig": {"corp": {"DriverOpts": option}}}})
    assert spec.sysctls == (("net.ipv4.conf.IFNAME.forwarding", "1"),)


def test_a_profile_is_known_by_what_it_says() -> None:
    """The identity is that of a file of the same content, however it is laid out."""
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}
    identity = seccomp_profile.identity(json.dumps(profile, indent=8).encode())
    spec = asked(SecurityOpt=[f"seccomp={json.dumps(profile)}"])
    assert spec.security_opt == (f"seccomp={identity}",)
    assert asked(SecurityOpt=[f"seccomp={identity}"]).security_opt == ("seccomp=unknown",)


def test_mounts_taken_over_are_known_by_what_came_of_them() -> None:
    """The container that they came from may be gone."""
    record = {"Type": "bind", "Source": "/etc", "Destination": "/e", "RW": False}
    spec = there(HostConfig={"VolumesFrom": ["gone"]}, Mounts=[record])
    assert spec.volumes_from == ("gone",)
    assert spec.flags == ("volumes-from",)
    (mount,) = spec.mounts
    assert (mount.kind, mount.source, mount.target, mount.read_only) == ("bind", "/etc", "/e", True)


def test_the_gates_own_mount_is_nobodys() -> None:
    """Only where it can do nothing but bring the gate."""
    gate = {"Type": "volume", "Source": GATE, "Target": "/.saferun/abc", "ReadOnly": True}
    assert asked(Mounts=[gate]).mounts == ()
    assert asked(Mounts=[gate]).flags == ()
    for change in ({"ReadOnly": False}, {"Target": "/gate"}, {"Target": "/.saferun/a/b"}):
        assert len(asked(Mounts=[{**gate, **change}]).mounts) == 1


def test_a_directory_of_the_host_that_calls_itself_the_gates_volume_is_one() -> None:
    """Whoever may make volumes can give them any name."""
    gate = {"Type": "volume", "Source": GATE, "Target": "/.saferun/abc", "ReadOnly": True}
    options = (("type", "none"), ("o", "bind"), ("device", "/"))
    disguised = FACTS.replace(volumes={GATE: VolumeFacts("local", options, (), "")})
    body = {"Image": "img", "HostConfig": {"Mounts": [gate]}}
    (mount,) = container_body.to_spec(body, disguised).mounts
    assert (mount.kind, mount.source) == ("bind", "/")
    # Nor is it the gate's where its driver brings it from somewhere else.
    remote = VolumeFacts(
        "local", (("type", "nfs"), ("o", "addr=10.0.0.1"), ("device", ":/e")), (), ""
    )
    for volume in (remote, VolumeFacts("plugin", (), (), "")):
        elsewhere = FACTS.replace(volumes={GATE: volume})
        assert len(container_body.to_spec(body, elsewhere).mounts) == 1


@pytest.mark.parametrize(
    "host",
    [
        {"Memory": "1g"},
        {"Memory": True},
        {"Memory": 1.5},
        {"Privileged": "true"},
        {"CapAdd": {"ALL": True}},
        {"CapAdd": [1]},
        {"Binds": "a:b", "Mounts": {}},
        {"Mounts": ["/a:/b"]},
        {"Mounts": [{"Type": "bind", "Source": "/a\n", "Target": "/b"}]},
        {"Sysctls": ["a=b"]},
        {"Sysctls": {"a=b": "c"}},
        {"NetworkMode": "name=host"},
        {"Devices": [{"PathOnHost": "/dev/a:/dev/b"}]},
        {"Tmpfs": {"/a:/etc": ""}},
        {"PortBindings": {"80:80": [{}]}},
        {"PortBindings": {"80": [{"HostPort": "1:2"}]}},
        {"PortBindings": {"80": [{"HostIp": "a=b"}]}},
    ],
)
def test_what_cannot_be_read_is_refused(host: dict[str, Any]) -> None:
    """A value of the wrong type, or one that a flag would say otherwise."""
    with pytest.raises(ValueError, match=r"^[A-Z][A-Za-z.]+:"):
        asked(**host)


@pytest.mark.parametrize(
    "body",
    [
        {"Image": "img", "Config": {"User": "1"}},
        {"Id": "1", "Config": {"Image": "img", "User": "1"}, "User": "0"},
        {"Id": "1", "Config": {"Image": "img"}, "Cmd": ["x"]},
        {"Image": ""},
        {"User": "1"},
    ],
)
def test_a_body_that_could_be_either_is_neither(body: dict[str, Any]) -> None:
    """The engine passes over Config in a request, so nothing may be judged by it."""
    with pytest.raises(ValueError, match=r"image|neither"):
        container_body.image_of(body)


def test_an_inspect_answer_is_looked_up_by_its_image_id() -> None:
    """The name that it was asked for by may have moved on."""
    answer = {"Id": "1", "Image": "sha256:1", "Config": {"Image": "img:1"}}
    assert container_body.image_of(answer) == container_body.Reference("img:1", "sha256:1")


def test_fields_that_nobody_knows_are_named() -> None:
    """Only where they say something, and not those of what has become of a container."""
    host = {"Zork": 1, "Zork2": False, "Mounts": [{"Sub": {"a": 1}}], "Cgroup": "container:x"}
    body = {"Image": "img", "More": "x", "HostConfig": host}
    named = ["More", "HostConfig.Zork", "HostConfig.Mounts.Sub", "HostConfig.Cgroup"]
    assert list(create_body.unknown(body)) == named
    answer = {"Id": "1", "Config": {"Image": "img"}, "State": {"New": 1}, "HostConfig": host}
    assert "HostConfig.Zork" in list(create_body.unknown(answer))
    assert "State" not in "".join(create_body.unknown(answer))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(create_body.BODY["HostConfig"] or {})), JSON),
    st.dictionaries(st.sampled_from(sorted(create_body.CONFIG)), JSON),
)
def test_reading_is_total(host: dict[str, Any], config: dict[str, Any]) -> None:
    """Whatever stands in a body, it is read or refused with ValueError."""
    try:
        spec = container_body.to_spec({**config, "Image": "img", "HostConfig": host}, FACTS)
    except ValueError:
        return
    assert isinstance(spec, ContainerSpec)
