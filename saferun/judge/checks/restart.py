"""restart: whether the engine starts the container again when it has ended."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

RETRIED = "on-failure"
#: More digits than any count of retries has.
DIGITS = 9


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a restart policy that the law does not name; none is always fine."""
    name, count = spec.restart
    if name == "no":
        return iter(())
    shown = f"--restart={name}:{count}" if count else f"--restart={name}"
    hint = "leave it out, or give on-failure a number of retries that is allowed, such as "
    return unlisted(
        law,
        "restart",
        ((shown, spec.restart),),
        covers,
        touches,
        hint=f"{hint}--restart=on-failure:1",
    )


def covers(pattern: str, asked: tuple[str, int]) -> bool:
    """Tell whether a law's item permits a restart policy and its retries, 0 being without end."""
    name, count = asked
    permitted, colon, most = pattern.partition(":")
    if permitted != name or not colon:
        return permitted == name
    if most == "*":
        return count > 0
    # Without the limit on length, converting a long number would take long.
    right = most.isascii() and most.isdigit() and len(most) <= DIGITS
    return right and 0 < count <= int(most)


def touches(pattern: str, asked: tuple[str, int]) -> bool:
    """Tell whether a denied item is about the same policy, whatever the number of retries."""
    return pattern.partition(":")[0] == asked[0]


CONTROL = Control(
    "restart",
    "The restart policy must be one that the list names: `always`, `unless-stopped`, `on-failure` "
    "with any number of retries or without end, `on-failure:N` with at most N. `no`, as when "
    "nothing is said, is always permitted. A denied `on-failure:N` refuses every number of "
    "retries.",
    ("CIS Docker Benchmark 5.15", "moby api/types/container RestartPolicy"),
    check,
    (
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure:5 busybox"),
        Case('[limits]\nrestart = ["on-failure"]', "--restart=on-failure busybox"),
        Case('[limits]\nrestart = ["on-failure:*"]', "--restart=on-failure:100 busybox"),
        Case("[limits]\nrestart = []", "--restart=no busybox"),
    ),
    (
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure:6 busybox"),
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=on-failure busybox"),
        Case('[limits]\nrestart = ["on-failure:*"]', "--restart=on-failure busybox"),
        Case('[limits]\nrestart = ["on-failure", "unless-stopped"]', "--restart=always busybox"),
    ),
)
