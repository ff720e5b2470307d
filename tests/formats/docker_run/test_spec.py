"""From a command line to the container that is asked about."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.spec import to_spec, user
from saferun.formats.engine_api import ContainerFacts, EngineFacts, ImageFacts, NetworkFacts
from saferun.formats.facts import Facts
from saferun.judge.rules import Image
from saferun.judge.spec import ContainerSpec, Device, Mount, Port

PROFILES = {"p.json": "sha256:1"}
UNKNOWN = Facts(ImageFacts("sha256:1", "linux", "amd64"), 0, profiles=PROFILES)


def asked(words: str, facts: Facts = UNKNOWN) -> ContainerSpec:
    """Return what a command line asks for."""
    read = parse(words.split(" "))
    assert isinstance(read, RunCommand)
    return to_spec(read, facts)


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
        ("--device /dev/x i", "devices", (Device("/dev/x", "rwm", exact=False),)),
        ("--device /etc//x/.:/y:r i", "devices", (Device("/etc/x", "r", exact=False),)),
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
    assert asked("-u x i", UNKNOWN.replace(uid=uid)).whom == whom


ENGINE = EngineFacts("crun", "local", "default", "2", userns=False, no_new_privileges=False)
#: A host on which all that a command line can name is known.
WORLD = Facts(
    ImageFacts("sha256:1", "linux", "arm", variant="v7", health_check=True),
    uid=7,
    gid=8,
    groups=(9, None),
    containers={
        "free": ContainerFacts("1", "free", "host", "host", "host", ()),
        "own": ContainerFacts("2", "own", "", "private", "bridge", ()),
    },
    networks={"lan": NetworkFacts("lan", "host")},
    images={"busybox": IMAGE, "gone": None},
    engine=ENGINE,
    sockets=("/run/docker.sock",),
)
#: What a command line is there that says nothing but an image's id.
SILENCE = ContainerSpec(
    uid=7,
    gid=8,
    groups=(9, None),
    seccomp=True,
    sockets=("/run/docker.sock",),
    runtime="crun",
    log_driver="local",
    health_check=True,
    image=Image(id="sha256:1"),
    pinned=True,
    platform="linux/arm/v7",
)
BUSYBOX = Image((("docker.io/library/busybox", "latest"),), IMAGE.id, ("sha256:" + "d" * 64,))
SYSCTLS = "driver-opt=com.docker.network.endpoint.sysctls"


def test_silence_is_what_the_engine_makes_of_it() -> None:
    """What no word speaks of is the engine's, or the image's; without an engine it is unknown."""
    assert asked("i", WORLD) == SILENCE
    assert asked("i", WORLD.replace(engine=None)) == SILENCE.replace(
        seccomp=None, runtime=None, log_driver=None
    )


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("-m 1k", {"memory": 1024, "memory_swap": 2048, "sysctls": ()}),
        ("-m 1k --sysctl a=1=2", {"memory": 1024, "sysctls": (("a", "1=2"),)}),
        (
            f"--sysctl a/b=1 --network name=lan,{SYSCTLS}=c=2",
            {"sysctls": (("a.b", "1"), ("c", "2")), "networks": ("lan", "host")},
        ),
        (f'--net name=x,"{SYSCTLS}=c/d=2,e=3"', {"sysctls": (("c.d", "2"), ("e", "3"))}),
        ("--pid=container:free", {"pid": ("container:free", "host")}),
        ("--ipc=container:free", {"ipc": ("container:free", "host")}),
        ("--net=container:free", {"networks": ("container:free", "host")}),
        ("--pid=container:own", {"pid": ("container:own",)}),
        ("--ipc=container:own", {"ipc": ("container:own",)}),
        ("--net=container:own", {"networks": ("container:own",)}),
        ("--uts=host", {"uts": ("host",)}),
        ("--userns=host", {"userns": ("host",)}),
        ("--cgroupns=host", {"cgroupns": ("host",)}),
        ("--privileged", {"privileged": True, "cgroupns": ("host",), "seccomp": False}),
        ("--privileged --cgroupns=private", {"cgroupns": ("private",)}),
        # What the engine adds by itself for these was not asked for.
        ("--privileged --security-opt label=disable", {"security_opt": ()}),
        ("--pid=host --security-opt label=disable", {"security_opt": (), "pid": ("host",)}),
        ("--ipc=host --security-opt label=disable", {"security_opt": (), "ipc": ("host",)}),
        ("--read-only --security-opt label=disable", {"security_opt": ("label=disable",)}),
        ("--read-only", {"read_only": True}),
        ("--read-only=false", {"read_only": False}),
        (
            "--volume-driver=nfs -v data:/x",
            {
                "volume_driver": "nfs",
                "mounts": (Mount("volume", "data", "/x", driver="nfs", asked="--volume=data:/x"),),
            },
        ),
        (
            "--volumes-from a --volumes-from b:ro:z",
            {
                "volumes_from": ("a", "b"),
                "mounts": (
                    Mount("unknown", "", None, asked="--volumes-from=a"),
                    Mount("unknown", "", None, asked="--volumes-from=b:ro:z"),
                ),
            },
        ),
        ("--mount src=busybox,dst=/z", {"mounted_images": ()}),
        (
            "--mount type=image,src=busybox,dst=/x --mount type=image,src=gone,dst=/y",
            {
                "mounted_images": (
                    ("--mount=type=image,src=busybox,dst=/x", BUSYBOX),
                    ("--mount=type=image,src=gone,dst=/y", Image()),
                )
            },
        ),
        ("--use-api-socket", {"use_api_socket": True}),
        ("--device-cgroup-rule=a --device-cgroup-rule=b", {"device_rules": ("a", "b")}),
        ("--oom-kill-disable", {"oom_kill_disable": True}),
        ("--oom-kill-disable=false", {"oom_kill_disable": False}),
        ("-P", {"publish_all": True, "ports": ()}),
        ("-p ::1:1:1", {"publish_all": False, "ports": (Port("::1", 1, 1),)}),
        ("--cgroup-parent=", {"cgroup_parent": ""}),
        ("--runtime=runsc --log-driver=syslog", {"runtime": "runsc", "log_driver": "syslog"}),
        ("--runtime= --log-driver=", {"runtime": "crun", "log_driver": "local"}),
        ("--log-opt a/b=1 --log-opt a/b=2=3", {"log_opts": (("a/b", "2=3"),)}),
        ("--annotation a/b=1 --annotation c", {"annotations": (("a/b", "1"), ("c", ""))}),
        ("--add-host a:::1 --add-host a=::2", {"add_hosts": (("a", "::1"), ("a", "::2"))}),
        ("--health-cmd=true", {"health_check": True}),
        ("--no-healthcheck", {"health_check": False}),
        ("--pull=always", {"pull": "always"}),
        ("--platform=linux/amd64", {"platform": "linux/amd64"}),
        ("--verify=off", {"verify": "off"}),
    ],
)
def test_each_word_changes_only_what_it_is_about(words: str, fields: dict[str, object]) -> None:
    """And what is named is taken for what it is there."""
    spec = asked(f"{words} i", WORLD)
    assert {name: getattr(spec, name) for name in fields} == fields
    others = {
        *("uid", "gid", "groups", "user", "sockets", "image", "pinned", "tag", "cap_add", "pid"),
        *("ipc", "uts", "userns", "pull", "verify", "platform", "runtime", "use_api_socket"),
    }
    for name in others - {*fields}:
        assert getattr(spec, name) == getattr(SILENCE, name), name
