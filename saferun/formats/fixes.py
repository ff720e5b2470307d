"""What to change so that a finding goes away: a flag, a field of a create body, a Compose key."""

from __future__ import annotations

from saferun.judge.decision import Obligation
from saferun.judge.values.amounts import BILLION, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from saferun.judge.decision import Violation

    #: How something is asked for: with docker run, in a create body, in a Compose file.
    Dialect: TypeAlias = Literal["run", "body", "inspect", "compose"]

#: Controls that are not called by the flag that they are about.
FLAGS = {
    "engine-socket": "volume",
    "gate-mount": "volume",
    "health-check": "health-cmd",
    "no-new-privileges": "security-opt",
}
#: By flag: the field of a body and the key of a service that say the same.
NAMES = {
    "add-host": ("HostConfig.ExtraHosts", "extra_hosts"),
    "annotation": ("HostConfig.Annotations", "annotations"),
    "cap-add": ("HostConfig.CapAdd", "cap_add"),
    "cap-drop": ("HostConfig.CapDrop", "cap_drop"),
    "cgroup-parent": ("HostConfig.CgroupParent", "cgroup_parent"),
    "cgroupns": ("HostConfig.CgroupnsMode", "cgroup"),
    "cpu-quota": ("HostConfig.CpuQuota", "cpu_quota"),
    "cpus": ("HostConfig.NanoCpus", "cpus"),
    "device": ("HostConfig.Devices", "devices"),
    "device-cgroup-rule": ("HostConfig.DeviceCgroupRules", "device_cgroup_rules"),
    "gpus": ("HostConfig.DeviceRequests", "gpus"),
    "group": ("User", "user"),
    "group-add": ("HostConfig.GroupAdd", "group_add"),
    "health-cmd": ("Healthcheck", "healthcheck"),
    "image": ("Image", "image"),
    "ipc": ("HostConfig.IpcMode", "ipc"),
    "link": ("HostConfig.Links", "links"),
    "log-driver": ("HostConfig.LogConfig.Type", "logging.driver"),
    "log-opt": ("HostConfig.LogConfig.Config", "logging.options"),
    "memory": ("HostConfig.Memory", "mem_limit"),
    "memory-swap": ("HostConfig.MemorySwap", "memswap_limit"),
    "network": ("HostConfig.NetworkMode", "networks"),
    "oom-kill-disable": ("HostConfig.OomKillDisable", "oom_kill_disable"),
    "oom-score-adj": ("HostConfig.OomScoreAdj", "oom_score_adj"),
    "pid": ("HostConfig.PidMode", "pid"),
    "pids-limit": ("HostConfig.PidsLimit", "pids_limit"),
    "platform": ("the query's platform", "platform"),
    "privileged": ("HostConfig.Privileged", "privileged"),
    "publish": ("HostConfig.PortBindings", "ports"),
    "publish-all": ("HostConfig.PublishAllPorts", "ports"),
    "read-only": ("HostConfig.ReadonlyRootfs", "read_only"),
    "restart": ("HostConfig.RestartPolicy", "restart"),
    "runtime": ("HostConfig.Runtime", "runtime"),
    "security-opt": ("HostConfig.SecurityOpt", "security_opt"),
    "shm-size": ("HostConfig.ShmSize", "shm_size"),
    "sysctl": ("HostConfig.Sysctls", "sysctls"),
    "tmpfs": ("HostConfig.Tmpfs", "tmpfs"),
    "ulimit": ("HostConfig.Ulimits", "ulimits"),
    "use-api-socket": ("HostConfig.Mounts", "use_api_socket"),
    "user": ("User", "user"),
    "userns": ("HostConfig.UsernsMode", "userns_mode"),
    "uts": ("HostConfig.UTSMode", "uts"),
    "volume": ("HostConfig.Binds and HostConfig.Mounts", "volumes"),
    "volume-driver": ("HostConfig.Mounts", "volumes"),
    "volumes-from": ("HostConfig.VolumesFrom", "volumes_from"),
}
#: How findings about networks begin that are not the project's own.
MODES = ("--network=host", "--network=container:")
#: Flags that may be given more than once.
LISTS = frozenset(("cap-drop", "security-opt"))
SIZES = frozenset(("memory", "memory-swap", "shm-size"))


def flag(finding: Violation | Obligation) -> str:
    """Return the flag that a finding is about."""
    if isinstance(finding, Obligation):
        return finding.flag
    return FLAGS.get(finding.check, finding.key or finding.check)


def where(finding: Violation | Obligation, dialect: Dialect, prefix: str) -> str:
    """Return what has to be changed: `--cap-drop`, `HostConfig.CapDrop`, `services.web.cap_drop`.

    `prefix` is where the service is in its file.
    """
    name = flag(finding)
    if dialect == "run" or name not in NAMES:
        return f"--{name}"
    field, key = NAMES[name]
    if dialect == "compose":
        # What is not a network of the project stands in a key of its own.
        mode = name == "network" and finding.reason.startswith(MODES)
        return f"{prefix}.{'network_mode' if mode else key}"
    inside = dialect == "inspect" and not field.startswith(("HostConfig", "the "))
    return f"Config.{field}" if inside else field


def fix(finding: Violation | Obligation, dialect: Dialect, prefix: str) -> str:
    """Return what to do: the line to add, or what to change and how."""
    place = where(finding, dialect, prefix)
    if isinstance(finding, Obligation):
        value = _value(finding, dialect)
        return f"add {place}={value}" if dialect == "run" else f"add {place}: {value}"
    if dialect == "run" or not finding.hint:
        return finding.hint or f"change {place}"
    return f"change {place}: {finding.hint}"


def _value(obligation: Obligation, dialect: Dialect) -> str:
    value = obligation.value
    if dialect == "run":
        return value
    if obligation.flag in LISTS:
        return f'["{value}"]'
    bytes_ = size(value) if obligation.flag in SIZES else None
    if bytes_ is not None and dialect != "compose":
        return str(bytes_)
    if obligation.flag == "cpus" and dialect != "compose":
        return str(round(float(value) * BILLION))
    return value if value in ("true", "false") or _is_number(value) else f'"{value}"'


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()
