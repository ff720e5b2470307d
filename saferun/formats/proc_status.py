"""/proc as the kernel writes it: a process's sets, its user namespace, its container.

Source: proc(5), fs/proc/array.c, user_namespaces(7), cgroups(7).
"""

from __future__ import annotations

from saferun.judge.capabilities import SETS
from saferun.judge.verify import Evidence

#: How long an engine's container ids are, in hex digits.
ID_DIGITS = 64


def evidence(pid: int, status: bytes, uid_map: bytes) -> Evidence:
    """Read /proc/PID/status and /proc/PID/uid_map; raise ValueError when a line is missing.

    uids are given as the container sees them: the kernel writes them as the reader does, so a
    container's root under userns-remap would otherwise look like uid 100000.
    """
    fields: dict[str, str] = {}
    for line in status.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        # The first line wins: the process chooses the text of Name, and it comes first, but the
        # kernel escapes newlines in it.
        fields.setdefault(name, value.strip())
    ranges = tuple(
        (int(inside), int(outside), int(length))
        for inside, outside, length in (line.split() for line in uid_map.splitlines())
    )
    try:
        real, effective, saved, fs = (_inside(int(uid), ranges) for uid in fields["Uid"].split())
        inh, prm, eff, bnd, amb = (int(fields[name], 16) for name in SETS)
        no_new_privileges = fields["NoNewPrivs"] == "1"
    except KeyError as error:
        message = f"/proc/{pid}/status has no line {error.args[0]}"
        raise ValueError(message) from None
    return Evidence(pid, (real, effective, saved, fs), (inh, prm, eff, bnd, amb), no_new_privileges)


def _inside(uid: int, ranges: tuple[tuple[int, int, int], ...]) -> int:
    for inside, outside, length in ranges:
        if outside <= uid < outside + length:
            return inside + uid - outside
    return uid


def belongs_to(cgroup: bytes, container_id: str) -> bool:
    """Tell from /proc/PID/cgroup whether a process is in this container's cgroup.

    The whole 64-digit id must be a component of a path: `<id>` with the cgroupfs driver,
    `docker-<id>.scope` with systemd's, on cgroup v1 and v2.
    """
    if len(container_id) != ID_DIGITS or set(container_id) - set("0123456789abcdef"):
        return False
    wanted = {container_id, f"docker-{container_id}.scope", f"libpod-{container_id}.scope"}
    return any(
        not wanted.isdisjoint(line.partition(":")[2].partition(":")[2].split("/"))
        for line in cgroup.decode("utf-8", "replace").splitlines()
    )


def blocks(status: bytes, number: int) -> bool:
    """Tell from /proc/PID/status whether a signal is blocked, and not being waited for."""
    for line in status.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"SigBlk":
            return bool(int(value, 16) >> (number - 1) & 1)
    return False


def start_time(stat: bytes) -> int:
    """Return field 22 of /proc/PID/stat: when the process started, in clock ticks since boot."""
    # comm, in parentheses, may hold spaces and parentheses of its own.
    return int(stat.rpartition(b")")[2].split()[19])
