"""publish: which ports of the host lead into the container."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec, Port


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every port, on any address, that the list does not cover."""
    asked = ((_shown(port), port) for port in spec.ports)
    hint = "name an address that is allowed, as in --publish=127.0.0.1:8080:80"
    return unlisted(law, "publish", asked, ports.covers, ports.touches, hint=hint)


def _shown(port: Port) -> str:
    address = f"[{port.address}]" if ":" in port.address else port.address
    if port.last == 0:
        return f"--publish on {address}, any port"
    numbers = str(port.first) if port.first == port.last else f"{port.first}-{port.last}"
    return f"--publish on {address}:{numbers}/{port.protocol}"


CONTROL = Control(
    "publish",
    "Every published port must be covered by an item of the list, on every address. A "
    "port without an address is published on all of them, IPv6 included, which only `*`, "
    "`0.0.0.0` and `[::]` cover. The ports of `--publish-all` count as chosen by the "
    "engine.",
    (
        "Pod Security Standards, baseline: host ports",
        "CIS Docker Benchmark 5.8, 5.9 and 5.14",
        "OWASP Docker Security Cheat Sheet, rule 5a",
    ),
    check,
    (
        Case('[limits]\npublish = ["127.0.0.1:1024-65535"]', "-p 127.0.0.1:18080:80 busybox"),
        Case("[limits]\npublish = []", "--expose 80 busybox"),
        Case('[limits]\npublish = ["*:8000-8999"]', "-p 8080:80 busybox"),
    ),
    (
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p 8080:80 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:1024-65535"]', "-p 127.0.0.1:80:80 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p [::]:8080:80 busybox"),
        Case("[limits]\npublish = []", "-P --expose 80 busybox"),
        Case('[limits]\npublish = ["*:8000-8010"]', "-p 8005-8015:80 busybox"),
    ),
)
