"""How much a container could do to its host: a number between 0 and 10, and what it is made of.

Every finding has a weight between 0 and 1, the share of what is left that it takes away, and they
are combined as independent causes are (noisy-or): 10 * (1 - product(1 - weight)). So one fatal
finding is not diluted by many small virtues, many small ones add up, their order does not matter,
and removing one never raises the number. An average does not have these properties, as the score
of `systemd-analyze security` shows.

The weights are judgement, chosen so that their order is that of the grades which Pod Security
Standards, the CIS Docker Benchmark and published escapes suggest; they measure no risk. The number
never allows anything: the law does that.
"""

from __future__ import annotations

from saferun.judge.capabilities import NAMES, granted
from saferun.judge.record import Record
from saferun.judge.spec import UNLIMITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from saferun.judge.spec import ContainerSpec, Mount

    Band: TypeAlias = Literal["CRITICAL", "HIGH", "MODERATE", "LOW"]

#: The version of these weights; numbers of different versions cannot be compared.
VERSION = 1

#: What each capability adds in the hands of uid 0 in the host's user namespace.
CAPABILITIES = {
    "SYS_MODULE": 0.95,
    "SYS_ADMIN": 0.90,
    "SYS_RAWIO": 0.85,
    "DAC_READ_SEARCH": 0.80,
    "BPF": 0.60,
    "SYS_BOOT": 0.60,
    "PERFMON": 0.40,
    "MAC_ADMIN": 0.40,
    "MAC_OVERRIDE": 0.40,
    "SYS_PTRACE": 0.35,
    "NET_ADMIN": 0.30,
    "SYS_TIME": 0.25,
    "AUDIT_CONTROL": 0.25,
    "SYS_RESOURCE": 0.20,
    "CHECKPOINT_RESTORE": 0.20,
    "SYSLOG": 0.15,
    "AUDIT_READ": 0.15,
    "SYS_PACCT": 0.10,
    "NET_RAW": 0.10,
    "SYS_NICE": 0.08,
    "SYS_TTY_CONFIG": 0.08,
    "MKNOD": 0.06,
    "DAC_OVERRIDE": 0.06,
    "IPC_LOCK": 0.05,
    "IPC_OWNER": 0.05,
    "SETFCAP": 0.04,
    "SETUID": 0.04,
    "SETGID": 0.04,
    "FOWNER": 0.04,
    "CHOWN": 0.03,
    "SETPCAP": 0.03,
    "SYS_CHROOT": 0.03,
    "LINUX_IMMUTABLE": 0.03,
    "LEASE": 0.03,
    "FSETID": 0.02,
    "KILL": 0.02,
    "AUDIT_WRITE": 0.02,
    "WAKE_ALARM": 0.02,
    "BLOCK_SUSPEND": 0.02,
    "NET_BIND_SERVICE": 0.01,
    "NET_BROADCAST": 0.01,
}
#: How much of that is left in the hands of somebody else, who first has to win it back by executing
#: a setuid file, or one with file capabilities; and where that is forbidden; and for whom the
#: capabilities are worth something only in a user namespace of his own.
NOT_ROOT, NO_NEW_PRIVILEGES, IN_USER_NAMESPACE = 0.5, 0.15, 0.3
#: Host directories from which the host can be taken over, or its secrets read.
SENSITIVE = (
    *("/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var"),
)
#: With these the host as a whole can be written to.
WHOLE = ("/", "/var/lib/docker", "/var/lib/containerd")
#: Numbers from here on are critical, high, moderate.
BANDS: tuple[tuple[float, Band], ...] = ((8.0, "CRITICAL"), (5.0, "HIGH"), (2.0, "MODERATE"))


class Circumstances(Record):
    """What the container's record does not tell.

    `held`: the bounding set as a mask, None to take what an engine would grant; `confined`: whether
    the host has a security module (AppArmor, SELinux) at work; `user_namespace`: whether users are
    mapped (userns-remap, rootless).
    """

    held: int | None = None
    confined: bool = True
    user_namespace: bool = False


class Contribution(Record):
    """One finding: what it is, its weight, and by how much the number would fall without it."""

    finding: str
    weight: float
    less: float = 0.0


class Exposure(Record):
    """The number, between 0.0 and 10.0 with one decimal, its band, and what it is made of.

    `contributions` come in the order of what would lower the number most.
    """

    score: float
    band: Band
    contributions: tuple[Contribution, ...]


def exposure(spec: ContainerSpec, around: Circumstances) -> Exposure:
    """Return how exposed the host is to a container."""
    found = list(_findings(spec, around))
    left = 1.0
    for _, weight in found:
        left *= 1 - weight
    whole = 10 * (1 - left)
    contributions = [
        # Without it, what is left would not have been multiplied by its share.
        Contribution(finding, weight, round(10 * (left / (1 - weight) - left), 1))
        for finding, weight in found
    ]
    score = round(whole, 1)
    low: Band = "LOW"
    band = next((name for least, name in BANDS if score >= least), low)
    ordered = sorted(contributions, key=lambda one: (-one.weight, one.finding))
    return Exposure(score, band, tuple(ordered))


def _findings(spec: ContainerSpec, around: Circumstances) -> Iterator[tuple[str, float]]:
    yield from _capabilities(spec, around)
    yield from _namespaces(spec)
    yield from _confinement(spec, around)
    yield from _host_files(spec)
    yield from _network(spec)
    yield from _resources(spec)
    if spec.whom == "root":
        yield "runs as uid 0", 0.10 if around.user_namespace else 0.25


def _held(spec: ContainerSpec, around: Circumstances) -> int:
    if around.held is not None:
        return around.held
    return granted(spec.cap_add, spec.cap_drop, privileged=spec.privileged)


def _capabilities(spec: ContainerSpec, around: Circumstances) -> Iterator[tuple[str, float]]:
    held = _held(spec, around)
    hardened = "no-new-privileges=true" in spec.security_opt
    share = 1.0 if spec.whom == "root" else NO_NEW_PRIVILEGES if hardened else NOT_ROOT
    if around.user_namespace:
        share *= IN_USER_NAMESPACE
    for bit, name in enumerate(NAMES):
        if held >> bit & 1:
            yield f"capability {name}", CAPABILITIES[name] * share
    if held >> NAMES.index("SYS_PTRACE") & 1 and "host" in spec.pid:
        yield "SYS_PTRACE among the host's processes", 0.95
    if spec.privileged:
        yield "privileged", 0.999
    if not hardened:
        powerless = spec.whom == "nonroot" and not held
        yield "no-new-privileges is not set", 0.05 if powerless else 0.12


def _namespaces(spec: ContainerSpec) -> Iterator[tuple[str, float]]:
    shared = (
        ("the host's PID namespace", spec.pid, 0.45),
        ("the host's network", spec.networks, 0.45),
        ("the host's IPC namespace", spec.ipc, 0.25),
        ("the host's user namespace", spec.userns, 0.10),
        ("the host's UTS namespace", spec.uts, 0.08),
    )
    for finding, words, weight in shared:
        if "host" in words:
            yield finding, weight


def _confinement(spec: ContainerSpec, around: Circumstances) -> Iterator[tuple[str, float]]:
    if spec.seccomp is False:
        yield "no seccomp filter", 0.40
    if "systempaths=unconfined" in spec.security_opt:
        yield "/proc and /sys are not masked", 0.35
    if not around.confined:
        yield "no security module on the host", 0.10
    elif not {"apparmor=unconfined", "label=disable"}.isdisjoint(spec.security_opt):
        yield "the security module is switched off", 0.20


def _host_files(spec: ContainerSpec) -> Iterator[tuple[str, float]]:
    for mount in spec.mounts:
        if mount.kind == "bind":
            yield from _bind(mount, spec.sockets)
    if spec.use_api_socket:
        yield "an engine's socket", 0.99
    for device in spec.devices:
        yield f"the device {device.path}", 0.40
    for rule in spec.device_rules:
        raw = rule.startswith(("a", "b *:*"))
        yield f"the device rule {rule}", 0.95 if raw else 0.40
    if spec.gpus:
        yield "graphics processors", 0.40


def _bind(mount: Mount, sockets: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    where = f"{mount.source} of the host, {'read-only' if mount.read_only else 'writable'}"
    if mount.source.endswith(".sock") or any(_is_in(socket, mount.source) for socket in sockets):
        yield f"an engine's socket through {mount.source}", 0.99
    elif mount.source in WHOLE and not mount.read_only:
        yield where, 0.97
    elif any(_is_in(mount.source, sensitive) for sensitive in (*SENSITIVE, *WHOLE)):
        yield where, 0.45 if mount.read_only else 0.90
    if mount.propagation == "shared":
        yield f"mounts spread to the host from {mount.source}", 0.30


def _is_in(path: str, directory: str) -> bool:
    """Tell whether a path is a directory, or lies in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _network(spec: ContainerSpec) -> Iterator[tuple[str, float]]:
    if spec.publish_all or any(port.address in ("0.0.0.0", "::") for port in spec.ports):  # noqa: S104 - what it is looked for
        yield "ports are published on all addresses", 0.08
    elif spec.ports:
        yield "ports are published on one address", 0.02
    if "bridge" in spec.networks:
        yield "the default bridge network", 0.06


def _resources(spec: ContainerSpec) -> Iterator[tuple[str, float]]:
    limits = (
        ("no limit on processes", spec.pids_limit, 0.06),
        ("no limit on memory", spec.memory, 0.04),
        ("no limit on processors", spec.cpus, 0.02),
    )
    for finding, amount, weight in limits:
        if amount is None or amount >= UNLIMITED:
            yield finding, weight
    if not spec.read_only:
        yield "the root file system can be written to", 0.05
    if spec.cgroup_parent:
        yield "another place among the cgroups", 0.05
