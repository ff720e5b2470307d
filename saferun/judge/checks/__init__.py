"""The controls, one a file; importing one registers nothing, `CONTROLS` is the list.

A control is imported only when a law states one of its keys, because most laws speak of few: the
run path is timed, and a control without an opinion to hold anything against has nothing to say.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from saferun.judge.control import Control

#: The module of every control, in the order in which reasons are given, and the keys it judges by.
#: One without keys holds under every law.
CONTROLS: dict[str, tuple[str, ...]] = {
    "image": ("image",),
    "pull": ("pull",),
    "platform": ("platform",),
    "user": ("user",),
    "group": ("group",),
    "group_add": ("group-add",),
    "privileged": ("privileged", "cap-add", "device", "device-cgroup-rule", "security-opt"),
    "cap_add": ("cap-add",),
    "cap_drop": ("cap-drop",),
    "no_new_privileges": ("security-opt",),
    "security_opt": ("security-opt",),
    "read_only": ("read-only",),
    "pid": ("pid",),
    "ipc": ("ipc",),
    "uts": ("uts",),
    "userns": ("userns",),
    "cgroupns": ("cgroupns",),
    "network": ("network",),
    "publish": ("publish",),
    "publish_all": ("publish-all",),
    "add_host": ("add-host",),
    "engine_socket": ("use-api-socket",),
    "volume": ("volume",),
    "volume_driver": ("volume-driver",),
    "volumes_from": ("volumes-from",),
    "tmpfs": ("tmpfs",),
    "device": ("device",),
    "device_cgroup_rule": ("device-cgroup-rule",),
    "gpus": ("gpus",),
    "sysctl": ("sysctl",),
    "memory": ("memory",),
    "memory_swap": ("memory-swap",),
    "cpus": ("cpus",),
    "pids_limit": ("pids-limit",),
    "shm_size": ("shm-size",),
    "ulimit": ("ulimit",),
    "oom_kill_disable": ("oom-kill-disable",),
    "oom_score_adj": ("oom-score-adj",),
    "cgroup_parent": ("cgroup-parent",),
    "runtime": ("runtime",),
    "annotation": ("annotation",),
    "restart": ("restart",),
    "log_driver": ("log-driver",),
    "log_opt": ("log-opt",),
    "health_check": ("health-cmd",),
    "forbid": ("forbid",),
    "receipts": ("receipts",),
    "gate_mount": (),
    "verification": ("verify",),
}


def relevant(keys: Container[str]) -> Iterator[Control]:
    """Yield, in the fixed order, every control that these keys of a law concern."""
    for name, its in CONTROLS.items():
        if not its or any(key in keys for key in its):
            yield control(name)


def control(name: str) -> Control:
    """Return the control of that module."""
    module = __import__(f"{__name__}.{name}", fromlist=("CONTROL",))
    found: Control = module.CONTROL
    return found
