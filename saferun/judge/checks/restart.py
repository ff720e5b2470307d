"""restart: whether the engine starts the container again."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a policy of restarting that the list does not name."""
    name, tries = spec.restart
    if name == "no":
        return iter(())
    shown = f"--restart={name}:{tries}" if tries else f"--restart={name}"
    return unlisted(law, "restart", ((shown, spec.restart),), covers)


def covers(pattern: str, asked: tuple[str, int]) -> bool:
    """Tell whether an item permits to restart so, and so often; no number is without an end."""
    name, _, most = pattern.partition(":")
    return name == asked[0] and (not most or (most.isdigit() and 0 < asked[1] <= int(most)))


CONTROL = Control(
    "restart",
    "A container that the engine starts again must be permitted by the list: `always`, "
    "`unless-stopped`, `on-failure`, or `on-failure:N` for at most N tries. `no` is "
    "always permitted.",
    ("CIS Docker Benchmark 5.15",),
    check,
    (
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure:5 busybox"),
        Case("[limits]\nrestart = []", "busybox"),
    ),
    (
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=always busybox"),
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure busybox"),
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure:6 busybox"),
    ),
)
