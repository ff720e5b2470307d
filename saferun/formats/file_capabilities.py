"""The attribute security.capability of a file: struct vfs_cap_data of linux/capability.h."""

from __future__ import annotations

import struct

from saferun.judge.execution import FileCapabilities

EFFECTIVE = 0x000001
#: Masks of 32 bits come in pairs (permitted, inheritable), the low ones first; since revision 3 the
#: uid of a user namespace's root follows. By revision: the whole, and how many pairs there are.
LAYOUTS = {1: ("<3I", 1), 2: ("<5I", 2), 3: ("<6I", 2)}


def read(value: bytes) -> FileCapabilities:
    """Read the attribute's value; raise ValueError for what the kernel does not take either.

    It wants a known revision, and of each exactly its size (commoncap.c get_vfs_caps_from_disk);
    otherwise execve ends in EINVAL. Flags without a meaning are let pass.
    """
    revision = value[3] if len(value) > 3 else 0  # noqa: PLR2004 - the highest byte of the first word
    form, pairs = LAYOUTS.get(revision, ("", 0))
    if not form or struct.calcsize(form) != len(value):
        message = f"file capabilities of {len(value)} bytes, revision {revision}"
        raise ValueError(message)
    flags, *words = struct.unpack(form, value)
    masks = [
        sum(word << 32 * at for at, word in enumerate(words[which : 2 * pairs : 2]))
        for which in (0, 1)
    ]
    root_id = words[2 * pairs] if len(words) > 2 * pairs else 0
    return FileCapabilities(masks[0], masks[1], bool(flags & EFFECTIVE), root_id)
