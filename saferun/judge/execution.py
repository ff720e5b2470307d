"""What execve makes of a process: who it becomes, what it holds, or why it is refused.

The rules are the kernel's, for its default securebits and a file system that honours set-id bits:
fs/exec.c bprm_fill_uid, security/commoncap.c cap_bprm_creds_from_file, fs/namei.c
acl_permission_check and generic_permission; capabilities(7) tells the same in words.
"""

from __future__ import annotations

from saferun.judge.capabilities import ALL, BITS
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Kind: TypeAlias = Literal["file", "directory", "link", "other"]

SETUID, SETGID = 0o4000, 0o2000
EXECUTE = 1
DAC_OVERRIDE = 1 << BITS["DAC_OVERRIDE"]
DAC_READ_SEARCH = 1 << BITS["DAC_READ_SEARCH"]


class FileCapabilities(Record):
    """The attribute security.capability: two masks, and whether the file insists on the first.

    `root_id` is the uid, as the engine's host knows it, that root of the user namespace must have
    for it to count (revision 3); 0 stands for everywhere.
    """

    permitted: int
    inheritable: int
    effective: bool
    root_id: int = 0


class File(Record):
    """What the kernel needs to know of a file to execute it.

    `target` is a symbolic link's. `capabilities` is None where there are none. `interpreter` and
    `argument` are those of a script's first line, `calls` the programs that it calls, of those that
    someone asked about. `fault` tells what of it cannot be understood.
    """

    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    target: str = ""
    capabilities: FileCapabilities | None = None
    interpreter: str = ""
    argument: str = ""
    calls: tuple[str, ...] = ()
    fault: str = ""


class Process(Record):
    """A process: real and effective ids, further groups, and the five sets as masks."""

    uid: int
    euid: int
    gid: int
    egid: int
    groups: frozenset[int] = frozenset()
    inheritable: int = 0
    permitted: int = 0
    effective: int = 0
    bounding: int = 0
    ambient: int = 0
    no_new_privileges: bool = False


def started(
    uid: int,
    gid: int,
    groups: frozenset[int],
    bounding: int,
    *,
    no_new_privileges: bool,
) -> Process:
    """Return a container's first process after it has executed a plain file: the gate.

    Whatever the runtime gave it before, root has its bounding set then, anybody else nothing.
    """
    held = bounding if uid == 0 else 0
    return Process(
        uid,
        uid,
        gid,
        gid,
        groups,
        permitted=held,
        effective=held,
        bounding=bounding,
        no_new_privileges=no_new_privileges,
    )


def may_enter(process: Process, file: File) -> bool:
    """Tell whether a process may execute a file, or look something up in a directory."""
    if process.euid == file.uid:
        bits = file.mode >> 6
    elif file.gid == process.egid or file.gid in process.groups:
        bits = file.mode >> 3
    else:
        bits = file.mode
    if bits & EXECUTE:
        return True
    if file.kind == "directory":
        return bool(process.effective & (DAC_OVERRIDE | DAC_READ_SEARCH))
    # Not even root executes what nobody may.
    return bool(process.effective & DAC_OVERRIDE and file.mode & 0o111)


def missing(process: Process, file: File) -> int:
    """Return the capabilities without which a file is not started: EPERM, for root as well.

    It insists on those that it has as permitted if it has the effective flag. The kernel does not
    ask for those that it does not know.
    """
    its = file.capabilities
    if its is None or not its.effective:
        return 0
    return its.permitted & ALL & ~_of_file(process, its)


def execute(process: Process, file: File) -> Process:
    """Return the process that has executed a file which it may, and of which nothing is missing."""
    euid, egid = _ids(process, file)
    its = file.capabilities
    permitted = 0 if its is None else _of_file(process, its)
    effective = its is not None and its.effective
    # A setuid-root file that has capabilities as well gets only these, unless root executes it.
    if not (its is not None and euid == 0 != process.uid):
        if 0 in (euid, process.uid):
            permitted = process.bounding | process.inheritable
        effective = effective or euid == 0
    set_ids = euid != process.uid or egid != process.gid
    if process.no_new_privileges:
        # Where nothing would be gained, this changes nothing.
        euid, egid = process.uid, process.gid
        permitted &= process.permitted
    ambient = 0 if its is not None or set_ids else process.ambient
    permitted |= ambient
    return process.replace(
        euid=euid,
        egid=egid,
        permitted=permitted,
        effective=permitted if effective else ambient,
        ambient=ambient,
    )


def _of_file(process: Process, its: FileCapabilities) -> int:
    return its.permitted & process.bounding | its.inheritable & process.inheritable


def _ids(process: Process, file: File) -> tuple[int, int]:
    euid, egid = process.euid, process.egid
    if process.no_new_privileges:
        return euid, egid
    if file.mode & SETUID:
        euid = file.uid
    # Without the group's execute bit it once meant mandatory locking.
    if file.mode & SETGID and file.mode & 0o010:
        egid = file.gid
    return euid, egid
