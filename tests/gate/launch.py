"""Become a process of a given shape and execute a command: launch.py SHAPE WORD..., as root.

A program of its own, so that the tests neither fork nor change themselves. SHAPE is JSON; each of
its keys is optional, and `main` lists them in the order in which they take effect.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 8, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 38, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
SECCOMP_MODE_FILTER, SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 2, 0x00050000, 0x7FFF0000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06

SYSCALLS = {
    "x86_64": {
        "capget": 125,
        "faccessat": 269,
        "faccessat2": 439,
        "getresuid": 118,
        "prctl": 157,
    },
    "aarch64": {
        "capget": 90,
        "faccessat": 48,
        "faccessat2": 439,
        "getresuid": 148,
        "prctl": 167,
    },
}[platform.machine()]


def call(name: str, *words: int | bytes | None) -> None:
    """Call a function of the C library; raise OSError when it fails."""
    arguments = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in words]
    if getattr(LIBC, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)


def hide(mounts: list[tuple[str, str, str, int]]) -> None:
    """Mount (source, target, type, flags) where only this process sees it."""
    call("unshare", CLONE_NEWNS)
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    for source, target, kind, flags in mounts:
        call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, None)


def set_inheritable(mask: int) -> None:
    """Set the inheritable set, and keep everything else that this process may hold."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: first their low words, then their high ones
    half = ctypes.create_string_buffer(24)
    LIBC.capget(header, half)
    _, low, _, _, high, _ = struct.unpack("=6I", half.raw)
    inheritable = mask & 0xFFFFFFFF, mask >> 32
    words = (low, low, inheritable[0], high, high, inheritable[1])
    call("capset", header, struct.pack("=6I", *words))


def keep_bounding(mask: int) -> None:
    """Drop every other capability from the bounding set."""
    try:
        for bit in range(64):
            if not mask >> bit & 1:
                call("prctl", PR_CAPBSET_DROP, bit, 0, 0, 0)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def become(uids: list[int], groups: int) -> None:
    """Take real, effective and saved uids (and gids), and keep the permitted capabilities."""
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups(range(100_000, 100_000 + groups))
    os.setresgid(*uids)
    os.setresuid(*uids)


def answer(rules: list[tuple[str, dict[str, int], int]]) -> None:
    """Install a seccomp filter of (system call, {number of argument: value}, errno) rules."""
    program = []
    for name, arguments, number in rules:
        # struct seccomp_data: the system call first, the arguments (low words) from byte 16 on
        wanted = [(0, SYSCALLS[name]), *((16 + 8 * int(i), arguments[i]) for i in arguments)]
        for position, (offset, value) in enumerate(wanted):
            rest = 2 * (len(wanted) - 1 - position)
            program += [(LOAD_WORD, 0, 0, offset), (JUMP_IF_EQUAL, 0, rest + 1, value)]
        program.append((RETURN, 0, 0, SECCOMP_RET_ERRNO | number))
    program.append((RETURN, 0, 0, SECCOMP_RET_ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)


def strings(words: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    """Return what execve takes."""
    return (ctypes.c_char_p * (len(words) + 1))(*map(os.fsencode, words), None)


def main() -> None:
    """Do as SHAPE says."""
    shape = json.loads(sys.argv[1])
    words = sys.argv[2:]
    if "mounts" in shape:
        hide(shape["mounts"])
    if "inheritable" in shape:
        set_inheritable(shape["inheritable"])
    if "bounding" in shape:
        keep_bounding(shape["bounding"])
    if "uids" in shape:
        become(shape["uids"], shape.get("groups", 0))
    for bit in shape.get("ambient", ()):
        call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0)
    if shape.get("no_new_privs"):
        call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if "filter" in shape:
        answer(shape["filter"])
    for descriptor in shape.get("close", ()):
        os.close(descriptor)
    # Not os.execve, which would tidy up the environment first.
    if "environment" in shape:
        LIBC.execve(os.fsencode(words[0]), strings(words), strings(shape["environment"]))
    else:
        LIBC.execv(os.fsencode(words[0]), strings(words))
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), words[0])


if __name__ == "__main__":
    main()
