"""The container that is being asked about, in the engine's words, whichever door asks.

Everything is what the engine would do, not how it was spelled. None stands for what was not said,
or, where a field's description says so, for what could not be found out; that permits nothing.
"""

from __future__ import annotations

from saferun.judge.record import Record
from saferun.judge.rules import Image

#: An amount without an end.
UNLIMITED = 1 << 63


class Mount(Record):
    """Something mounted into the container.

    `kind`: "bind" (a host path), "volume" (a named or, with an empty source, an anonymous one),
    "tmpfs", "image", or whatever other word the engine was given. `source`: for a bind the host
    path, cleaned and, where the engine is local, without symbolic links; for a volume its name.
    `exact` is False for a bind whose links could not be followed, because the engine's files are
    not here. `target` is the container path, None for one that could not be understood and may be
    anywhere. `propagation`: "private", "slave" or "shared". `driver` and `options` are the
    volume's; of a volume that is a bind in disguise the kind is "bind" and the source its device.
    `asked` is how it was asked for, for people.
    """

    kind: str
    source: str
    target: str | None
    read_only: bool = False
    propagation: str = "private"
    driver: str = ""
    options: tuple[tuple[str, str], ...] = ()
    exact: bool = True
    asked: str = ""


class Device(Record):
    """A device of the host: its path there, and what may be done with it, a part of "rwm".

    A directory stands for every device below it. `path` of a CDI device is `VENDOR/CLASS=NAME`.
    """

    path: str
    permissions: str = "rwm"
    exact: bool = True


class Port(Record):
    """Ports of the host that are published: an address, a range, a protocol.

    `address` is "0.0.0.0" or "::" for all addresses; ports are inclusive; 0 to 0 stands for one
    that the engine chooses.
    """

    address: str
    first: int
    last: int
    protocol: str = "tcp"


class ContainerSpec(Record):
    """What a container would be, as far as the law has something to say about it.

    `user` is what the engine would record in Config.User; `uid` and `gid` are who that is for the
    kernel, `groups` the supplementary groups; None where it could not be found out. For `uid` that
    counts as "not root". Capability names are canonical.

    `pid`, `ipc`, `uts`, `userns`, `cgroupns` and `networks` hold words that must all be permitted:
    "private" (the engine's own default, too), "host", `container:NAME`, with "host" added where
    that container has the host's, a network's name.

    `security_opt` holds options in canonical form, `key=value`, of each key the one that counts:
    `no-new-privileges=true`, `seccomp=unconfined`, `seccomp=builtin`, `seccomp=sha256:…` for a
    profile by the hash of its content, `apparmor=…`, `label=…` (all of them),
    `systempaths=unconfined`, `writable-cgroups=true`. `seccomp` tells whether any filter will be
    on, None for unknown.

    Amounts are bytes, billionths of a processor, or numbers; UNLIMITED where that was asked for.
    `mounted_images` are those whose files are mounted, each with how it was asked for.
    `volume_driver` makes every volume that names no other, also those that the image asks for.
    `flags` are the names of all flags that were used; `verify` is saferun's own: "on" or "off".
    """

    user: str = ""
    uid: int | None = 0
    gid: int | None = 0
    groups: tuple[int | None, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    security_opt: tuple[str, ...] = ()
    seccomp: bool | None = None
    read_only: bool | None = None
    pid: tuple[str, ...] = ("private",)
    ipc: tuple[str, ...] = ("private",)
    uts: tuple[str, ...] = ("private",)
    userns: tuple[str, ...] = ("private",)
    cgroupns: tuple[str, ...] = ("private",)
    networks: tuple[str, ...] = ("bridge",)
    mounts: tuple[Mount, ...] = ()
    volume_driver: str = ""
    volumes_from: tuple[str, ...] = ()
    use_api_socket: bool = False
    sockets: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    device_rules: tuple[str, ...] = ()
    gpus: bool = False
    sysctls: tuple[tuple[str, str], ...] = ()
    ports: tuple[Port, ...] = ()
    publish_all: bool = False
    memory: int | None = None
    memory_swap: int | None = None
    cpus: int | None = None
    pids_limit: int | None = None
    shm_size: int | None = None
    ulimits: tuple[tuple[str, int, int], ...] = ()
    oom_kill_disable: bool = False
    oom_score_adj: int | None = None
    cgroup_parent: str = ""
    runtime: str | None = ""
    restart: tuple[str, int] = ("no", 0)
    log_driver: str | None = ""
    log_opts: tuple[tuple[str, str], ...] = ()
    add_hosts: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    health_check: bool = False
    image: Image = Image()
    pinned: bool = False
    tag: str = ""
    mounted_images: tuple[tuple[str, Image], ...] = ()
    pull: str = "missing"
    platform: str = ""
    flags: tuple[str, ...] = ()
    verify: str = "on"

    @property
    def whom(self) -> str:
        """Which tables of the law apply: "root" only for a uid that is known to be 0."""
        return "root" if self.uid == 0 else "nonroot"
