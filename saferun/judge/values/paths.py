"""Host paths: an absolute path stands for itself and everything below it.

`*` stands for any part of one name: `/home/*` is every directory in /home, and not /home itself.
"""

from __future__ import annotations

from posixpath import normpath

from saferun.judge.values import globs


def problem(item: str) -> str:
    """Return what a path must be, or nothing when it is that."""
    if not item.startswith("/"):
        return "an absolute path"
    if not item.isprintable():
        return "a path of printable characters"
    parts = item.split("/")
    if ".." in parts or "." in parts:
        return "a path without . and .."
    if any("**" in part for part in parts):
        return "a path without **; a directory stands for everything below it"
    return ""


def covers(pattern: str, path: str) -> bool:
    """Tell whether a path is one that a pattern names, or lies below it."""
    patterns, parts = _parts(pattern), _parts(path)
    return len(patterns) <= len(parts) and _match(patterns, parts)


def touches(pattern: str, path: str) -> bool:
    """Tell whether a path is, lies below, or lies above one that a pattern names."""
    return _match(_parts(pattern), _parts(path))


def clean(path: str) -> str:
    """Clean a path as engines do: against the root, which has nothing above it."""
    return normpath("/" + path.lstrip("/"))


def _match(patterns: list[str], parts: list[str]) -> bool:
    return all(globs.matches(one, part) for one, part in zip(patterns, parts, strict=False))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
