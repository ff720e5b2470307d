"""Where receipts go: `syslog`, `journald`, or the absolute path of a directory."""

from __future__ import annotations

from saferun.judge.values import paths

#: What is no directory.
SERVICES = ("syslog", "journald")


def problem(item: str) -> str:
    """Return what a destination must be, or nothing when it is that."""
    if item in SERVICES:
        return ""
    if "*" in item or item.endswith("/") or paths.problem(item):
        return "syslog, journald, or the absolute path of a directory"
    return ""


def directories(items: tuple[str, ...]) -> tuple[str, ...]:
    """Return those destinations that are directories."""
    return tuple(item for item in items if item not in SERVICES)
