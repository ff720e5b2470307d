"""Settings: `NAME`, which stands for any value, or `NAME=VALUE`, both globs.

Some kinds part name and value with another separator than `=`. Kernel parameters (sysctl) have no
separator of their own, but dotted names: `*` stands for any part of one name between two dots,
`**` for any number of names. In them `/` is a dot, as for the runtime (runc writes to the path in
/proc/sys), and numbers in a value are compared as the kernel reads them.
"""

from __future__ import annotations

from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: A name and its value.
    Setting: TypeAlias = tuple[str, str]


def problem(item: str, separator: str = "") -> str:
    """Return what a setting must be, or nothing when it is that."""
    name, _, value = item.partition(separator or "=")
    parts = [name] if separator else name.replace("/", ".").split(".")
    if wrong := globs.problem(".".join(parts), separator or "."):
        return wrong
    if not all(parts):
        return "a dotted name, such as net.ipv4.*"
    # A kernel parameter may be several numbers with spaces between them.
    if not (value.isascii() and value.isprintable()):
        return "a name, whose value has only printable ASCII characters"
    return ""


def covers(pattern: str, asked: Setting, separator: str = "") -> bool:
    """Tell whether a pattern matches a name and its value."""
    name, parted, value = pattern.partition(separator or "=")
    if separator:
        return globs.covers(name, asked[0]) and (not parted or globs.matches(value, asked[1]))
    return globs.parts_match(_parts(name), _parts(asked[0])) and (
        not parted or globs.matches(_read(value), _read(asked[1]))
    )


def _parts(name: str) -> list[str]:
    # Two separators in a row are one in a path.
    return [part for part in name.replace("/", ".").split(".") if part]


def _read(value: str) -> str:
    return " ".join(map(_number, value.split()))


def _number(word: str) -> str:
    """Return a number as decimal, whichever base the kernel takes it to be in (strtoul, base 0)."""
    sign, digits = ("-", word[1:]) if word.startswith("-") else ("", word)
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    if not digits.isalnum() or not digits.isascii() or len(digits) > 20:  # noqa: PLR2004 - 64 bits have 20 digits
        return word
    try:
        return f"{sign}{int(digits, base)}"
    except ValueError:
        return word
