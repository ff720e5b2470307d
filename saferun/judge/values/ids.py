"""User and group ids: `N`, a range `N-M`, or `N-` for N and all above it."""

from __future__ import annotations

#: The largest uid or gid that an engine takes (moby daemon, runc).
LARGEST = (1 << 31) - 1


def problem(item: str) -> str:
    """Return what an id must be, or nothing when it is that."""
    bounds = _range(item)
    if bounds is None or bounds[0] > bounds[1]:
        return f'a number or a range such as "1000-" or "1000-1999", from 0 to {LARGEST}'
    return ""


def covers(pattern: str, asked: int | None) -> bool:
    """Tell whether a range holds an id; one that is not known is in none."""
    bounds = _range(pattern)
    return bounds is not None and asked is not None and bounds[0] <= asked <= bounds[1]


def touches(pattern: str, asked: int | None) -> bool:
    """Tell whether a denied range may hold an id; one that is not known may be in every one."""
    return asked is None or covers(pattern, asked)


def _range(item: str) -> tuple[int, int] | None:
    first, dash, last = item.partition("-")
    numbers = [first, last] if last else [first]
    # Without the limit on length, converting a long number would take long.
    if not all(
        one.isascii() and one.isdigit() and len(one) <= len("2147483647") for one in numbers
    ):
        return None
    least = int(first)
    most = int(last) if last else LARGEST if dash else least
    return (least, most) if max(least, most) <= LARGEST else None
