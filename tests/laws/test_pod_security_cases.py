"""The laws baseline and restricted answer as Pod Security Standards v1.37 do, on docker's words.

The standard has two answers: as asked, a container meets the level or it does not. So a law passes
one only when it neither refuses nor has to add anything; saferun's own rule for users who are not
root is left out, for it is stricter than baseline. Written for saferun; what the standard does not
see on docker passes here, and is marked "gap".
"""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.discharge import discharge
from saferun.judge.capabilities import NAMES
from tests.judging import command
from tests.laws.shipped import answer, shipped

#: What restricted asks of a container.
DROPPED = "--cap-drop=ALL --security-opt no-new-privileges"
H = f"{DROPPED} --user 1000:1000"
DEFAULTS = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
ONE_BY_ONE = " ".join(f"--cap-drop={name}" for name in DEFAULTS)
DISGUISED = "--mount type=volume,dst=/x,volume-driver=local,volume-opt=type=none,volume-opt=o=bind"
REMOTE = "--mount type=volume,dst=/x,volume-driver=local,volume-opt=type=nfs"
SYSCTLS_OF_A_NETWORK = "driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.x=1"

#: The case, the words, and whether each level passes it.
CASES: tuple[tuple[str, str, str, str], ...] = (
    ("01 nothing said", "busybox", "P", "F"),
    ("02 the least that restricted takes", f"{H} busybox", "P", "P"),
    ("03 the one capability", f"{H} --cap-add=NET_BIND_SERVICE busybox", "P", "P"),
    ("04 by its long name", f"{H} --cap-add=cap_net_bind_service busybox", "P", "P"),
    ("05 one of baseline's", f"{H} --cap-add=CHOWN busybox", "P", "F"),
    ("06 default but not baseline's", "--cap-add=NET_RAW busybox", "F", "F"),
    ("07 far more", "--cap-add=SYS_ADMIN busybox", "F", "F"),
    ("08 ALL beats the drop of ALL", f"{H} --cap-add=ALL busybox", "F", "F"),
    (
        "09 one is dropped",
        "--user 1000:1000 --security-opt no-new-privileges --cap-drop=NET_RAW busybox",
        *("P", "F"),
    ),
    (
        "10 each is dropped by name",
        f"--user 1000:1000 --security-opt no-new-privileges {ONE_BY_ONE} busybox",
        *("P", "F"),
    ),
    ("11 privileged", "--privileged busybox", "F", "F"),
    ("12 privileged beats the drop", f"{H} --privileged busybox", "F", "F"),
    ("13 the host's processes", f"{H} --pid=host busybox", "F", "F"),
    ("14 the host's shared memory", f"{H} --ipc=host busybox", "F", "F"),
    ("15 the host's network", f"{H} --network=host busybox", "F", "F"),
    ("16 gap: the host's name", f"{H} --uts=host busybox", "P", "P"),
    ("17 gap: the host's users", f"{H} --userns=host busybox", "P", "P"),
    ("18 the host's processes by way of another", f"{H} --pid=container:pidhost busybox", "F", "F"),
    ("19 a host path to read", f"{H} -v /etc:/hostetc:ro busybox", "F", "F"),
    (
        "20 the engine's socket",
        f"{H} -v /var/run/docker.sock:/var/run/docker.sock busybox",
        *("F", "F"),
    ),
    ("21 a named volume", f"{H} -v data:/data busybox", "P", "P"),
    ("22 memory as a file system", f"{H} --mount type=tmpfs,dst=/tmp busybox", "P", "P"),
    ("23 a host path in disguise", f"{H} {DISGUISED},volume-opt=device=/etc busybox", "F", "F"),
    (
        "24 another machine's files",
        f"{H} {REMOTE},volume-opt=o=addr=10.0.0.1,volume-opt=device=:/e busybox",
        *("P", "F"),
    ),
    ("25 a host path by way of another", f"{H} --volumes-from etc busybox", "F", "F"),
    ("26 a port of the host", f"{H} -p 8080:80 busybox", "F", "F"),
    ("27 on localhost", f"{H} -p 127.0.0.1:8080:80 busybox", "F", "F"),
    ("28 on a port that the engine chooses", f"{H} -P --expose 80 busybox", "F", "F"),
    ("29 exposed is not published", f"{H} --expose 80 busybox", "P", "P"),
    ("30 no seccomp", f"{H} --security-opt seccomp=unconfined busybox", "F", "F"),
    (
        "31 a seccomp profile of one's own",
        f"{H} --security-opt seccomp=profile.json busybox",
        "P",
        "P",
    ),
    ("32 no AppArmor", f"{H} --security-opt apparmor=unconfined busybox", "F", "F"),
    ("33 an AppArmor profile of one's own", f"{H} --security-opt apparmor=mine busybox", "P", "P"),
    ("34 no SELinux", f"{H} --security-opt label=disable busybox", "F", "F"),
    (
        "35 a listed SELinux type and any level",
        f"{H} --security-opt label=type:container_t --security-opt label=level:s0:c1,c2 busybox",
        *("P", "P"),
    ),
    ("36 an SELinux type without bounds", f"{H} --security-opt label=type:spc_t busybox", "F", "F"),
    ("37 /proc unmasked", f"{H} --security-opt systempaths=unconfined busybox", "F", "F"),
    ("38 a safe sysctl", f"{H} --sysctl net.ipv4.ip_unprivileged_port_start=80 busybox", "P", "P"),
    ("39 another sysctl", f"{H} --sysctl kernel.msgmax=65536 busybox", "F", "F"),
    ("40 the last word", f"{H} --security-opt no-new-privileges=false busybox", "P", "F"),
    ("41 root by number", f"{DROPPED} --user 0 busybox", "P", "F"),
    ("42 root by an empty name", f"{DROPPED} --user :1000 busybox", "P", "F"),
    ("43 root with a sign", f"{DROPPED} --user +0 busybox", "P", "F"),
    ("44 the image's number", f"{DROPPED} nonroot", "P", "P"),
    ("45 the image's name", f"{DROPPED} named", "P", "P"),
    ("46 the image's name for root", f"{DROPPED} sneaky", "P", "F"),
    ("47 gap: a device", f"{H} --device /dev/null:/dev/x busybox", "P", "P"),
    ("48 gap: devices by number", f"{H} --device-cgroup-rule 'c 1:3 rwm' busybox", "P", "P"),
    ("49 gap: root's group", f"{H} --group-add 0 busybox", "P", "P"),
    (
        "50 gap: cgroups, shared memory, memory that runs out",
        f"{H} --cgroupns=host --cgroup-parent=/x --ipc=shareable --oom-kill-disable busybox",
        *("P", "P"),
    ),
    ("51 no SELinux in one word", f"{H} --security-opt=disable busybox", "F", "F"),
    (
        "52 the old separator",
        f"{H} --security-opt no-new-privileges:true --security-opt seccomp:unconfined busybox",
        *("F", "F"),
    ),
    ("53 gap: a link", f"{H} --link other --net=bridge busybox", "P", "P"),
    (
        "54 only no-new-privileges is missing",
        "--cap-drop=ALL --cap-add=NET_BIND_SERVICE --user 1000 busybox",
        *("P", "F"),
    ),
    # What is easily missed.
    ("added and dropped", f"{H} --cap-add=NET_RAW --cap-drop=NET_RAW busybox", "F", "F"),
    ("no such capability", f"{H} --cap-add=NET_RAWW busybox", "F", "F"),
    ("gap: started for ever", f"{H} --restart=always busybox", "P", "P"),
    ("a volume that was made in disguise", f"{H} -v etcvol:/x busybox", "F", "F"),
    ("a volume made of another machine's files", f"{H} -v nfsvol:/x busybox", "P", "F"),
    (
        "a network's sysctls",
        f"{H} --network name=corp,{SYSCTLS_OF_A_NETWORK} busybox",
        *("F", "F"),
    ),
    ("the directory that one is in", f"{H} -v .:/x busybox", "F", "F"),
    ("a home directory", f"{H} -v /home/alice:/x busybox", "F", "F"),
    ("root on the command line, not in the image", f"{DROPPED} --user root nonroot", "P", "F"),
    ("gap: processes without end", f"{H} --pids-limit 0 busybox", "P", "P"),
    ("a port on every IPv6 address", f"{H} -p [::]:80:80 busybox", "F", "F"),
    ("the host's network by way of another", f"{H} --network=container:nethost busybox", "F", "F"),
    ("the host's memory by way of another", f"{H} --ipc=container:ipchost busybox", "F", "F"),
    ("processes of one that is not there", f"{H} --pid=container:gone busybox", "F", "F"),
    ("the network of one that is not there", f"{H} --network=container:gone busybox", "F", "F"),
    ("volumes of one that is not there", f"{H} --volumes-from gone busybox", "F", "F"),
    ("a user that the image does not have", f"{DROPPED} --user nobody-knows busybox", "P", "F"),
    ("the engine's socket by its own flag", f"{H} --use-api-socket busybox", "F", "F"),
    ("gap: cgroups to write", f"{H} --security-opt writable-cgroups=true busybox", "P", "P"),
    ("an SELinux user", f"{H} --security-opt label=user:system_u busybox", "F", "F"),
    ("an SELinux role", f"{H} --security-opt label=role:system_r busybox", "F", "F"),
    ("unknown to every engine", f"{H} --security-opt foo=bar busybox", "F", "F"),
)


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(
    ("words", "verdicts"),
    [pytest.param(words, (b, r), id=name) for name, words, b, r in CASES],
)
def test_the_law_answers_as_the_standard(words: str, verdicts: tuple[str, str], level: str) -> None:
    """And what it only lacks is added, after which it passes, saferun's own rule included."""
    asked = command(words)
    alone = answer(asked, shipped(level))
    expected = verdicts[level == "restricted"]
    assert ("F" if alone.violations or alone.obligations else "P") == expected, alone

    whole = answer(asked, shipped(level), built_in=True)
    assert whole.allowed == alone.allowed, whole
    if whole.allowed:
        met = answer(discharge(asked, whole.obligations), shipped(level), built_in=True)
        assert met.allowed
        assert not met.obligations


#: What each level lets one name, and nothing else of its kind.
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range"),
    *("net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem", "net.ipv4.tcp_slow_start_after_idle"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
}
OTHER_SYSCTLS = {
    *("kernel.msgmax", "kernel.sem", "kernel.shmmax", "fs.mqueue.msg_max", "net.core.somaxconn"),
    *("net.ipv4.ip_forward", "net.ipv4.tcp_keepalive_times", "net.ipv6.tcp_rmem", "net.ipv4"),
}
TYPES = {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


@pytest.mark.parametrize("user", ["0", "1000:1000"])
@pytest.mark.parametrize("name", NAMES)
def test_the_capabilities_that_may_be_added(name: str, user: str) -> None:
    """Baseline has thirteen: the engine's own without NET_RAW; restricted has one."""
    asked = command(f"--user {user} --cap-add={name} busybox")
    in_baseline = name in DEFAULTS and name != "NET_RAW"
    assert answer(asked, shipped("baseline"), built_in=True).allowed == in_baseline
    refused = {one.check for one in answer(asked, shipped("restricted"), built_in=True).violations}
    assert ("cap-add" not in refused) == (name == "NET_BIND_SERVICE")


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize("name", sorted(SYSCTLS | OTHER_SYSCTLS))
def test_the_sysctls_that_may_be_set(name: str, level: str) -> None:
    """Fourteen, in either spelling."""
    for spelling in (name, name.replace(".", "/")):
        asked = command(f"{H} --sysctl {spelling}=1 busybox")
        assert answer(asked, shipped(level)).allowed == (name in SYSCTLS), spelling


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(
    "name", sorted(TYPES | {"spc_t", "unconfined_t", "container_t2", "init_t"})
)
def test_the_selinux_types_that_may_be_asked_for(name: str, level: str) -> None:
    """Four."""
    asked = command(f"{H} --security-opt label=type:{name} busybox")
    assert answer(asked, shipped(level)).allowed == (name in TYPES)


@pytest.mark.parametrize(("name", "words"), [case[:2] for case in CASES if "gap" in case[0]])
def test_the_lines_that_close_the_gaps_do(name: str, words: str) -> None:
    """What the standard does not see is refused once the lines are no comments any more."""
    del name
    assert not answer(command(words), shipped("baseline", with_comments=True)).allowed
