"""The five sets of a container's first program, by the version of the engine: an executable model.

Two steps. The engine writes sets into the OCI specification, and how has changed over the years
(moby oci.SetCapabilities, oci/caps); then the kernel makes new ones of them when the first program
is executed (`execution`). The kernel tests hold it against every engine they run on.
"""

from __future__ import annotations

from saferun.judge import execution
from saferun.judge.capabilities import granted, mask_of
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: Inheritable, permitted, effective, bounding, ambient: the order of `capabilities.SETS`.
    Five: TypeAlias = tuple[int, int, int, int, int]
    #: Such as (20, 10, 24).
    Version: TypeAlias = tuple[int, ...]

#: Until this version the inheritable set was the bounding set (CVE-2022-24769).
NOT_INHERITABLE: Version = (20, 10, 14)
#: From this version on ALL means what the engine itself holds; before, the names that it knew.
OWN_CAPABILITIES: Version = (23,)
#: Those names: up to AUDIT_READ.
KNOWN_BEFORE = (1 << 38) - 1
#: Since these a non-root user's permitted and effective sets are not cleared any more (moby#45511):
#: releases that got it in a patch, and then all of them.
NOT_CLEARED_AMONG: dict[int, Version] = {23: (23, 0, 7), 24: (24, 0, 6)}
NOT_CLEARED: Version = (25,)


class Program(Record):
    """An executable file: whether it is setuid root, and its file capabilities.

    `permitted` and `inheritable` are masks, `effective` the one bit of a file (capabilities(7),
    "File capabilities"); with both masks empty the file has none.
    """

    setuid: bool = False
    permitted: int = 0
    inheritable: int = 0
    effective: bool = False

    @property
    def file(self) -> execution.File:
        """The file, which is root's."""
        its = execution.FileCapabilities(self.permitted, self.inheritable, self.effective)
        return execution.File(
            "file",
            0o4755 if self.setuid else 0o755,
            capabilities=its if self.permitted | self.inheritable else None,
        )


class Process(Record):
    """A process as far as capabilities go: its real and effective uid and its sets."""

    uid: int
    euid: int
    sets: Five


def clears_non_root(version: Version) -> bool:
    """Tell whether an engine gives a non-root user empty permitted and effective sets.

    Where it does not, no-new-privileges does not keep the very first program from what is in its
    file capabilities: to the kernel the process has them already.
    """
    return version < NOT_CLEARED_AMONG.get(version[0], NOT_CLEARED)


def specified(  # noqa: PLR0913 - a container, in its parts
    version: Version,
    uid: int,
    add: tuple[str, ...],
    drop: tuple[str, ...],
    own: int,
    *,
    privileged: bool = False,
) -> Five | None:
    """Return the sets before the first program; None where the engine refuses or cannot give them.

    `add` and `drop` are canonical names; `own` is what the engine itself holds, as a mask.
    """
    modern = version >= OWN_CAPABILITIES
    every = own if modern else KNOWN_BEFORE
    named = mask_of(tuple(name for name in (*add, *drop) if name != "ALL"))
    if named & ~every:
        return None
    bounding = granted(add, drop, privileged=privileged)
    if privileged or "ALL" in add:
        bounding &= every
    keeps = uid == 0 or not clears_non_root(version)
    inherits = version < NOT_INHERITABLE
    if (keeps or inherits) and bounding & ~own:
        return None
    # What the engine does not hold is silently missing from the bounding set.
    bounding &= own
    held = bounding if keeps else 0
    return (bounding if inherits else 0, held, held, bounding, 0)


def executed(process: Process, program: Program, *, no_new_privileges: bool) -> Process | None:
    """Return the process after it has executed a program; None where the kernel refuses (EPERM).

    Everything happens in one user namespace, which has the file system as well.
    """
    # What is effective counts for nothing at an execve.
    inheritable, permitted, _, bounding, ambient = process.sets
    before = execution.Process(
        process.uid,
        process.euid,
        0,
        0,
        inheritable=inheritable,
        permitted=permitted,
        bounding=bounding,
        ambient=ambient,
        no_new_privileges=no_new_privileges,
    )
    if execution.missing(before, program.file):
        return None
    after = execution.execute(before, program.file)
    sets = (after.inheritable, after.permitted, after.effective, after.bounding, after.ambient)
    return Process(after.uid, after.euid, sets)


def version_of(text: str) -> Version:
    """Return the numbers at the start of an engine's version, such as `26.1.5+dfsg1`."""
    numbers = []
    for part in text.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers) or (0,)
