"""/proc: what the kernel would never write is not read, and nothing is confirmed by it.

An input is the files of one process, with a NUL between them: status, uid_map, the status of a
second thread, stat before and after, cgroup, mountinfo.
"""

from __future__ import annotations

import re

from saferun import evidence, processes
from saferun.formats import proc_status
from saferun.host.kernel import ProcessFiles
from saferun.judge.capabilities import SETS
from saferun.judge.decision import Masks
from saferun.judge.verify import verify
from tests.fuzz import mutating

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random

ID = "0123456789abcdef" * 4
#: Rows of a status file as the kernel formats them (fs/proc/array.c render_cap_t, task_state).
MASK = re.compile(rb"\t*([0-9a-f]{16})\t*")
UIDS = re.compile(rb"\s*\d+\s+\d+\s+\d+\s+\d+\s*")
SIZE = 7


def run(data: bytes) -> None:
    """Hold what /proc says of a process against what must be true of all."""
    parts = [*data.split(b"\0", SIZE - 1), *[b""] * SIZE]
    status, uid_map, thread, before, after, cgroup, mountinfo = parts[:SIZE]
    threads = (thread,) if thread else ()
    reading(status, uid_map, threads)
    found = proc_status.owners(cgroup, (ID,))
    assert set(found) <= {ID}
    assert not found or ID.encode() in cgroup
    assert proc_status.belongs_to(cgroup, ID) == bool(found)
    hidden = proc_status.hidepid(mountinfo)
    assert not hidden or b"hidepid=" in mountinfo

    files = object.__new__(ProcessFiles)
    files.pid, files.status, files.uid_map, files.threads = 7, status, uid_map, threads
    files.stat_before, files.stat_after, files.cgroup, files.namespaces = before, after, cgroup, ()
    read = processes.judged(files, processes.in_container(ID))
    assert (read.state == processes.READ) == (read.evidence is not None)
    assert read.why or read.evidence is not None
    if read.evidence is not None:
        assert found
        assert proc_status.start_time(before) == proc_status.start_time(after) == read.started
        assert not read.command.startswith(b"runc:[")
        if evidence.holds(read):
            assert rb"SigBlk:" in status


def reading(status: bytes, uid_map: bytes, threads: tuple[bytes, ...]) -> None:
    """Evidence is five rows of every thread, each as the kernel writes it, or there is none."""
    try:
        found = proc_status.evidence(7, status, uid_map, threads)
    except ValueError:
        return
    sets = [0] * len(SETS)
    for text in (status, *threads):
        for at, name in enumerate(SETS):
            mask = MASK.fullmatch(row(text, name))
            assert mask, name
            sets[at] |= int(mask[1], 16)
        assert UIDS.fullmatch(row(text, "Uid"))
        no_new_privileges = row(text, "NoNewPrivs").strip()
        assert no_new_privileges.isdigit()
        assert not found.no_new_privileges or int(no_new_privileges) == 1
    assert found.sets == tuple(sets)
    assert all(uid >= 0 for uid in found.uids)
    assert found.seccomp is None or row(status, "Seccomp").strip().isdigit()
    for allowed in (0, 1 << 10):
        verdict = verify((found,), Masks(allowed, 0, no_new_privileges=True))
        assert verdict.outcome != "unverified"
        confirmed = found.no_new_privileges and not any(one & ~allowed for one in sets)
        assert (verdict.outcome == "confirmed") == confirmed


def row(status: bytes, name: str) -> bytes:
    """Return what follows a name: in the first line that begins with it, but not the very first."""
    for line in status.split(b"\n")[1:]:
        if line.startswith(name.encode() + b":"):
            return line[len(name) + 1 :]
    return b""


#: What these files are made of.
WORDS = (
    *(f"\n{name}:\t" for name in (*SETS, "Uid", "NoNewPrivs", "Seccomp", "SigBlk", "State")),
    *("0000000000000000", "0000000000000400", "-", "+", "_", "0x", "\r", "4294967295"),
    *("7 (x) S 1 2 3", "runc:[2:INIT]", "gate-", f"0::/docker/{ID}\n", f"docker-{ID}.scope"),
    *(" /proc rw - proc proc rw,hidepid=2\n", "0000400000000000"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (b"\n", b"\n", b"\t", b"\0", b" "), WORDS, random)
