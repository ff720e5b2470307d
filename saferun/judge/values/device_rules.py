"""Rules of the device cgroup: `TYPE MAJOR:MINOR PERMISSIONS`, as in `c 1:3 rwm`.

TYPE is a, b or c; a number may be `*`. Source: the kernel's devices cgroup.
"""

from __future__ import annotations


def problem(item: str) -> str:
    """Return what a rule must be, or nothing when it is that."""
    return "" if _parts(item) else 'a rule such as "c 1:3 rwm", where a number may be *'


def covers(pattern: str, rule: str) -> bool:
    """Tell whether a rule permits all that another one opens."""
    permitted, asked = _parts(pattern), _parts(rule)
    if permitted is None or asked is None:
        return False
    return (
        permitted[0] in ("a", asked[0])
        and all(mine in ("*", its) for mine, its in zip(permitted[1:3], asked[1:3], strict=True))
        and set(asked[3]) <= set(permitted[3])
    )


def touches(pattern: str, rule: str) -> bool:
    """Tell whether a rule opens any of what is denied."""
    denied, asked = _parts(pattern), _parts(rule)
    if denied is None or asked is None:
        return True
    return (
        ("a" in (denied[0], asked[0]) or denied[0] == asked[0])
        and all(
            "*" in pair or pair[0] == pair[1] for pair in zip(denied[1:3], asked[1:3], strict=True)
        )
        and not set(asked[3]).isdisjoint(denied[3])
    )


def _parts(item: str) -> tuple[str, str, str, str] | None:
    words = item.split(" ")
    if len(words) != 3 or words[0] not in ("a", "b", "c"):  # noqa: PLR2004 - type, numbers, rights
        return None
    major, colon, minor = words[1].partition(":")
    if not colon or not all(one == "*" or _is_number(one) for one in (major, minor)):
        return None
    if not words[2] or not set(words[2]) <= set("rwm"):
        return None
    return words[0], _plain(major), _plain(minor), words[2]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("4294967295")


def _plain(number: str) -> str:
    return number if number == "*" else str(int(number))
