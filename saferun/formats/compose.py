"""The rendered model of a Compose project to create bodies: `docker compose config --format json`.

Each service becomes the body that Compose would create its containers with (docker/compose
pkg/compose/create.go, compose-go types). What Compose resolves itself is resolved here: names of
volumes and networks, the driver options of a volume that it would make, the service that another
one joins. A model that is not rendered is refused, as are values of the wrong type; a key that
nobody here knows, and that says something, makes its service one that cannot be told.
"""

from __future__ import annotations

from saferun.formats import compose_values as values
from saferun.formats.body_fields import Fields
from saferun.formats.engine_api import ContainerFacts, MountFacts
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    Body: TypeAlias = dict[str, Any]

#: Keys of a service that say nothing of what its containers may do.
PASSED = frozenset(
    (
        *("attach", "build", "command", "container_name", "depends_on", "develop", "dockerfile"),
        *("env_file", "extends", "label_file", "profiles", "pull_policy", "scale", "platform"),
        *("deploy", "configs", "secrets", "networks", "volumes", "volumes_from", "image"),
        *("network_mode", "pid", "ipc", "ports", "tmpfs", "devices", "gpus", "extra_hosts"),
        *("healthcheck", "logging", "restart", "ulimits", "blkio_config", "use_api_socket"),
        *("security_opt", "expose", "environment", "sysctls", "annotations", "labels"),
        *("storage_opt", "external_links", "stop_grace_period"),
    )
)
#: The same of `deploy`: what only a swarm reads.
SWARM = frozenset(
    (
        *("mode", "replicas", "labels", "update_config", "rollback_config", "placement"),
        *("endpoint_mode", "resources", "restart_policy"),
    )
)
#: Keys whose value Compose hands to the engine as it is, by the field of Config or HostConfig.
CONFIG = {
    "hostname": "Hostname",
    "domainname": "Domainname",
    "user": "User",
    "tty": "Tty",
    "stdin_open": "OpenStdin",
    "entrypoint": "Entrypoint",
    "working_dir": "WorkingDir",
    "stop_signal": "StopSignal",
    "mac_address": "MacAddress",
}
HOST = {
    "annotations": "Annotations",
    "cap_add": "CapAdd",
    "cap_drop": "CapDrop",
    "init": "Init",
    "cgroup": "CgroupnsMode",
    "read_only": "ReadonlyRootfs",
    "volume_driver": "VolumeDriver",
    "storage_opt": "StorageOpt",
    "userns_mode": "UsernsMode",
    "uts": "UTSMode",
    "privileged": "Privileged",
    "isolation": "Isolation",
    "runtime": "Runtime",
    "group_add": "GroupAdd",
    "links": "Links",
    "oom_score_adj": "OomScoreAdj",
    "oom_kill_disable": "OomKillDisable",
    "cgroup_parent": "CgroupParent",
    "cpuset": "CpusetCpus",
    "cpu_count": "CpuCount",
    "cpu_percent": "CpuPercent",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpu_rt_period": "CpuRealtimePeriod",
    "cpu_rt_runtime": "CpuRealtimeRuntime",
    "cpu_shares": "CpuShares",
    "pids_limit": "PidsLimit",
    "device_cgroup_rules": "DeviceCgroupRules",
    "dns": "Dns",
    "dns_opt": "DnsOptions",
    "dns_search": "DnsSearch",
}
#: Keys whose value is a size, which the model writes as a number or as text.
SIZES = {
    "mem_limit": "Memory",
    "memswap_limit": "MemorySwap",
    "mem_reservation": "MemoryReservation",
    "mem_swappiness": "MemorySwappiness",
    "shm_size": "ShmSize",
}
#: What `use_api_socket` mounts.
SOCKET = "/var/run/docker.sock"
#: Modes that join another service.
SERVICE = "service:"


class Service(Record):
    """One service: its name, the body of its containers, what in it nobody here understands.

    `siblings` are the containers of other services that it joins, or takes volumes from.
    """

    name: str
    body: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    siblings: Mapping[str, ContainerFacts] = {}
    platform: str = ""


def services(model: Mapping[str, Any], profiles: Mapping[str, bytes] = {}) -> list[Service]:
    """Return the services of a rendered model; raises ValueError when it is none.

    `profiles` is the content of the seccomp profiles that `profiles_of` names, where it could be
    read.
    """
    project = _Project(model, profiles)
    found = [project.service(name) for name in project.services]
    if not found:
        message = "no services"
        raise ValueError(message)
    return found


def profiles_of(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of the seccomp profiles that a model names; raises ValueError."""
    listed = Fields(model, "").inner("services")
    options = (option for name in listed for option in listed.inner(name).texts("security_opt"))
    return tuple(dict.fromkeys(path for path in map(_profile, options) if path))


def _profile(option: str) -> str:
    """Return the file that a security option names; none for the words that stand for no file."""
    key, _, value = option.partition("=" if "=" in option else ":")
    return value if key == "seccomp" and value not in ("unconfined", "builtin") else ""


class _Project:
    """A rendered model, read."""

    def __init__(self, model: Mapping[str, Any], profiles: Mapping[str, bytes]) -> None:
        top = Fields(_unescaped(model), "")
        self.name = top.text("name")
        self.services = top.inner("services")
        self.volumes = top.inner("volumes")
        self.networks = top.inner("networks")
        self.files = {"configs": top.inner("configs"), "secrets": top.inner("secrets")}
        self.profiles = profiles

    def service(self, name: str) -> Service:
        service = self.services.inner(name)
        config = {field: service.value(key) for key, field in CONFIG.items() if service.has(key)}
        host = {field: service.value(key) for key, field in HOST.items() if service.has(key)}
        host |= {
            field: values.size_of(service, key) for key, field in SIZES.items() if service.has(key)
        }
        siblings: dict[str, ContainerFacts] = {}
        for key, field in (("pid", "PidMode"), ("ipc", "IpcMode"), ("network_mode", "NetworkMode")):
            mode = self.mode(service.text(key), siblings)
            if mode:
                host[field] = mode
        host["VolumesFrom"] = [self.taken(one, siblings) for one in service.texts("volumes_from")]
        body: Body = {
            **config,
            "Image": service.text("image") or f"{self.name}-{name}",
            "Env": [f"{key}={value}" for key, value in service.inner("environment").items()],
            "Labels": dict(service.inner("labels").items()),
            "ExposedPorts": {port: {} for port in map(str, service.listed("expose"))},
            "Healthcheck": values.health_check(service.inner("healthcheck")),
            "StopTimeout": 1 if service.has("stop_grace_period") else None,
            "HostConfig": {**host, **values.settings(service), **values.resources(service)},
        }
        options, unmasked = self.security(service)
        body["HostConfig"] |= {
            "SecurityOpt": options,
            "Mounts": self.mounts(service),
            "PortBindings": values.ports(service),
            **({"MaskedPaths": [], "ReadonlyPaths": []} if unmasked else {}),
        }
        if not service.text("network_mode"):
            names = self.networks_of(service)
            body["HostConfig"]["NetworkMode"] = next(iter(names), "none")
            body["NetworkingConfig"] = {"EndpointsConfig": names}
        return Service(name, body, tuple(self.unknown(service)), siblings, service.text("platform"))

    def container(self, service: str) -> str:
        """Return the name of a service's first container."""
        return self.services.inner(service).text("container_name") or f"{self.name}-{service}-1"

    def mode(self, mode: str, siblings: dict[str, ContainerFacts]) -> str:
        """Return a mode as the engine is told it."""
        if not mode.startswith(SERVICE):
            return mode
        name = self.container(mode.removeprefix(SERVICE))
        siblings[name] = self.sibling(mode.removeprefix(SERVICE))
        return f"container:{name}"

    def taken(self, value: str, siblings: dict[str, ContainerFacts]) -> str:
        """Return one of `volumes_from` as the engine is told it."""
        if value.startswith("container:"):
            return value.removeprefix("container:")
        service, colon, mode = value.partition(":")
        name = self.container(service)
        siblings[name] = self.sibling(service)
        return f"{name}{colon}{mode}"

    def sibling(self, name: str, above: tuple[str, ...] = ()) -> ContainerFacts:
        """Return what another service's container will be to one that joins it."""
        if name in above or name not in self.services:
            message = f"services: {name!r} is not there, or joins itself"
            raise ValueError(message)
        service = self.services.inner(name)
        modes = {}
        for key in ("pid", "ipc", "network_mode"):
            mode = service.text(key)
            if mode.startswith(SERVICE):
                other = self.sibling(mode.removeprefix(SERVICE), (*above, name))
                mode = getattr(other, "network" if key == "network_mode" else key)
            # A container that it joins may have joined the host's: nobody has looked.
            modes[key] = "host" if mode.startswith("container:") else mode
        mounts = [values.record(one) for one in self.mounts(service)]
        for value in service.texts("volumes_from"):
            if value.startswith("container:"):
                mounts.append(MountFacts("unknown", "", "", "relative"))
            else:
                mounts += self.sibling(value.partition(":")[0], (*above, name)).mounts
        return ContainerFacts(
            "",
            self.container(name),
            modes["pid"],
            modes["ipc"],
            modes["network_mode"],
            tuple(mounts),
        )

    def security(self, service: Fields) -> tuple[list[str], bool]:
        """Return the security options, profiles by what they say, and whether /proc is unmasked."""
        options, unmasked = [], False
        for option in service.texts("security_opt"):
            path = _profile(option)
            if option == "systempaths=unconfined":
                unmasked = True
            elif path:
                content = self.profiles.get(path, b"").decode("utf-8", "replace")
                options.append(f"seccomp={content}")
            else:
                options.append(option)
        return options, unmasked

    def mounts(self, service: Fields) -> list[Body]:
        found = [self.mount(one) for one in values.objects(service, "volumes")]
        found += [values.memory(one) for one in service.texts("tmpfs")]
        for kind, directory in (("configs", "/"), ("secrets", "/run/secrets/")):
            for one in values.objects(service, kind):
                defined = self.files[kind].inner(one.text("source"))
                target = one.text("target") or one.text("source")
                if defined.text("file"):
                    path = target if target.startswith("/") else directory + target
                    found.append(values.bind(defined.text("file"), path, read_only=True))
        if service.switch("use_api_socket"):
            found.append(values.bind(SOCKET, SOCKET, read_only=False))
        return found

    def mount(self, mount: Fields) -> Body:
        kind, source = mount.text("type"), mount.text("source")
        memory = mount.inner("tmpfs")
        body: Body = {
            "Type": kind,
            "Source": source,
            "Target": mount.text("target"),
            "ReadOnly": mount.switch("read_only"),
            "BindOptions": {"Propagation": mount.inner("bind").text("propagation")},
        }
        if memory.has("size") or memory.has("mode"):
            mode = memory.number("mode")
            body["TmpfsOptions"] = {"SizeBytes": values.size_of(memory, "size"), "Mode": mode}
        if kind == "volume" and source in self.volumes:
            volume = self.volumes.inner(source)
            body["Source"] = volume.text("name") or f"{self.name}_{source}"
            if not volume.value("external"):
                config = {
                    "Name": volume.text("driver"),
                    "Options": {key: str(one) for key, one in volume.inner("driver_opts").items()},
                }
                body["VolumeOptions"] = {"DriverConfig": config}
        return body

    def networks_of(self, service: Fields) -> dict[str, Body]:
        listed = service.inner("networks")
        keys = list(listed) or (["default"] if "default" in self.networks else [])
        found: dict[str, Body] = {}
        for key in keys:
            network, joined = self.networks.inner(key), listed.inner(key)
            name = network.text("name") or f"{self.name}_{key}"
            found["host" if network.text("driver") == "host" else name] = {
                "Aliases": list(joined.texts("aliases")),
                "DriverOpts": dict(joined.mapping("driver_opts")),
                "IPAMConfig": {
                    "IPv4Address": joined.text("ipv4_address"),
                    "IPv6Address": joined.text("ipv6_address"),
                    "LinkLocalIPs": list(joined.texts("link_local_ips")),
                },
            }
        return found

    def unknown(self, service: Fields) -> Iterator[str]:
        """Yield the keys of a service that say something and that nobody here reads."""
        read = PASSED | CONFIG.keys() | HOST.keys() | SIZES.keys() | {"cpus"}
        for key, value in service.items():
            if key not in read and not key.startswith("x-") and value not in _NOTHING:
                yield key
        deploy = service.inner("deploy")
        for key, value in deploy.items():
            if key not in SWARM and not key.startswith("x-") and value not in _NOTHING:
                yield f"deploy.{key}"
        resources = deploy.inner("resources")
        for part, known in (
            ("limits", {"cpus", "memory", "pids"}),
            ("reservations", {"cpus", "memory", "devices"}),
        ):
            for key, value in resources.inner(part).items():
                if key not in known and value not in _NOTHING:
                    yield f"deploy.resources.{part}.{key}"


#: What says nothing: the zero of any type.
_NOTHING: tuple[object, ...] = (None, False, 0, "", [], {})


def _unescaped(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a value with `$$` as the `$` that it stands for in a rendered model."""
    if isinstance(value, dict):
        return {key: _unescaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_unescaped(one) for one in value]
    return value.replace("$$", "$") if isinstance(value, str) else value
