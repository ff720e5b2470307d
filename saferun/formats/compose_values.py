"""Parts of a Compose service as parts of a create body (docker/compose pkg/compose/create.go)."""

from __future__ import annotations

from saferun.formats.body_fields import Fields
from saferun.formats.docker_run.mounts import of_volume
from saferun.formats.engine_api import MountFacts
from saferun.judge.spec import Mount
from saferun.judge.values.amounts import BILLION, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    Body: TypeAlias = dict[str, Any]

#: How `deploy.restart_policy` calls the engine's restart policies.
CONDITIONS = {"none": "no", "any": "always"}


def objects(fields: Fields, name: str) -> tuple[Fields, ...]:
    """Return a list of objects; raises ValueError for short forms, which are not rendered."""
    if any(isinstance(one, str) for one in fields.listed(name)):
        message = f"{name}: short forms; render it with `docker compose config --format json`"
        raise ValueError(message)
    return fields.objects(name)


def size_of(fields: Fields, name: str) -> int:
    """Return a size in bytes, which the model writes as a number or as text; -1 for no limit."""
    value = fields.value(name)
    if isinstance(value, str):
        # -1 is no limit, to be refused as such.
        found = -1 if value == "-1" else size(value)
        if found is None:
            message = f"{name}: no size: {value!r}"
            raise ValueError(message)
        return found
    return fields.number(name)


def _processors(fields: Fields) -> int:
    value = fields.value("cpus") or 0
    try:
        return round(float(value) * BILLION)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"cpus: no number: {value!r}"
        raise ValueError(message) from error


def bind(source: str, target: str, *, read_only: bool) -> Body:
    """Return a mount of a host path."""
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}


def memory(value: str) -> Body:
    """Return one of `tmpfs`, `TARGET[:OPTIONS]`."""
    target, _, options = value.partition(":")
    words = [word.split("=", 1) for word in options.split(",") if word]
    return {"Type": "tmpfs", "Target": target, "TmpfsOptions": {"Options": words}}


def record(mount: Body) -> MountFacts:
    """Return a mount as the engine would show it to a container that takes it over."""
    config = mount.get("VolumeOptions", {}).get("DriverConfig", {})
    options = tuple(config.get("Options", {}).items())
    made = Mount(mount["Type"], mount.get("Source", ""), None, options=options)
    made = of_volume(made, None) if made.kind == "volume" else made
    # What else a volume's options may mean, its record does not say.
    kind = "unknown" if made.kind == "volume" and options else made.kind
    return MountFacts(
        kind=kind,
        name=made.source if kind == "volume" else "",
        source=made.source,
        target=mount["Target"],
        driver=config.get("Name", ""),
        writable=not mount.get("ReadOnly"),
        propagation=mount.get("BindOptions", {}).get("Propagation", ""),
    )


def ports(service: Fields) -> Body:
    """Return the port bindings of a service."""
    bindings: dict[str, list[Body]] = {}
    for port in objects(service, "ports"):
        published = port.value("published")
        where = f"{port.number('target')}/{port.text('protocol') or 'tcp'}"
        one = {"HostIp": port.text("host_ip"), "HostPort": str(published or "")}
        bindings.setdefault(where, []).append(one)
    return bindings


def health_check(check: Fields) -> Body:
    """Return the health check of a service."""
    test = ["NONE"] if check.switch("disable") else list(check.texts("test"))
    return {"Test": test}


def settings(service: Fields) -> Body:
    """Return hosts, log, restart policy and kernel parameters of a service."""
    hosts = service.value("extra_hosts")
    listed = (
        [f"{name}:{address}" for name, address in _pairs(service.inner("extra_hosts"))]
        if isinstance(hosts, dict)
        else [one.replace("=", ":", 1) for one in service.texts("extra_hosts")]
    )
    logging = service.inner("logging")
    restart = service.inner("deploy").inner("restart_policy")
    name, _, count = service.text("restart").partition(":")
    if restart.text("condition"):
        name = CONDITIONS.get(restart.text("condition"), restart.text("condition"))
        count = str(restart.number("max_attempts"))
    return {
        "ExtraHosts": listed,
        "LogConfig": {
            "Type": logging.text("driver"),
            "Config": {key: str(one) for key, one in logging.inner("options").items()},
        },
        "RestartPolicy": {
            "Name": CONDITIONS.get(name, name),
            "MaximumRetryCount": int(count) if count.isascii() and count.isdigit() else 0,
        },
        "Sysctls": {key: str(one) for key, one in service.inner("sysctls").items()},
        "BlkioWeight": 1 if service.has("blkio_config") else 0,
    }


def _pairs(fields: Fields) -> Iterator[tuple[str, str]]:
    for name in fields:
        for one in fields.texts(name):
            yield name, one


def resources(service: Fields) -> Body:
    """Return limits and devices of a service; those of `deploy` come before its own."""
    deployed = service.inner("deploy").inner("resources")
    limits, reserved = deployed.inner("limits"), deployed.inner("reservations")
    body: Body = {
        "NanoCpus": _processors(limits) or _processors(service),
        "DeviceRequests": [
            *(_request(one, "gpu") for one in objects(service, "gpus")),
            *(_request(one) for one in objects(reserved, "devices")),
        ],
        "Ulimits": [_ulimit(service.inner("ulimits"), name) for name in service.inner("ulimits")],
    }
    if limits.has("memory"):
        body["Memory"] = size_of(limits, "memory")
    if limits.number("pids") > 0:
        body["PidsLimit"] = limits.number("pids")
    if reserved.has("memory"):
        body["MemoryReservation"] = size_of(reserved, "memory")
    devices = []
    for one in service.listed("devices"):
        # Renderers before Compose 2.30 leave them as they were written.
        parts = one.split(":") if isinstance(one, str) else []
        device = Fields(dict(zip(("source", "target", "permissions"), parts, strict=False)), "")
        device = device if parts else Fields({"": one}, "devices").inner("")
        source, target = device.text("source"), device.text("target")
        if "=" in source and not source.startswith("/"):
            body["DeviceRequests"].append({"Driver": "cdi", "DeviceIDs": [source]})
            continue
        permissions = device.text("permissions")
        devices.append(
            {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": permissions}
        )
    body["Devices"] = devices
    return body


def _request(device: Fields, *more: str) -> Body:
    return {
        "Driver": device.text("driver"),
        "DeviceIDs": list(device.texts("device_ids")),
        "Capabilities": [[*device.texts("capabilities"), *more]],
    }


def _ulimit(ulimits: Fields, name: str) -> Body:
    value = ulimits.value(name)
    if type(value) is int:
        return {"Name": name, "Soft": value, "Hard": value}
    both = ulimits.inner(name)
    return {"Name": name, "Soft": both.number("soft"), "Hard": both.number("hard")}
