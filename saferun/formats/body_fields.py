"""An object of an engine's JSON, read by name and type: what is not there, or null, says nothing.

Go takes a missing field, null and the type's own zero for the same (encoding/json), and so does
this; a value of any other type than the field's is an error, which engines would answer with 400.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, NoReturn

#: Flags of which no control reads more than that they are there, by the field that says the same.
CONFIG_FLAGS = {
    "Domainname": "domainname",
    "Tty": "tty",
    "OpenStdin": "interactive",
    "MacAddress": "mac-address",
    "StopTimeout": "stop-timeout",
}
HOST_FLAGS = {
    "AutoRemove": "rm",
    "ContainerIDFile": "cidfile",
    "Dns": "dns",
    "DnsOptions": "dns-option",
    "DnsSearch": "dns-search",
    "Links": "link",
    "StorageOpt": "storage-opt",
    "Isolation": "isolation",
    "Init": "init",
    "CpuShares": "cpu-shares",
    "BlkioWeight": "blkio-weight",
    "BlkioWeightDevice": "blkio-weight-device",
    "BlkioDeviceReadBps": "device-read-bps",
    "BlkioDeviceWriteBps": "device-write-bps",
    "BlkioDeviceReadIOps": "device-read-iops",
    "BlkioDeviceWriteIOps": "device-write-iops",
    "CpuRealtimePeriod": "cpu-rt-period",
    "CpuRealtimeRuntime": "cpu-rt-runtime",
    "CpusetCpus": "cpuset-cpus",
    "CpusetMems": "cpuset-mems",
    "KernelMemory": "kernel-memory",
    "MemoryReservation": "memory-reservation",
    "MemorySwappiness": "memory-swappiness",
    "CpuCount": "cpu-count",
    "CpuPercent": "cpu-percent",
    "IOMaximumIOps": "io-maxiops",
    "IOMaximumBandwidth": "io-maxbandwidth",
}


class Fields:
    """The fields of one object; every method raises ValueError for a value of the wrong type."""

    def __init__(self, fields: Mapping[str, Any], where: str) -> None:
        """Take the object, and what stands before its fields' names in errors: `HostConfig.`."""
        self._fields = fields
        self._where = where

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields."""
        return iter(self._fields)

    def value(self, name: str) -> Any:  # noqa: ANN401 - JSON is whatever it is
        """Return a value as it is, None when there is none."""
        return self._fields.get(name)

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.value(name) is not None

    def text(self, name: str) -> str:
        """Return a text, empty for none."""
        value = self.value(name)
        return "" if value is None else self._text(name, value)

    def number(self, name: str) -> int:
        """Return a whole number, 0 for none."""
        value = self.value(name)
        if value is None:
            return 0
        if type(value) is not int:  # a bool is an int, and no number
            self._wrong(name, "a whole number", value)
        return value

    def switch(self, name: str) -> bool:
        """Return true or false, which is also none."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self._wrong(name, "true or false", value)
        return value is True

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; engines take a text alone for a list of it (strslice)."""
        value = self.value(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._wrong(name, "a list", value)
        return tuple(self._text(name, one) for one in value)

    def mapping(self, name: str) -> dict[str, str]:
        """Return an object whose values are texts; those that are empty objects are empty."""
        return {
            key: "" if value in ({}, None) else self._text(f"{name}.{key}", value)
            for key, value in self.inner(name).items()
        }

    def inner(self, name: str) -> Fields:
        """Return an object, an empty one for none."""
        value = self.value(name)
        if value is not None and not isinstance(value, dict):
            self._wrong(name, "an object", value)
        return Fields(value or {}, f"{self._where}{name}.")

    def listed(self, name: str) -> list[Any]:
        """Return a list of whatever, an empty one for none."""
        value = self.value(name)
        if value is not None and not isinstance(value, list):
            self._wrong(name, "a list", value)
        return value or []

    def objects(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects; one that is null is empty."""
        value = self.listed(name)
        for one in value:
            if one is not None and not isinstance(one, dict):
                self._wrong(name, "objects", one)
        return tuple(Fields(one or {}, f"{self._where}{name}.") for one in value)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the fields as they are."""
        return iter(self._fields.items())

    def words(self, name: str) -> tuple[str, ...]:
        """Return whatever a field says, in words: none for the zero of its type."""
        value = self.value(name)
        if not value or value in ("", "default", -1):
            return ()
        if isinstance(value, dict):
            return tuple(f"{key}={one}" for key, one in value.items())
        if isinstance(value, list):
            return tuple(
                ":".join(map(str, one.values())) if isinstance(one, dict) else str(one)
                for one in value
            )
        return (str(value).lower() if isinstance(value, bool) else str(value),)

    def pair(self, key: str, value: str) -> str:
        """Return `KEY=VALUE`; raises ValueError for a key that would end elsewhere."""
        if "=" in key:
            message = f"{self._where.rstrip('.')}: no name: {key!r}"
            raise ValueError(message)
        return f"{key}={value}"

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            self._wrong(name, "text", value)
        return value

    def _wrong(self, name: str, wanted: str, value: object) -> NoReturn:
        message = f"{self._where}{name}: expected {wanted}, not {type(value).__name__}"
        raise ValueError(message)
