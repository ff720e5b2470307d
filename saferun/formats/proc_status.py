"""/proc as the kernel writes it: a process's sets, its user namespace, its container.

Source: proc(5), fs/proc/array.c, user_namespaces(7), cgroups(7).
"""

from __future__ import annotations

from saferun.judge.capabilities import SETS
from saferun.judge.verify import Evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

#: How long an engine's container ids are, in hex digits.
ID_DIGITS = 64
#: How the kernel writes a set of capabilities or signals (fs/proc/array.c render_cap_t, _sigset_t).
MASK_DIGITS = 16
DIGITS = frozenset("0123456789abcdef")
#: The lines of /proc/PID/status that count.
CAPABILITIES = tuple(name.encode() for name in SETS)
#: Which field of a line of mountinfo is the mount point (proc(5)).
MOUNT_POINT = 4


def evidence(pid: int, status: bytes, uid_map: bytes, threads: Iterable[bytes] = ()) -> Evidence:
    """Read /proc/PID/status and /proc/PID/uid_map; raise ValueError when a line is missing, or cut.

    uids are given as the container sees them: the kernel writes them as the reader does, so a
    container's root under userns-remap would otherwise look like uid 100000. Capabilities,
    no_new_privs and seccomp are a thread's: of all `threads` (their status files) the widest sets
    and the weakest confinement count, for each of them acts for the process.
    """
    ranges = tuple(
        (_number(inside), _number(outside), _number(length))
        for inside, outside, length in (line.split() for line in uid_map.splitlines())
    )
    found = _of_a_thread(pid, status, ranges)
    for thread in threads:
        other = _of_a_thread(pid, thread, ranges)
        inh, prm, eff, bnd, amb = (
            one | more for one, more in zip(found.sets, other.sets, strict=True)
        )
        found = found.replace(
            sets=(inh, prm, eff, bnd, amb),
            no_new_privileges=found.no_new_privileges and other.no_new_privileges,
            seccomp=None
            if found.seccomp is None or other.seccomp is None
            else min(found.seccomp, other.seccomp),
        )
    return found


def _of_a_thread(pid: int, status: bytes, ranges: tuple[tuple[int, int, int], ...]) -> Evidence:
    uids = tuple(_inside(_number(uid), ranges) for uid in _line(pid, status, b"Uid").split())
    real, effective, saved, fs = uids
    inh, prm, eff, bnd, amb = (_mask(_line(pid, status, name)) for name in CAPABILITIES)
    no_new_privileges = _number(_line(pid, status, b"NoNewPrivs")) == 1
    # Kernels without seccomp have no such line (CONFIG_SECCOMP).
    seccomp = _number(_line(pid, status, b"Seccomp")) if b"\nSeccomp:" in status else None
    return Evidence(
        pid,
        (real, effective, saved, fs),
        (inh, prm, eff, bnd, amb),
        no_new_privileges,
        seccomp,
        ranges,
    )


def _line(pid: int, status: bytes, name: bytes) -> bytes:
    """Return what a line of /proc/PID/status says; raise ValueError when there is no such line.

    The first one counts: the process chooses the text of Name, which is the very first line, and
    the kernel escapes newlines in it.
    """
    _, found, rest = status.partition(b"\n" + name + b":")
    if not found:
        message = f"/proc/{pid}/status has no line {name.decode()}"
        raise ValueError(message)
    return rest.partition(b"\n")[0]


def _mask(text: bytes) -> int:
    """Return a set; raise ValueError for anything but all of its digits: half of it is no set."""
    digits = text.strip(b"\t")
    if len(digits) != MASK_DIGITS or not DIGITS.issuperset(digits.decode("latin-1")):
        message = f"the kernel writes no set like this: {text[:40]!r}"
        raise ValueError(message)
    return int(digits, 16)


def _number(text: bytes) -> int:
    """Return a number without a sign; raise ValueError for what the kernel would not write."""
    digits = text.strip(b"\t ")
    # int() also takes signs, underscores and every kind of blank.
    if not digits.isdigit():
        message = f"the kernel writes no number like this: {text[:40]!r}"
        raise ValueError(message)
    return int(digits)


def _inside(uid: int, ranges: tuple[tuple[int, int, int], ...]) -> int:
    for inside, outside, length in ranges:
        if outside <= uid < outside + length:
            return inside + uid - outside
    return uid


def has_ended(status: bytes) -> bool:
    """Tell from /proc/PID/status whether a thread only waits to be buried (zombie, dead)."""
    state = status.partition(b"\nState:")[2].lstrip()
    return state[:1] in (b"Z", b"X", b"x")


def owners(cgroup: bytes, known: Container[str]) -> tuple[str, ...]:
    """Return from /proc/PID/cgroup in which of the known containers' cgroups a process is.

    The whole 64-digit id must be a component of a path: `<id>` with the cgroupfs driver,
    `docker-<id>.scope` with systemd's, `libpod-…` with Podman, on v1 and v2. Of several in one
    path the last known one counts, as of engines in containers; ids that nobody knows are any
    directory's name. Where hierarchies of v1 differ, all that they name are returned.
    """
    # Most hierarchies name the same path.
    paths = {line.partition(b":")[2].partition(b":")[2]: None for line in cgroup.splitlines()}
    found = []
    for path in paths:
        for component in reversed(path.decode("utf-8", "replace").split("/")):
            # Nothing shorter can be an id; most components are.
            container = _id(component) if len(component) >= ID_DIGITS else ""
            if container and container in known:
                found.append(container)
                break
    return tuple(dict.fromkeys(found))


def belongs_to(cgroup: bytes, container_id: str) -> bool:
    """Tell from /proc/PID/cgroup whether a process is in this container's cgroup (`owners`)."""
    return bool(owners(cgroup, (container_id,)))


def _id(component: str) -> str:
    """Return the container's id that a component of a cgroup path stands for, or nothing."""
    if component.endswith(".scope"):
        kind, _, component = component.removesuffix(".scope").partition("-")
        if kind not in ("docker", "libpod"):
            return ""
    else:
        component = component.removeprefix("libpod-")
    return component if len(component) == ID_DIGITS and DIGITS.issuperset(component) else ""


def blocks(status: bytes, number: int) -> bool:
    """Tell from /proc/PID/status whether a signal is blocked, and not being waited for.

    It is not where the file does not say so.
    """
    row = status.partition(b"\nSigBlk:")[2].partition(b"\n")[0]
    try:
        return bool(_mask(row) >> (number - 1) & 1)
    except ValueError:
        return False


def start_time(stat: bytes) -> int:
    """Return field 22 of /proc/PID/stat: when the process started, in clock ticks since boot.

    Raises ValueError when it is not there.
    """
    return _field(stat, 22)


def command(stat: bytes) -> bytes:
    """Return field 2 of /proc/PID/stat: what the process is called (comm), or calls itself."""
    return stat.rpartition(b")")[0].partition(b"(")[2]


def parent(stat: bytes) -> int:
    """Return field 4 of /proc/PID/stat: the process whose child this one is.

    Raises ValueError when it is not there.
    """
    return _field(stat, 4)


def _field(stat: bytes, number: int) -> int:
    # comm, in parentheses, may hold spaces and parentheses of its own; what follows is field 3.
    fields = [b"", b"", b"", *stat.rpartition(b")")[2].split()]
    if number >= len(fields):
        message = f"/proc/PID/stat has no field {number}"
        raise ValueError(message)
    return _number(fields[number])


def hidepid(mountinfo: bytes) -> str:
    """Return from /proc/self/mountinfo with which hidepid= /proc is mounted (proc(5)).

    Nothing where it shows every process, which is what 0 and "off" mean, and is not shown.
    """
    hidden = ""
    for line in mountinfo.decode("utf-8", "replace").splitlines():
        before, _, after = line.partition(" - ")
        fields, options = before.split(), after.split()
        # The last one mounted there is the one that is seen.
        if len(fields) > MOUNT_POINT + 1 and fields[MOUNT_POINT] == "/proc":
            given = ",".join([fields[MOUNT_POINT + 1], *options[-1:]]).split(",")
            said = dict(one.partition("=")[::2] for one in given)
            hidden = said.get("hidepid", "") if options[:1] == ["proc"] else ""
    return "" if hidden in ("0", "off") else hidden
