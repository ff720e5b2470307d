"""From a command line to the container that is asked about."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.spec import to_spec, user
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.judge.spec import UNLIMITED, ContainerSpec, Device, Port

PROFILES = {"p.json": "sha256:1"}


def asked(words: str, image_user: str = "", uid: int | None = 0) -> ContainerSpec:
    """Return what a command line asks for."""
    read = parse(words.split(" "))
    assert isinstance(read, RunCommand)
    return to_spec(
        read,
        Facts(ImageFacts("sha256:1", "linux", "amd64", user=image_user), uid, profiles=PROFILES),
    )


@pytest.mark.parametrize(
    ("words", "of_image", "recorded"),
    [
        ("i", "", ""),
        ("i", "app", "app"),
        ("--user= i", "app", "app"),
        ("-u 5 i", "app", "5"),
        ("-u 5 -u 6 i", "app", "6"),
        ("-u 5 --user= i", "app", "app"),
        ("-u : i", "app", ":"),
        ("-u= i", "app", "="),
        ("i -u 5", "app", "app"),
    ],
)
def test_the_user_that_the_engine_records(words: str, of_image: str, recorded: str) -> None:
    """The last `-u` unless it is empty; then the image's."""
    read = parse(words.split(" "))
    assert isinstance(read, RunCommand)
    image = ImageFacts("sha256:1", "linux", "amd64", user=of_image)
    assert user(read, image) == to_spec(read, Facts(image, 0)).user == recorded


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (
            "--cap-add=net_raw --cap-add=CAP_CHOWN --cap-add=all i",
            "cap_add",
            ("NET_RAW", "CHOWN", "ALL"),
        ),
        ("--cap-add=NET_RAW,CHOWN i", "cap_add", ("NET_RAW,CHOWN",)),
        ("--cap-drop=All --cap-drop=x i", "cap_drop", ("ALL", "X")),
        ("--privileged i", "privileged", True),
        ("--privileged --privileged=false i", "privileged", False),
        ("--privileged=0 --privileged=T i", "privileged", True),
        ("--security-opt a=b --security-opt=a:c i", "security_opt", ("a=c",)),
        ("--security-opt seccomp:unconfined i", "security_opt", ("seccomp=unconfined",)),
        ("--security-opt seccomp=p.json i", "security_opt", ("seccomp=sha256:1",)),
        ("--security-opt seccomp=gone.json i", "security_opt", ("seccomp=unknown",)),
        (
            "--security-opt label:type:a --security-opt label=level:b --security-opt disable i",
            "security_opt",
            ("label=type:a", "label=level:b", "label=disable"),
        ),
        (
            "--security-opt no-new-privileges --security-opt no-new-privileges:false i",
            "security_opt",
            ("no-new-privileges=false",),
        ),
        ("--security-opt no-new-privileges=yes i", "security_opt", ("no-new-privileges=false",)),
        ("--security-opt seccomp=unconfined i", "seccomp", False),
        ("--security-opt seccomp=p.json i", "seccomp", True),
        ("--security-opt seccomp=gone.json i", "seccomp", None),
        ("--privileged --pid=host i", "seccomp", False),
        ("--privileged --security-opt seccomp=p.json i", "seccomp", None),
        ("--read-only i", "read_only", True),
        ("--read-only=false i", "read_only", False),
        ("--read-only --read-only=f i", "read_only", False),
        ("--pid=host i", "pid", ("host",)),
        ("--pid=container:x i", "pid", ("container:x", "host")),
        ("--ipc=none i", "ipc", ("none",)),
        ("--uts=host --userns=host i", "userns", ("host",)),
        ("--cgroupns=private i", "cgroupns", ("private",)),
        ("--net=host --network corp i", "networks", ("host", "corp")),
        ("--network name=HOST,alias=x i", "networks", ("host",)),
        ("--network name=a,name=host i", "networks", ("host",)),
        ("--network HOST i", "networks", ("HOST",)),
        ("--network default i", "networks", ("bridge",)),
        ("--network container:x i", "networks", ("container:x", "host")),
        ("-m 64m i", "memory", 64 << 20),
        ("-m 0 i", "memory", UNLIMITED),
        ("-m 1e9 i", "memory", UNLIMITED),
        ("-m 64m i", "memory_swap", 128 << 20),
        ("-m 64m --memory-swap=-1 i", "memory_swap", UNLIMITED),
        ("--cpus=1.5 i", "cpus", 1_500_000_000),
        ("--cpus=1/2 i", "cpus", 500_000_000),
        ("--cpus=100/0100 i", "cpus", 1_562_500_000),
        ("--cpus=0_144/0_144 i", "cpus", UNLIMITED),
        ("--cpus=1/x i", "cpus", UNLIMITED),
        ("--cpus=-1 i", "cpus", UNLIMITED),
        ("--cpus=nan i", "cpus", UNLIMITED),
        ("--cpus=1e400 i", "cpus", UNLIMITED),
        ("--cpus=0 i", "cpus", UNLIMITED),
        ("--cpu-quota=50000 i", "cpus", 500_000_000),
        ("--cpu-quota=50000 --cpu-period=25000 i", "cpus", 2_000_000_000),
        ("--cpu-quota=-1 i", "cpus", UNLIMITED),
        ("--pids-limit=5 i", "pids_limit", 5),
        ("--pids-limit=0x10 i", "pids_limit", 16),
        ("--pids-limit=010 i", "pids_limit", 8),
        ("--pids-limit=0 i", "pids_limit", UNLIMITED),
        ("--pids-limit=-1 i", "pids_limit", UNLIMITED),
        ("--ulimit nofile=5:9 --ulimit nofile=7 i", "ulimits", (("nofile", 7, 7),)),
        ("--ulimit core=-1 i", "ulimits", (("core", UNLIMITED, UNLIMITED),)),
        ("--oom-score-adj=-500 i", "oom_score_adj", -500),
        ("--restart=on-failure:3 i", "restart", ("on-failure", 3)),
        ("--restart= i", "restart", ("no", 0)),
        ("--device /dev/x i", "devices", (Device("/dev/x", "rwm", exact=False),)),
        ("--device /dev/../etc/x:/y:r i", "devices", (Device("/etc/x", "r", exact=False),)),
        ("--device /dev/x:rw i", "devices", (Device("/dev/x", "rw", exact=False),)),
        ("--device /dev/x:/dev/y i", "devices", (Device("/dev/x", "rwm", exact=False),)),
        ("--device nvidia.com/gpu=all i", "devices", (Device("nvidia.com/gpu=all"),)),
        ("--gpus driver=cdi,device=v.w/c=n i", "devices", (Device("v.w/c=n"),)),
        ("--gpus all i", "gpus", True),
        (
            "--sysctl kernel/msgmax=1 --sysctl kernel.msgmax=2 i",
            "sysctls",
            (("kernel.msgmax", "2"),),
        ),
        ("--add-host a:1.2.3.4 i", "add_hosts", (("a", "1.2.3.4"),)),
        ("--add-host=a=[::1] i", "add_hosts", (("a", "::1"),)),
        ("-p 80 i", "ports", (Port("0.0.0.0", 0, 0), Port("::", 0, 0))),
        ("-p 127.0.0.1:8000-8010:80/udp i", "ports", (Port("127.0.0.1", 8000, 8010, "udp"),)),
        ("-p [::1]:80:80 i", "ports", (Port("::1", 80, 80),)),
        ("-p [0:0::0]:80:80 i", "ports", (Port("::", 80, 80),)),
        ("-p [::ffff:10.0.0.1]:80:80 i", "ports", (Port("10.0.0.1", 80, 80),)),
        ("-p published=80,target=8080 i", "ports", (Port("0.0.0.0", 80, 80), Port("::", 80, 80))),
        ("-P --expose 53/udp i", "ports", (Port("0.0.0.0", 0, 0, "udp"), Port("::", 0, 0, "udp"))),
        ("--runtime=x i", "runtime", "x"),
        ("i", "runtime", None),
        ("--log-driver=none i", "log_driver", "none"),
        ("--cgroup-parent=/x i", "cgroup_parent", "/x"),
        ("--health-cmd=true i", "health_check", True),
        ("--health-cmd=true --no-healthcheck i", "health_check", False),
        ("--pull= i", "pull", "never"),
        ("i", "platform", "linux/amd64"),
        ("--platform=linux/arm64 i", "platform", "linux/arm64"),
        ("-it --rm -i i", "flags", ("interactive", "tty", "rm")),
        ("--verify=off i", "verify", "off"),
        ("i --privileged --cap-add=ALL", "privileged", False),
        ("-- i -u 5", "user", ""),
    ],
)
def test_what_is_asked_for(words: str, field: str, value: object) -> None:
    """As the engine will take it, and only from before the image."""
    assert getattr(asked(words), field) == value


IMAGE = ImageFacts(
    "sha256:" + "a" * 64,
    "linux",
    "amd64",
    tags=("busybox:latest", "registry.example.com/team/x:1"),
    digests=("registry.example.com/team/x@sha256:" + "d" * 64,),
)


@pytest.mark.parametrize(
    ("reference", "names", "tag", "pinned"),
    [
        ("busybox", (("docker.io/library/busybox", "latest"),), "latest", False),
        ("docker.io/busybox:latest", (("docker.io/library/busybox", "latest"),), "latest", False),
        ("registry.example.com/team/x:1", (("registry.example.com/team/x", "1"),), "1", False),
        (
            f"registry.example.com/team/x@sha256:{'d' * 64}",
            (("registry.example.com/team/x", ""),),
            "",
            True,
        ),
        (
            f"registry.example.com/team/x:9@sha256:{'d' * 64}",
            (("registry.example.com/team/x", ""),),
            "",
            True,
        ),
        ("aaaa", (), "", True),
        (f"sha256:{'a' * 64}", (), "", True),
    ],
)
def test_what_an_image_is_known_by(
    *, reference: str, names: tuple[tuple[str, str], ...], tag: str, pinned: bool
) -> None:
    """Its name only where the engine has it under it; the beginning of an id is no name."""
    command = RunCommand((), (), reference, ())
    spec = to_spec(command, Facts(IMAGE, 0))
    assert spec.image.names == names
    assert (spec.tag, spec.pinned) == (tag, pinned)


@pytest.mark.parametrize(("uid", "whom"), [(0, "root"), (3267, "nonroot"), (None, "nonroot")])
def test_who_the_container_is(uid: int | None, whom: str) -> None:
    """Unknown counts as not root."""
    assert asked("-u x i", uid=uid).whom == whom
