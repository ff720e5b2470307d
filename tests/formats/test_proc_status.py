"""/proc: sets, uids as the container sees them, and whose cgroup a process is in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.proc_status import (
    belongs_to,
    blocks,
    command,
    evidence,
    has_ended,
    hidepid,
    owners,
    parent,
    start_time,
)

ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
IDENTITY = b"         0          0 4294967295\n"
STATUS = """\
Name:\t{name}
Umask:\t0022
State:\tS (sleeping)
Uid:\t{uids}
Gid:\t3267\t3267\t3267\t3267
CapInh:\t0000000000000001
CapPrm:\t0000000000000002
CapEff:\t0000000000000004
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000008
NoNewPrivs:\t{nnp}
Seccomp:\t2
"""


def status(uids: str = "0\t1\t2\t3", nnp: str = "0", name: str = "sleep") -> bytes:
    """A status file."""
    return STATUS.format(uids=uids, nnp=nnp, name=name).encode("utf-8", "surrogateescape")


def test_everything_is_read() -> None:
    """Each field in its place."""
    found = evidence(7, status(nnp="1"), IDENTITY)
    assert found.pid == 7
    assert found.uids == (0, 1, 2, 3)
    assert found.sets == (1, 2, 4, 0x1FFFFFFFFFF, 8)
    assert found.no_new_privileges
    assert found.seccomp == 2
    assert found.uid_map == ((0, 0, 4294967295),)


@pytest.mark.parametrize(
    "name",
    [
        r"a\nUid:\t0\t0\t0\t0",
        r"x\nCapBnd:\t0",
        "Uid:",
        "Uid:\t0\t0\t0\t0",
        "CapBnd: 0",
        "\udcff",
        ")",
    ],
)
def test_a_process_cannot_lie_in_its_name(name: str) -> None:
    """The kernel escapes newlines in comm, and everything else stays on its line."""
    found = evidence(7, status("3267\t3267\t3267\t3267", name=name), IDENTITY)
    assert found.uids == (3267,) * 4
    assert found.sets[3] == 0x1FFFFFFFFFF


@pytest.mark.parametrize(
    ("uid_map", "outside", "inside"),
    [
        (IDENTITY, 0, 0),
        (b"0 100000 65536\n", 100000, 0),
        (b"0 100000 65536\n", 103267, 3267),
        (b"0 100000 65536\n", 165536, 165536),
        (b"0 100000 65536\n", 0, 0),
        (b"0 1000 1\n1 100000 65535\n", 1000, 0),
        (b"0 1000 1\n1 100000 65535\n", 100000, 1),
        (b"5 0 1\n", 0, 5),
        (b"", 3267, 3267),
    ],
)
def test_uids_are_those_that_the_container_sees(uid_map: bytes, outside: int, inside: int) -> None:
    """Under userns-remap root is 100000 or so to the reader."""
    assert evidence(7, status("\t".join([str(outside)] * 4)), uid_map).uids == (inside,) * 4


@pytest.mark.parametrize(
    "line", ["Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"]
)
def test_a_missing_line_is_an_error(line: str) -> None:
    """Nothing is guessed."""
    kept = [one for one in status().splitlines(keepends=True) if not one.startswith(line.encode())]
    with pytest.raises(ValueError, match=line):
        evidence(7, b"".join(kept), IDENTITY)


@pytest.mark.parametrize(
    ("row", "garbled"),
    [
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t"),
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t00000"),
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t0x00000000000000"),
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t-000000000000000"),
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t0_0_0_0_0_0_0_00"),
        (b"CapBnd:\t000001ffffffffff", b"CapBnd:\t00000000000000000"),
        (b"CapEff:\t0000000000000004", b"CapEff:\t000000000000000\r"),
        (b"Uid:\t0\t", b"Uid:\t-0\t"),
        (b"Uid:\t0\t", b"Uid:\t"),
        (b"NoNewPrivs:\t1", b"NoNewPrivs:\tyes"),
        (b"NoNewPrivs:\t1", b"NoNewPrivs:\t+1"),
        (b"Seccomp:\t2", b"Seccomp:\t2_0"),
    ],
)
def test_a_garbled_line_is_an_error(row: bytes, garbled: bytes) -> None:
    """Half a row is no row of zeros, nor is anything else that the kernel does not write."""
    whole = status(nnp="1")
    assert row in whole
    with pytest.raises(ValueError, match=r"."):
        evidence(7, whole.replace(row, garbled), IDENTITY)


def test_a_garbled_uid_map_is_an_error() -> None:
    """It decides who the container's root is."""
    for line in (b"0 -1 5\n", b"0 0\n", b"0 1_0 5\n"):
        with pytest.raises(ValueError, match=r"."):
            evidence(7, status(), line)


def test_a_kernel_without_seccomp_says_nothing_of_it() -> None:
    """None, which is neither a filter nor none."""
    assert evidence(7, status().replace(b"Seccomp:\t2\n", b""), IDENTITY).seccomp is None


@pytest.mark.parametrize(
    ("uid_map", "mapped"),
    [
        (IDENTITY, False),
        (b"", False),
        (b"0 100000 65536\n", True),
        (b"0 0 65536\n", True),
        (b"0 0 1\n1 1 4294967294\n", True),
        (b"3267 3267 1\n", True),
    ],
)
def test_which_user_namespace(uid_map: bytes, *, mapped: bool) -> None:
    """Only what is clearly another one counts as one."""
    assert evidence(7, status(), uid_map).mapped is mapped


def test_each_thread_counts() -> None:
    """Capabilities are a thread's: the widest sets, the weakest confinement of all of them."""
    strong = status(nnp="1").replace(b"000001ffffffffff", b"0000000000000000")
    assert evidence(7, strong, IDENTITY).sets[3] == 0
    weak = status(nnp="0").replace(b"Seccomp:\t2", b"Seccomp:\t0")
    found = evidence(7, strong, IDENTITY, (strong, weak))
    assert found.sets == (1, 2, 4, 0x1FFFFFFFFFF, 8)
    assert (found.no_new_privileges, found.seccomp) == (False, 0)


@pytest.mark.parametrize(
    ("state", "ended"), [("S (sleeping)", False), ("Z (zombie)", True), ("X (dead)", True)]
)
def test_who_only_waits_to_be_buried(state: str, *, ended: bool) -> None:
    """A zombie executes nothing."""
    assert has_ended(status().replace(b"S (sleeping)", state.encode())) is ended
    assert not has_ended(status(name="State:\tZ"))


@given(st.binary(), st.binary())
def test_rubbish_is_an_error(text: bytes, uid_map: bytes) -> None:
    """Whatever cannot be read is a ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        evidence(7, text, uid_map)


@pytest.mark.parametrize(
    "path",
    [
        f"0::/docker/{ID}",
        f"12:memory:/docker/{ID}\n11:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}",
        f"0::/system.slice/docker-{ID}.scope",
        f"4:pids:/system.slice/docker-{ID}.scope",
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
        f"0::/docker/{OTHER}/docker/{ID}",
        f"0::/docker/{ID}/init.scope",
        f"0::/a.slice/a-b.slice/docker-{ID}.scope",
        f"0::/{ID}",
        f"0::/my:slice/{ID}",
        f"12:rdma:/\n0::/docker/{ID}",
        f"0::/machine.slice/libpod-{ID}.scope/container",
        f"0::/libpod_parent/libpod-{ID}",
    ],
)
def test_cgroups_of_the_container(path: str) -> None:
    """cgroup v1 and v2, both drivers, nested engines, a parent of the user's choice."""
    assert belongs_to(path.encode() + b"\n", ID)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0::/",
        "0::/..",
        f"0::/docker/{OTHER}",
        f"0::/docker/{ID[:12]}",
        f"0::/docker/{ID}0",
        f"0::/docker/0{ID}",
        f"0::/docker/{ID}.scope",
        f"0::/docker/docker-{ID}",
        f"0::/system.slice/docker-{ID}.scope.d",
        f"0::/system.slice/xdocker-{ID}.scope",
        f"0::/docker/{ID.upper()}",
        f"1:name={ID}:/docker/{OTHER}",
        f"1:name=/{ID}/:/",
        f"{ID}::/",
        ID,
        f"/{ID}",
    ],
)
def test_cgroups_of_others(path: str) -> None:
    """Prefixes, suffixes, short ids and the id in the wrong place are not enough."""
    assert not belongs_to(path.encode() + b"\n", ID)


@pytest.mark.parametrize("container", ["", "docker", "..", ID[:12]])
def test_only_a_whole_id_proves_anything(container: str) -> None:
    """An engine that answers with less is not to be believed."""
    cgroup = f"0::/docker/{container}/x\n".encode()
    assert not belongs_to(cgroup, container)


@pytest.mark.parametrize(
    ("cgroup", "known", "found"),
    [
        (f"0::/docker/{ID}", (ID, OTHER), (ID,)),
        (f"0::/docker/{ID}", (OTHER,), ()),
        # an engine in a container: the last one that the asking engine knows
        (f"0::/docker/{ID}/docker/{OTHER}", (ID, OTHER), (OTHER,)),
        (f"0::/docker/{ID}/docker/{OTHER}", (ID,), (ID,)),
        (f"0::/docker/{ID}/docker-{OTHER}.scope/x", (ID,), (ID,)),
        # hierarchies of cgroup v1 may differ
        (f"2:cpu:/docker/{ID}\n1:pids:/docker/{OTHER}", (ID, OTHER), (ID, OTHER)),
        (f"2:cpu:/docker/{ID}\n1:pids:/\n0::/docker/{ID}", (ID,), (ID,)),
        (f"2:cpu:/\n1:name=systemd:/system.slice/docker-{ID}.scope", (ID,), (ID,)),
        (f"1:name={ID}:/", (ID,), ()),
        ("", (ID, ""), ()),
        ("0::/", (ID, ""), ()),
    ],
)
def test_whose_cgroup_it_is(cgroup: str, known: tuple[str, ...], found: tuple[str, ...]) -> None:
    """A directory that is called like a container nobody knows hides nobody from its owner."""
    assert owners(cgroup.encode() + b"\n", known) == found


@given(st.binary())
def test_any_cgroup_can_be_read(cgroup: bytes) -> None:
    """Names of cgroups are anybody's."""
    assert owners(cgroup, (OTHER,)) == ()


MOUNT = "22 1 0:21 {root} {point} rw,nosuid{mount} shared:3 - {kind} proc rw{options}\n"


@pytest.mark.parametrize(
    ("changed", "hides"),
    [
        ({}, False),
        ({"options": ",hidepid=2"}, True),
        ({"options": ",hidepid=invisible"}, True),
        ({"options": ",gid=4,hidepid=ptraceable"}, True),
        ({"options": ",hidepid=0"}, False),
        ({"options": ",hidepid=off"}, False),
        ({"mount": ",hidepid=1"}, True),
        ({"options": ",hidepid=2", "point": "/chroot/proc"}, False),
        ({"options": ",hidepid=2", "kind": "tmpfs"}, False),
    ],
)
def test_whether_proc_hidepid(changed: dict[str, str], *, hides: bool) -> None:
    """By the mount that is at /proc."""
    plain = {"root": "/", "point": "/proc", "mount": "", "kind": "proc", "options": ""}
    lines = "1 0 8:1 / / rw - ext4 /dev/vda rw\n" + MOUNT.format(**{**plain, **changed})
    assert bool(hidepid(lines.encode())) is hides


def test_the_last_proc_mounted_is_the_one_that_is_seen() -> None:
    """Mounts lie upon each other."""
    plain = {"root": "/", "point": "/proc", "mount": "", "kind": "proc"}
    open_, hidden = (MOUNT.format(**plain, options=options) for options in ("", ",hidepid=2"))
    assert hidepid((open_ + hidden).encode())
    assert not hidepid((hidden + open_).encode())


def test_a_mountinfo_of_rubbish_hides_nothing() -> None:
    """Nor is it an error."""
    assert not hidepid(b"\n - \nx\n 1 2 3 4 /proc - \n")


@pytest.mark.parametrize("comm", ["sleep", "a b", ")", "x) S 1 2 (", ") R 1 1 1 1 1 1 1 ("])
def test_the_start_time_is_found_behind_any_name(comm: str) -> None:
    """comm may hold spaces and parentheses."""
    fields = " ".join(str(number) for number in range(4, 53))
    stat = f"7 ({comm}) S {fields}\n".encode()
    assert start_time(stat) == 22
    assert parent(stat) == 4
    assert command(stat) == comm.encode()


@pytest.mark.parametrize("stat", [b"", b"7 (sh) S", b"7 (sh", b"7 (sh) S x" + b" -" * 30])
def test_a_stat_that_is_cut_off_is_an_error(stat: bytes) -> None:
    """Nobody's parent, and no start."""
    for read in (start_time, parent):
        with pytest.raises(ValueError, match="no"):
            read(stat)


def test_this_process_can_be_read() -> None:
    """The kernel's own files, not only ours."""
    own = Path("/proc/self")
    found = evidence(os.getpid(), (own / "status").read_bytes(), (own / "uid_map").read_bytes())
    assert found.uids[0] == os.getuid()
    assert start_time((own / "stat").read_bytes()) > 0


@pytest.mark.parametrize(
    ("line", "number", "blocked"),
    [
        (b"SigBlk:\t0000400000000000", 47, True),
        (b"SigBlk:\t0000400000000000", 46, False),
        (b"SigBlk:\t8000000000000000", 64, True),
        (b"SigIgn:\t0000400000000000", 47, False),
        (b"Name:\tSigBlk:", 47, False),
        (b"SigBlk:\tffffffff", 1, False),
        (b"SigBlk:\tnothing", 1, False),
    ],
)
def test_signals_that_are_blocked(line: bytes, number: int, *, blocked: bool) -> None:
    """By the line of that name, bit N-1."""
    assert blocks(b"Name:\tx\n" + line + b"\nSeccomp:\t2\n", number) is blocked
