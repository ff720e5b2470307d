"""Mounts: `SOURCE[:MODE[,MODE]]`, where SOURCE is a host path or the name of a volume, a glob.

MODE is `ro` or `rw`, and `shared` or `slave` for mounts that spread. In a limit no mode stands for
`rw` without spreading; in what is denied it stands for every mode.
"""

from __future__ import annotations

from saferun.judge.values import globs, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.spec import Mount

ACCESS = ("ro", "rw")
SPREADING = ("shared", "slave")


def problem(item: str) -> str:
    """Return what a mount must be, or nothing when it is that."""
    source, colon, modes = item.partition(":")
    unknown = [mode for mode in modes.split(",") if mode not in (*ACCESS, *SPREADING)]
    if colon and unknown:
        return "a path or a volume's name, with ro, rw, shared or slave after a colon"
    if source.startswith("/"):
        return paths.problem(source)
    if "/" in source or "**" in source or not source:
        return "an absolute path, or a volume's name in which * stands for any part of it"
    return globs.problem(source)


def covers(pattern: str, mount: Mount) -> bool:
    """Tell whether a pattern permits a mount as it is: source, writing, spreading.

    A path whose links could not be followed is permitted only by its own name.
    """
    source, _, modes = pattern.partition(":")
    allowed = modes.split(",")
    if not mount.read_only and "ro" in allowed and "rw" not in allowed:
        return False
    if mount.propagation != "private" and mount.propagation not in allowed:
        return False
    if mount.kind != "bind":
        return not source.startswith("/") and globs.covers(source, mount.source)
    if not source.startswith("/"):
        return False
    return paths.covers(source, mount.source) if mount.exact else source == mount.source


def touches(pattern: str, mount: Mount) -> bool:
    """Tell whether a mount is one of those that are denied, or brings one of them along."""
    source, colon, modes = pattern.partition(":")
    denied = modes.split(",") if colon else []
    access = "ro" if mount.read_only else "rw"
    if not set(denied).isdisjoint(ACCESS) and access not in denied:
        return False
    if not set(denied).isdisjoint(SPREADING) and mount.propagation not in denied:
        return False
    if mount.kind != "bind":
        return not source.startswith("/") and globs.covers(source, mount.source)
    # Where a link may lead that could not be followed, nobody knows.
    return source.startswith("/") and (not mount.exact or paths.touches(source, mount.source))
