"""File systems in memory: `TARGET[:OPTION[,OPTION]]`, TARGET standing for everything below it.

Engines mount them noexec, nosuid and nodev; `exec`, `suid` and `dev`, which undo that, are
permitted only where they are named. Other options, such as a size, are free.
"""

from __future__ import annotations

from saferun.judge.values import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.spec import Mount

UNDOING = ("exec", "suid", "dev")


def problem(item: str) -> str:
    """Return what a file system in memory must be, or nothing when it is that."""
    target, colon, options = item.partition(":")
    if colon and not set(options.split(",")) <= set(UNDOING):
        return "a path, with exec, suid or dev after a colon"
    return paths.problem(target)


def covers(pattern: str, mount: Mount) -> bool:
    """Tell whether a pattern permits a file system there, with its options."""
    target, _, options = pattern.partition(":")
    undone = {name for name, _ in mount.options if name in UNDOING}
    return (
        mount.target is not None
        and paths.covers(target, mount.target)
        and undone <= set(options.split(","))
    )


def touches(pattern: str, mount: Mount) -> bool:
    """Tell whether a file system is one that is denied; with options only if it has one of them."""
    target, colon, options = pattern.partition(":")
    undone = {name for name, _ in mount.options if name in UNDOING}
    there = mount.target is None or paths.covers(target, mount.target)
    return there and (not colon or not undone.isdisjoint(options.split(",")))
