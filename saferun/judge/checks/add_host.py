"""add-host: which names lead where in the container."""

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
    """Refuse what the list for `add-host` does not cover."""
    asked = ((f"--add-host={name}:{value}", (name, value)) for name, value in spec.add_hosts)
    return unlisted(law, "add-host", asked, lambda pattern, one: settings.covers(pattern, one, ":"))


CONTROL = Control(
    "add-host",
    "Every entry must be covered by an item `NAME` or `NAME:ADDRESS` of the list; `host- "
    "gateway` is the address of the host itself.",
    (
        "docker run reference: --add-host",
        "OWASP Docker Security Cheat Sheet, rule 5",
    ),
    check,
    (Case('[limits]\nadd-host = ["db:10.0.0.*"]', "--add-host db:10.0.0.5 busybox"),),
    (
        Case('[limits]\nadd-host = ["*:10.0.0.*"]', "--add-host host:host-gateway busybox"),
        Case("[limits]\nadd-host = []", "--add-host=db=10.0.0.5 busybox"),
    ),
)
