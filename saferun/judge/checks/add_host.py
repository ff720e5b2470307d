"""add-host: which addresses names stand for in the container's /etc/hosts."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every entry that the law does not name."""
    asked = (
        (f"--add-host={name}:{address}", (name.lower(), _canonical(address)))
        for name, address in spec.add_hosts
    )
    hint = 'leave it out; to allow it, a policy has to name it as "NAME:ADDRESS"'
    return unlisted(law, "add-host", asked, _covers, hint=hint)


def _covers(pattern: str, entry: settings.Setting) -> bool:
    name, colon, address = pattern.partition(":")
    return settings.covers(f"{name.lower()}{colon}{_canonical(address)}", entry, ":")


def _canonical(address: str) -> str:
    """Return an IPv6 address in its one canonical form, anything else as it is."""
    if ":" not in address:
        return address
    from ipaddress import IPv6Address  # seldom needed, and slow to import

    try:
        found = IPv6Address(address.strip("[]"))
    except ValueError:
        return address
    return str(found.ipv4_mapped or found)


CONTROL = Control(
    "add-host",
    "Every entry that is added to /etc/hosts must be one that the list names as `NAME:ADDRESS`, "
    "where `*` stands for any part of either, and NAME alone for any address. `host-gateway`, "
    "docker's word for the host's own address, is an address like any other. Upper and lower case "
    "are the same in names, as they are for resolvers, and so are the ways to write an IPv6 "
    "address.",
    ("hosts(5)", "RFC 5952", "docker/cli opts.ValidateExtraHost"),
    check,
    (
        Case('[limits]\nadd-host = ["*.corp:10.0.0.*"]', "--add-host=db.corp:10.0.0.5 busybox"),
        Case('[limits]\nadd-host = ["*:host-gateway"]', "--add-host=me:host-gateway busybox"),
        Case('[limits]\nadd-host = ["db:fd00::5"]', "--add-host=DB:fd00:0::5 busybox"),
    ),
    (
        Case("[limits]\nadd-host = []", "--add-host=db:10.0.0.5 busybox"),
        Case('[limits]\nadd-host = ["db:10.0.0.5"]', "--add-host=db:10.0.0.6 busybox"),
        Case('[limits]\nadd-host = ["*:10.*"]', "--add-host=me:host-gateway busybox"),
        Case(
            '[[deny]]\nreason = "metadata"\nadd-host = ["*:169.254.169.254"]',
            "--add-host=x:::ffff:169.254.169.254 busybox",
        ),
    ),
)
