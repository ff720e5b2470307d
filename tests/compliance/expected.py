"""What saferun must make of a create body, worked out from its promise and not from its code.

The body is what the docker CLI sends for the same words by itself. The promise: a container whose
user is not root loses every capability, gets back what an allowlist names, and is refused whatever
else would undo that; the gate comes in front; nothing else changes.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from saferun.gate.built import ARCHITECTURES, DIGEST
from tests.compliance.recording_engine import IMAGE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tests.compliance.recording_engine import Image

DIRECTORY = "/.saferun"
VOLUME = f"saferun-gate-{DIGEST[:12]}"
LABELS = {"saferun.gate": DIGEST}
#: Where the gate is mounted: nobody can know it beforehand.
PLACE = re.compile(rf"{re.escape(DIRECTORY)}/[0-9a-f]{{16}}")
#: Bits of those capabilities that the tests ever allow (linux/capability.h).
BITS = {"NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "SYS_TIME": 25}
ANYTHING, NOTHING = f"{(1 << 64) - 1:016x}", f"{0:016x}"

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:1000:1000::/:/bin/sh
toor:x:0:0::/root:/bin/sh
"""
UIDS = {"root": 0, "app": 1000, "toor": 0}


@dataclass(frozen=True)
class Asked:
    """A create body as docker run would send it, for an image, under an allowlist.

    `passwd` is what the image's own says.
    """

    body: Mapping[str, Any]
    image: Image
    platform: str = ""
    allowed: Collection[str] = ()

    @property
    def host(self) -> Mapping[str, Any]:
        host: Mapping[str, Any] = self.body["HostConfig"]
        return host

    @property
    def user(self) -> str:
        """Who the engine would look up: the last -u, or the image's USER if that is empty."""
        user: str = self.body["User"] or self.image.config.get("User", "")
        return user.partition(":")[0]

    @property
    def is_root(self) -> bool:
        """Whether the kernel will say uid 0: a number that is, or a name that passwd says is."""
        if not self.user:
            return True
        if re.fullmatch(r"[+-]?[0-9]+", self.user, re.ASCII):
            return int(self.user) == 0
        hidden = {"/", "/etc", "/etc/passwd"}.intersection(map(absolute, self.targets()))
        return not hidden and UIDS.get(self.user) == 0

    @property
    def says_root(self) -> bool:
        """Whether the words alone make it root, in any image: then there is nothing to check."""
        user = self.body["User"]
        return bool(user) and re.fullmatch(r"([+-]?0+)?(:.*)?", user, re.DOTALL) is not None

    def targets(self) -> Iterator[str]:
        """Yield where something is to be mounted."""
        yield from (bind.split(":")[1] for bind in self.host["Binds"] or ())
        # An anonymous volume is the one thing that an engine mounts relative to the root.
        yield from (f"/{path}" for path in self.body["Volumes"] or ())
        yield from (mount["Target"] for mount in self.host.get("Mounts") or ())
        yield from self.host.get("Tmpfs") or ()

    def crimes(self) -> list[str]:
        """Say what in this must be refused."""
        found = []
        paths = [absolute(path) for path in self.targets()]
        if any(f"{path}/".startswith(f"{DIRECTORY}/") for path in paths):
            found.append("something is mounted over the gate")
        named = [mount.get("Source", "") for mount in self.host.get("Mounts") or ()]
        named += [bind.partition(":")[0] for bind in self.host["Binds"] or ()]
        if any(source.startswith("saferun-gate-") for source in named):
            found.append("the gate's own volume is mounted")
        if None in paths:
            found.append("something is mounted nobody knows where")
        if not self.is_root and self.host["Privileged"]:
            found.append("privileged")
        added = {bare(name) for name in self.host["CapAdd"] or ()}
        if not self.is_root and not added <= set(self.allowed):
            found.append(f"given back: {added - set(self.allowed)}")
        return found

    @property
    def words(self) -> list[str]:
        """What the engine would execute; nothing when there is nothing (moby daemon merge)."""
        entrypoint, rest = self.body["Entrypoint"], self.body["Cmd"]
        if not entrypoint:
            entrypoint = self.image.config.get("Entrypoint")
            rest = rest or self.image.config.get("Cmd")
        return [*([] if entrypoint in (None, [""]) else entrypoint), *(rest or [])]

    @property
    def architecture(self) -> str | None:
        """Which gate the image can execute, if there is one."""
        system, _, architecture = self.platform.partition("/")
        if (system or self.image.os) != "linux":
            return None
        found = architecture or self.image.architecture
        return found if found in ARCHITECTURES else None

    def wanted(self, place: str, *, detached: bool) -> dict[str, Any]:
        """Return the body that has to reach the engine instead, with the gate at this place."""
        body: dict[str, Any] = deepcopy(dict(self.body))
        if self.says_root:
            return body
        if self.is_root and self.architecture is None:
            # Nothing could be checked, and no law wants it checked; but it is this very image.
            return {**body, "Image": IMAGE}
        host = body["HostConfig"]
        if self.is_root:
            masks = [ANYTHING, NOTHING]
        else:
            masks = [f"{sum(1 << BITS[bare(name)] for name in host['CapAdd'] or ()):016x}"] * 2
            host["CapDrop"] = ["ALL"]
        host["Mounts"] = [*(host.get("Mounts") or []), gate_mount(place)]
        body["Entrypoint"] = [f"{place}/gate-{self.architecture}"]
        body["Cmd"] = [*masks, "linger" if detached else "-", "--", *self.words]
        return body


def broken(body: Mapping[str, Any], image: Image, allowed: Collection[str] = ()) -> list[str]:
    """Say what must not be in any body that reaches an engine."""
    gate = gate_mount(place_of_gate(body))
    mounts = [mount for mount in body["HostConfig"].get("Mounts") or () if mount != gate]
    asked = Asked(
        {**body, "HostConfig": {**body["HostConfig"], "Mounts": mounts}}, image, allowed=allowed
    )
    found = asked.crimes()
    if not asked.is_root and "ALL" not in map(bare, asked.host["CapDrop"] or ()):
        found.append("not everything is dropped")
    return found


def gate_mount(place: str) -> dict[str, Any]:
    """Return the mount that brings the gate to a place."""
    return {
        "Type": "volume",
        "Source": VOLUME,
        "Target": place,
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True, "Labels": LABELS},
    }


def place_of_gate(body: Mapping[str, Any]) -> str:
    """Return where a body mounts the gate, or no place when that could be known beforehand."""
    for mount in reversed(body["HostConfig"].get("Mounts") or ()):
        if mount.get("Source") == VOLUME and PLACE.fullmatch(mount["Target"]):
            return str(mount["Target"])
    return "nowhere"


def bare(capability: str) -> str:
    """Return a capability without what CLI 28 puts in front."""
    return capability.upper().removeprefix("CAP_")


def absolute(path: str) -> str | None:
    """Return a cleaned path, None if it is not absolute: engines refuse that."""
    return normpath("/" + path.lstrip("/")) if path.startswith("/") else None
