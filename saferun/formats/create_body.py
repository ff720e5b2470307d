"""Bodies of `POST /containers/create` and answers of `GET /containers/ID/json`, read with care.

Go reads JSON in its own way: keys match whatever their case, also letters that only fold to ASCII
(U+017F is an s), and of an object that stands there twice the parts are merged (encoding/json).
Nobody who writes bodies by machine needs any of that, so a body that does is refused as not
canonical, rather than read like Go and perhaps not quite.
"""

from __future__ import annotations

from saferun.formats import json_text
from saferun.formats.json_text import NotCanonicalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    #: Names of fields, and what their values are made of; None for a value without named fields.
    Fields: TypeAlias = "dict[str, Fields | None]"


def _fields(names: str, **inner: Fields) -> Fields:
    return {**dict.fromkeys(names.split()), **inner}


_ENDPOINT = _fields(
    "Links Aliases MacAddress DriverOpts GwPriority NetworkID EndpointID Gateway IPAddress "
    "IPPrefixLen IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen DNSNames",
    IPAMConfig=_fields("IPv4Address IPv6Address LinkLocalIPs"),
)
_MOUNT = _fields(
    "Type Source Target ReadOnly Consistency",
    BindOptions=_fields(
        "Propagation NonRecursive CreateMountpoint ReadOnlyNonRecursive ReadOnlyForceRecursive"
    ),
    VolumeOptions=_fields("NoCopy Labels Subpath", DriverConfig=_fields("Name Options")),
    ImageOptions=_fields("Subpath"),
    TmpfsOptions=_fields("SizeBytes Mode Options"),
    ClusterOptions={},
)
_HOST_CONFIG = _fields(
    "Binds ContainerIDFile NetworkMode PortBindings AutoRemove VolumeDriver VolumesFrom "
    "ConsoleSize Annotations CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts "
    "GroupAdd IpcMode Links OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs "
    "SecurityOpt StorageOpt Tmpfs UTSMode UsernsMode ShmSize Sysctls Runtime Isolation MaskedPaths "
    "ReadonlyPaths Init CpuShares Memory NanoCpus CgroupParent BlkioWeight CpuPeriod CpuQuota "
    "CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems DeviceCgroupRules KernelMemory "
    "KernelMemoryTCP MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit "
    "CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth",
    LogConfig=_fields("Type Config"),
    RestartPolicy=_fields("Name MaximumRetryCount"),
    Mounts=_MOUNT,
    BlkioWeightDevice=_fields("Path Weight"),
    BlkioDeviceReadBps=_fields("Path Rate"),
    BlkioDeviceWriteBps=_fields("Path Rate"),
    BlkioDeviceReadIOps=_fields("Path Rate"),
    BlkioDeviceWriteIOps=_fields("Path Rate"),
    Devices=_fields("PathOnHost PathInContainer CgroupPermissions"),
    DeviceRequests=_fields("Driver Count DeviceIDs Capabilities Options"),
    Ulimits=_fields("Name Hard Soft"),
)
CONFIG = _fields(
    "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin "
    "StdinOnce Env Cmd ArgsEscaped Image Volumes WorkingDir Entrypoint NetworkDisabled MacAddress "
    "OnBuild Labels StopSignal StopTimeout Shell",
    Healthcheck=_fields("Test Interval Timeout StartPeriod StartInterval Retries"),
)
#: What a body may name, as far as engines read it (moby api/types/container). The values of maps,
#: such as Labels or Sysctls, have keys that are the user's own.
BODY: Fields = {
    **CONFIG,
    "HostConfig": _HOST_CONFIG,
    "NetworkingConfig": _fields("EndpointsConfig"),
    "Config": CONFIG,
}


def read(data: bytes) -> list[dict[str, Any]]:
    """Return the bodies in a JSON text: one object, or an array of them.

    Raises NotCanonicalError, and ValueError when it is no JSON, or nothing that can be a body.
    """
    bodies = json_text.decode_once(data)
    if isinstance(bodies, dict):
        bodies = [bodies]
    if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
        message = "neither an object nor an array of objects"
        raise ValueError(message)
    if not bodies:
        # `docker inspect` of something that is not there prints this.
        message = "an empty array: there is no container in it"
        raise ValueError(message)
    for body in bodies:
        _canonical(body, BODY, "")
    return bodies


def unknown(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields of a body that say something and that nobody here knows.

    They may be a newer engine's, and mean anything. What an inspect answer has besides what was
    asked for is only what has become of the container.
    """
    parts = ("Config", "HostConfig") if "Config" in body else tuple(body)
    yield from _unknown({key: body.get(key) for key in parts}, BODY, "")


def _unknown(value: object, fields: Fields, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, fields, where)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key not in fields:
            # The zero of a type is what a field says that is not there.
            if inner not in (None, False, 0, "", [], {}):
                yield f"{where}{key}"
        elif key == "EndpointsConfig" and isinstance(inner, dict):
            for name, endpoint in inner.items():
                yield from _unknown(endpoint, _ENDPOINT, f"{where}{key}.{name}.")
        elif fields[key]:
            yield from _unknown(inner, fields[key] or {}, f"{where}{key}.")


def _canonical(value: object, fields: Fields, where: str) -> None:
    if isinstance(value, list):
        for item in value:
            _canonical(item, fields, where)
    if not isinstance(value, dict):
        return
    folded = {name.casefold(): name for name in fields}
    for key, inner in value.items():
        meant = folded.get(key.casefold())
        if meant is not None and meant != key:
            message = f"{where}{key!r} is read as {meant!r} by engines; write it so"
            raise NotCanonicalError(message)
        known = fields.get(key)
        if known:
            _canonical(inner, known, f"{where}{key}.")
    endpoints = value.get("EndpointsConfig")
    if isinstance(endpoints, dict):
        for name, endpoint in endpoints.items():
            _canonical(endpoint, _ENDPOINT, f"{where}{name}.")
