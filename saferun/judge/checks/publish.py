"""publish: which ports of the host lead to the container."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law, Limit
    from saferun.judge.spec import ContainerSpec, Port

LOCALHOST = "127.0.0.1"


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse to publish what the law does not name."""
    limit = law.limit("publish")
    for port in spec.ports if limit else ():
        asked = ((_shown(port), port),)
        hint = _hint(limit, port) if limit else ""
        yield from unlisted(law, "publish", asked, ports.covers, ports.touches, hint=hint)


def _shown(port: Port) -> str:
    address = f"[{port.address}]" if ":" in port.address else port.address
    if port.last == 0:
        return f"publishing a port that the engine chooses ({port.protocol}) on {address}"
    return f"--publish={address}:{_range(port)}/{port.protocol}"


def _hint(limit: Limit, port: Port) -> str:
    local = port.replace(address=LOCALHOST)
    refused = limit.against(
        lambda names: any(ports.covers(name, local) for name in names),
        lambda names: any(ports.touches(name, local) for name in names),
    )
    if refused:
        return "publish less, or only what the law names"
    return f"name the address: --publish={LOCALHOST}:{_range(port)}:CONTAINER"


def _range(port: Port) -> str:
    if port.last == 0:
        return ""
    return f"{port.first}" if port.first == port.last else f"{port.first}-{port.last}"


CONTROL = Control(
    "publish",
    "Every port of the host that is published must be one that the list names, on an address that "
    "it names: `127.0.0.1:8000-8999`, `[::1]:*`, `10.0.0.0/8:53/udp`, or `8080` for any address. "
    "Without an address, docker publishes on all of them, 0.0.0.0 and [::], past most firewalls of "
    "the host; only `*` or the same address permits that. A port that the engine chooses, as with "
    "`--publish-all`, is permitted by `*`, by `0` and by ranges that hold 1024 to 65535. A denied "
    "item refuses whatever overlaps it.",
    (
        "Pod Security Standards, baseline: host ports",
        "CIS Docker Benchmark 5.8, 5.9, 5.14",
        "OWASP Docker Security Cheat Sheet, rule 5a",
        "docker/go-connections nat.ParsePortSpec",
    ),
    check,
    (
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p 127.0.0.1::80 busybox"),
        Case(
            '[limits]\npublish = ["127.0.0.1:8000-8999/tcp"]',
            "-p 127.0.0.1:8080-8081:80-81 busybox",
        ),
        Case('[limits]\npublish = ["[::1]:*"]', "-p [::1]:8080:80 busybox"),
        Case('[limits]\npublish = ["8080"]', "-p 8080:80 busybox"),
        Case('[limits]\npublish = ["0"]', "--publish-all healthy:1"),
        Case(
            '[[deny]]\nreason = "privileged ports"\npublish = ["1-1023"]',
            "-p 127.0.0.1:1024:80 busybox",
        ),
    ),
    (
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p 8080:80 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p [::]:8080:80 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p [::ffff:0.0.0.0]:8080:80 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-P healthy:1"),
        Case('[limits]\npublish = ["8000-8001"]', "-p 8001-8002:80-81 busybox"),
        Case('[limits]\npublish = ["53/tcp"]', "-p 53:53/udp busybox"),
        Case("[limits]\npublish = []", "-p 127.0.0.1:8080:80 busybox"),
        Case(
            '[[deny]]\nreason = "the outside"\npublish = ["192.0.2.0/24:*"]', "-p 8080:80 busybox"
        ),
    ),
)
