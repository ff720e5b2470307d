"""Globs: `*` stands for any part of a name between two separators, `**` for any number of names.

A glob has to match the whole text: `corp/*` is not `corp-evil/x`, and not `corp/a/b` either.
"""

from __future__ import annotations


def problem(item: str, separator: str = "") -> str:
    """Return what is wrong with a glob, or nothing."""
    if not item or not item.isprintable() or not item.isascii() or " " in item:
        return "a name of printable ASCII characters, in which * stands for any part of it"
    parts = item.split(separator) if separator else [item]
    if any("**" in part and part != "**" for part in parts):
        return f"a glob in which ** stands alone between {separator or 'separators'}"
    return ""


def covers(pattern: str, asked: str, separator: str = "") -> bool:
    """Tell whether a glob matches the whole of a text, `*` never crossing the separator."""
    if "*" not in pattern:
        return pattern == asked
    if not separator:
        return matches(pattern, asked)
    return parts_match(pattern.split(separator), asked.split(separator))


def parts_match(patterns: list[str], parts: list[str]) -> bool:
    """Tell whether globs match as many names, one each, `**` standing for any number of them."""
    # For each number of names, whether the globs so far match just these.
    reached = [True] + [False] * len(parts)
    for pattern in patterns:
        if pattern == "**":
            for at in range(len(parts)):
                reached[at + 1] = reached[at + 1] or reached[at]
        else:
            reached = [False] + [
                before and matches(pattern, part)
                for before, part in zip(reached, parts, strict=False)
            ]
    return reached[-1]


def matches(pattern: str, text: str) -> bool:
    """Tell whether a glob without separators matches the whole of a text."""
    first, star, rest = pattern.partition("*")
    if not star:
        return pattern == text
    if not text.startswith(first):
        return False
    *middle, last = rest.split("*")
    at = len(first)
    for piece in middle:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(last) and text.endswith(last)
