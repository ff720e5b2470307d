"""Limits of processes: `NAME=N` or `NAME=unlimited`, the most for both soft and hard limit.

Numbers are in the unit that docker takes for that name (setrlimit(2)): bytes, seconds, or a count.
"""

from __future__ import annotations

from saferun.judge.spec import UNLIMITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: A name, the soft and the hard limit; less than 0 is unlimited.
    Ulimit: TypeAlias = tuple[str, int, int]

#: What docker knows by name (docker/go-units).
NAMES = (
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
#: Digits of the greatest number that fits.
DIGITS = 19


def problem(item: str) -> str:
    """Return what a limit of processes must be, or nothing when it is that."""
    name, _, _ = item.partition("=")
    if name not in NAMES:
        return f"NAME=NUMBER, with one of the names {' '.join(NAMES)}"
    if _most(item) is None:
        return f'a number or unlimited after the name, such as "{name}=1024"'
    return ""


def covers(pattern: str, asked: Ulimit) -> bool:
    """Tell whether a pattern permits both the soft and the hard limit."""
    name, soft, hard = asked
    most = _most(pattern)
    return (
        most is not None
        and pattern.partition("=")[0] == name
        and all(0 <= limit <= most or most == UNLIMITED for limit in (soft, hard))
    )


def touches(pattern: str, asked: Ulimit) -> bool:
    """Tell whether a denied pattern is about the same limit: then it must not be set at all."""
    return pattern.partition("=")[0] == asked[0]


def _most(item: str) -> int | None:
    _, _, number = item.partition("=")
    if number == "unlimited":
        return UNLIMITED
    # Without the limit on length, converting a long number would take long.
    right = number.isascii() and number.isdigit() and len(number) <= DIGITS
    return int(number) if right else None
