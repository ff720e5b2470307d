"""Create bodies and inspect answers to ContainerSpec: what the engine will make of one.

A body is first written as the `docker run` command line that asks for the same, and that is read
by the one reader there is: so a container is judged alike whichever way it was asked for. Texts are
taken over only where the command line's grammar would read them as the engine reads the field; any
other is refused, like a value of the wrong type.

A body is a `POST /containers/create`, or a `GET /containers/ID/json`, which has the request in
Config and HostConfig, with the engine's and the image's defaults filled in, and what came of it in
Mounts and NetworkSettings. A default that is filled in counts as silence in both, since it cannot
be told from it (moby daemon/daemon_unix.go adaptContainerSettings, daemon/commit.go merge).
"""

from __future__ import annotations

from saferun.formats import create_body, seccomp_profile
from saferun.formats.body_fields import CONFIG_FLAGS, HOST_FLAGS, Fields
from saferun.formats.body_mounts import is_gate, outcome, requested
from saferun.formats.docker_run import networks, security_options, spec
from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.mounts import of_mount
from saferun.judge.record import Record
from saferun.judge.values.amounts import BILLION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    from saferun.formats.engine_api import ImageFacts
    from saferun.formats.facts import Facts
    from saferun.judge.spec import ContainerSpec

    Option: TypeAlias = tuple[str, str]

#: What engines make of silence: bytes of /dev/shm (moby opts.DefaultShmSize).
SHM_SIZE = 64 << 20
#: Digits of a container's id that engines use as its host name and alias.
SHORT = 12
#: Paths that every engine masks, or makes read-only, where nothing is said (moby oci/defaults.go of
#: 20.10). Later ones have more; a list without one of these has been opened.
MASKED = frozenset(
    (
        *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
        *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
        "/sys/firmware",
    )
)
READ_ONLY = frozenset(("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"))


class Reference(Record):
    """The image of a body: how it was asked for, and what to look it up by (its id, if known)."""

    asked: str
    found: str


def is_inspect(body: Mapping[str, Any]) -> bool:
    """Tell whether a body is an inspect answer; raises ValueError for what could be either.

    The engine would read what looks like both as a request, and pass over Config.
    """
    if "Config" not in body:
        return False
    doubtful = sorted(create_body.CONFIG.keys() & body.keys() - {"Image"})
    if doubtful or not isinstance(body.get("Id"), str):
        also = f"also {doubtful[0]}" if doubtful else "no Id"
        message = f"neither a create body nor an inspect answer: it has Config and {also}"
        raise ValueError(message)
    return True


def image_of(body: Mapping[str, Any]) -> Reference:
    """Return the image of a body; raises ValueError when it names none."""
    top = Fields(body, "")
    asked = (top.inner("Config") if is_inspect(body) else top).text("Image")
    found = top.text("Image") or asked
    if not asked:
        message = "no image: Image is not there, or empty"
        raise ValueError(message)
    return Reference(asked, found)


def to_command(body: Mapping[str, Any], image: ImageFacts) -> RunCommand:
    """Return the command line that asks for the same container.

    `image` is what the engine has under `image_of(body)`: what a body repeats of it, it does not
    ask for. Of an inspect answer there are also the mounts that it has, though nobody named them.
    Raises ValueError for values of the wrong type, and for texts that a flag would not say.
    """
    asked = _request(body, image)
    command = RunCommand(asked, (), image_of(body).asked, ())
    if not is_inspect(body):
        return command
    # What volumes-from has brought is known; the container it came from may be gone.
    command = command.without("volumes-from")
    return command.replace(options=(*command.options, *outcome(body, command, image)))


def to_spec(body: Mapping[str, Any], facts: Facts) -> ContainerSpec:
    """Return what a body asks for, as far as it is known; raises ValueError like `to_command`.

    `facts` are those for the body's command line. Which seccomp profiles it has is read from the
    body itself.
    """
    command = to_command(body, facts.image)
    markers = [
        one.partition("=")[2]
        for one in command.verbatim("security-opt")
        if one.startswith("seccomp=sha256:")
    ]
    facts = facts.replace(profiles={one: one for one in markers})
    found = spec.to_spec(command, facts)
    asked = tuple(
        (name, text)
        for name, text in _request(body, facts.image)
        if name != "mount" or not is_gate(of_mount(text, facts))
    )
    silent = set(_defaults(found, facts))
    return found.replace(
        mounts=tuple(mount for mount in found.mounts if not is_gate(mount)),
        volumes_from=tuple(
            text.partition(":")[0] for name, text in asked if name == "volumes-from"
        ),
        flags=tuple(dict.fromkeys(name for name, _ in asked if name not in silent)),
    )


def _defaults(found: ContainerSpec, facts: Facts) -> Iterator[str]:
    """Yield flags that only say what the engine does anyway."""
    if facts.engine is None:
        return
    if found.cgroupns == networks.cgroupns("", facts, privileged=found.privileged):
        yield "cgroupns"
    if found.runtime == facts.engine.runtime:
        yield "runtime"
    if found.log_driver == facts.engine.log_driver:
        yield "log-driver"


def _request(body: Mapping[str, Any], image: ImageFacts) -> tuple[Option, ...]:
    top = Fields(body, "")
    config = top.inner("Config") if is_inspect(body) else top
    host = top.inner("HostConfig")
    return tuple(
        option
        for options in (
            _identity(top, config, image),
            _plain(config, CONFIG_FLAGS),
            _plain(host, HOST_FLAGS),
            requested(config, host, image),
            _namespaces(top, host),
            _confinement(host),
            _devices(host),
            _amounts(host),
            _ports(config, host, image),
            _settings(host),
            _health_check(config, image),
        )
        for option in options
    )


def _identity(top: Fields, config: Fields, image: ImageFacts) -> Iterator[Option]:
    """Yield what the image also says of itself, where the body says something else."""
    said = {
        "user": (config.text("User"), image.user),
        "workdir": (config.text("WorkingDir"), image.working_dir),
        "stop-signal": (config.text("StopSignal"), image.stop_signal),
    }
    for flag, (ours, its) in said.items():
        if ours and ours != its:
            yield flag, ours
    entrypoint = config.texts("Entrypoint")
    if entrypoint and entrypoint != image.entrypoint:
        yield "entrypoint", entrypoint[0]
    for one in config.texts("Env"):
        if one not in image.env:
            yield "env", one
    for name, value in config.mapping("Labels").items():
        if (name, value) not in image.labels:
            yield "label", f"{name}={value}"
    hostname, host = config.text("Hostname"), top.inner("HostConfig")
    # With the host's network the record has the host's own name.
    borrowed = host.text("NetworkMode") == networks.HOST
    if hostname and hostname != top.text("Id")[:SHORT] and not borrowed:
        yield "hostname", hostname


def _plain(fields: Fields, flags: Mapping[str, str]) -> Iterator[Option]:
    """Yield flags of which no control reads more than that they are there."""
    for name, flag in flags.items():
        for word in fields.words(name):
            yield flag, word


def _namespaces(top: Fields, host: Fields) -> Iterator[Option]:
    silent = {"ipc": ("", networks.PRIVATE), "pid": ("",), "uts": ("",), "userns": ("",)}
    names = {"ipc": "IpcMode", "pid": "PidMode", "uts": "UTSMode", "userns": "UsernsMode"}
    for flag, name in (*names.items(), ("cgroupns", "CgroupnsMode")):
        mode = host.text(name)
        if mode not in silent.get(flag, ("",)):
            yield flag, mode
    yield from _networks(top, host)


def _networks(top: Fields, host: Fields) -> Iterator[Option]:
    """Yield the networks: of HostConfig, of NetworkingConfig, and those that it is in."""
    asked = top.inner("NetworkingConfig").inner("EndpointsConfig")
    are = top.inner("NetworkSettings").inner("Networks")
    modes = [host.text("NetworkMode"), *asked, *are]
    if all(mode in (*networks.DEFAULT, "bridge") for mode in modes):
        modes = []
    for mode in dict.fromkeys(mode if mode not in networks.DEFAULT else "bridge" for mode in modes):
        if "=" in mode:
            # The CLI would read fields in it.
            message = f"HostConfig.NetworkMode: no network is called {mode!r}"
            raise ValueError(message)
        yield "network", mode
    for endpoints in (asked, are):
        for name in endpoints:
            yield from _endpoint(endpoints.inner(name), top.text("Id")[:SHORT])


def _endpoint(endpoint: Fields, alias: str) -> Iterator[Option]:
    for setting in endpoint.mapping("DriverOpts").get(networks.SYSCTLS, "").split(","):
        if setting:
            yield "sysctl", setting.strip()
    # Engines move HostConfig.Links here, for a network of the user's own.
    for one in endpoint.texts("Links"):
        yield "link", one
    for one in endpoint.texts("Aliases"):
        if one != alias:
            yield "network-alias", one
    yield from _plain(
        endpoint.inner("IPAMConfig"),
        {"IPv4Address": "ip", "IPv6Address": "ip6", "LinkLocalIPs": "link-local-ip"},
    )


def _confinement(host: Fields) -> Iterator[Option]:
    for flag, name in (("cap-add", "CapAdd"), ("cap-drop", "CapDrop")):
        for one in host.texts(name):
            yield flag, one
    for flag, name in (("privileged", "Privileged"), ("read-only", "ReadonlyRootfs")):
        if host.switch(name):
            yield flag, "true"
    implied = host.switch("Privileged") or networks.HOST in (
        host.text("PidMode"),
        host.text("IpcMode"),
    )
    for option in security_options.without_implied(host.texts("SecurityOpt"), implied=implied):
        key, _, value = option.partition("=" if "=" in option else ":")
        if key == "seccomp" and value not in security_options.SECCOMP_WORDS:
            # Bodies have the profile itself where command lines have its file.
            identity = seccomp_profile.identity(value.encode("utf-8", "surrogatepass"))
            yield "security-opt", f"seccomp={identity or 'unknown'}"
        else:
            yield "security-opt", option
    for name, least in (("MaskedPaths", MASKED), ("ReadonlyPaths", READ_ONLY)):
        # Null, or nothing at all, stands for the engine's own list; an empty list for an empty one.
        if host.has(name) and not least <= set(host.texts(name)):
            yield "security-opt", "systempaths=unconfined"


def _devices(host: Fields) -> Iterator[Option]:
    for one in host.objects("Devices"):
        parts = (one.text("PathOnHost"), one.text("PathInContainer"))
        if any(":" in part for part in parts):
            message = f"HostConfig.Devices: a path with a colon: {':'.join(parts)!r}"
            raise ValueError(message)
        path, place = parts
        # With a place as the client has it, the path is what it is to the engine, whatever it is.
        place = "/" + (place or path).lstrip("/")
        yield "device", f"{path}:{place}:{one.text('CgroupPermissions') or 'rwm'}"
    for request in host.objects("DeviceRequests"):
        names = request.texts("DeviceIDs")
        if request.text("Driver") != "cdi":
            yield "gpus", "all"
        elif request.value("Capabilities"):
            yield "gpus", ",".join(["driver=cdi", f'"device={",".join(names)}"'])
        else:
            for name in names:
                yield "device", name
    for rule in host.texts("DeviceCgroupRules"):
        yield "device-cgroup-rule", rule


def _amounts(host: Fields) -> Iterator[Option]:
    memory = host.number("Memory")
    swap = host.number("MemorySwap")
    silent = {"MemorySwap": 2 * memory, "ShmSize": SHM_SIZE}
    for flag, name in (
        ("memory", "Memory"),
        ("memory-swap", "MemorySwap"),
        ("shm-size", "ShmSize"),
        ("cpu-quota", "CpuQuota"),
        ("cpu-period", "CpuPeriod"),
        ("pids-limit", "PidsLimit"),
        ("oom-score-adj", "OomScoreAdj"),
    ):
        amount = swap if name == "MemorySwap" else host.number(name)
        # The engine's record of no limit on processes is silence.
        if name == "PidsLimit" and amount < 0:
            continue
        if amount not in (0, silent.get(name, 0)):
            yield flag, str(amount)
    nano = host.number("NanoCpus")
    if nano:
        yield "cpus", f"{nano // BILLION}.{nano % BILLION:09d}" if nano > 0 else "inf"
    if host.switch("OomKillDisable"):
        yield "oom-kill-disable", "true"
    for one in host.objects("Ulimits"):
        yield "ulimit", one.pair(one.text("Name"), f"{one.number('Soft')}:{one.number('Hard')}")
    restart = host.inner("RestartPolicy")
    name, count = restart.text("Name"), restart.number("MaximumRetryCount")
    if name not in ("", "no"):
        yield "restart", f"{name}:{count}" if count else name


def _ports(config: Fields, host: Fields, image: ImageFacts) -> Iterator[Option]:
    for port in config.mapping("ExposedPorts"):
        if port not in image.exposed:
            yield "expose", port
    if host.switch("PublishAllPorts"):
        yield "publish-all", "true"
    bindings = host.inner("PortBindings")
    for port in bindings:
        number, _, protocol = port.partition("/")
        if not number.replace("-", "").isalnum() or not (protocol or "tcp").isalnum():
            message = f"HostConfig.PortBindings: no port: {port!r}"
            raise ValueError(message)
        # For an empty list engines of API 1.52 and before choose a port on every address.
        for one in bindings.objects(port) or (Fields({}, "HostConfig.PortBindings."),):
            address, published = one.text("HostIp"), one.text("HostPort")
            if set(f"{address}{published}") & set("=/[]"):
                message = f"HostConfig.PortBindings: no address and port: {address!r} {published!r}"
                raise ValueError(message)
            if not published:
                published = "0"
            if ":" in published:
                message = f"HostConfig.PortBindings: no port: {published!r}"
                raise ValueError(message)
            where = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
            yield "publish", f"{where}{published}:{port}"


def _settings(host: Fields) -> Iterator[Option]:
    for flag, name in (("group-add", "GroupAdd"), ("add-host", "ExtraHosts")):
        for one in host.texts(name):
            yield flag, one
    for flag, name in (("sysctl", "Sysctls"), ("annotation", "Annotations")):
        for key, value in host.mapping(name).items():
            yield flag, host.pair(key, value)
    for flag, name in (("cgroup-parent", "CgroupParent"), ("runtime", "Runtime")):
        if host.text(name):
            yield flag, host.text(name)
    log = host.inner("LogConfig")
    if log.text("Type"):
        yield "log-driver", log.text("Type")
    for key, value in log.mapping("Config").items():
        yield "log-opt", log.pair(key, value)


def _health_check(config: Fields, image: ImageFacts) -> Iterator[Option]:
    words = config.inner("Healthcheck").texts("Test")
    if words == ("NONE",):
        yield "no-healthcheck", "true"
    elif words and words != image.health_words:
        yield "health-cmd", " ".join(words[1:]) if words[0] else ""
