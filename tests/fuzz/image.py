"""Exported images: a hostile archive is one tree of files or none, and nothing in it gives power.

An input is records with a 0x1E between them, of fields with a 0x1F between them: type, name, mode,
uid, gid, target, content, prefix and, where they are not to be what they should be, size and
checksum. An input without either byte is the archive itself.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from itertools import zip_longest
from typing import TYPE_CHECKING

from saferun.formats import container_user, image_archive, tar_stream
from saferun.judge.execution import started
from saferun.judge.inspection import Run, inspect
from tests.formats.test_tar_stream import END, KINDS, pieces
from tests.fuzz import mutating

if TYPE_CHECKING:
    from random import Random

    from saferun.judge.file_tree import Tree

RECORD, FIELD = b"\x1e", b"\x1f"
#: What fields are where they are empty: those of a header in their order, and its content.
SILENT = (b"0", b"x", b"0000755", b"0000000", b"0000000", b"", b"", b"", b"", b"")
#: Any user but root, with nothing in the bounding set; and with docker's default, unable to gain.
RUNS = (
    started(3267, 3267, frozenset(), 0, no_new_privileges=False),
    started(3267, 3267, frozenset(), 0xA80425FB, no_new_privileges=True),
)
PIECE = 100


def run(data: bytes) -> None:
    """Hold one archive against what must be true of all."""
    image_archive.recalled(data)
    image_archive.recalled(zlib.compress(data))
    archive = written(data)
    tree = read([archive])
    assert tree == read(list(pieces(archive, PIECE)))
    if tree is None:
        return
    for path in tree.files:
        assert path == "" or path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/")[1:])
        assert "\0" not in path
    others(tree, archive)
    assert image_archive.recalled(image_archive.remembered(tree)) == tree
    assert container_user.uid("root", tree.passwd) is None or b"root" in tree.passwd
    for process in RUNS:
        for name in ("/x", "x"):
            found = inspect(tree, Run(process, (name, "-c"), "/bin:/"))
            assert not [one for one in found if one.outcome == "regains"]


def read(chunks: list[bytes]) -> Tree | None:
    try:
        return image_archive.tree(chunks)
    except ValueError:
        return None


def others(tree: Tree, archive: bytes) -> None:
    """Whoever else reads the archive finds no file, bit or owner in it that is not seen here."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as theirs:
            members = theirs.getmembers()
            # At a header that it cannot read it stops, and takes what follows for nothing.
            stopped = any(archive[theirs.offset : theirs.offset + tarfile.BLOCKSIZE])
    except tarfile.TarError:
        return
    seen: dict[str, tarfile.TarInfo] = {}
    for member in members:
        if not member.name:
            continue  # of a long name that is empty; Go takes the short one, and so do we
        path = _path(member.name)
        assert path not in seen or (member.isdir() and seen[path].isdir())
        # Of a directory that is there twice, the last word counts for whoever unpacks it.
        seen[path] = member
    for path, member in seen.items():
        file = tree.files[path]
        kind = KINDS.get(member.type, "file" if member.isreg() else "other")
        if stopped and member.isdir():
            assert file.kind == kind  # it may be told of again further on
        elif kind != "hard link":
            found = (file.kind, file.mode, file.uid, file.gid)
            assert found == (kind, member.mode & 0o7777, member.uid, member.gid)


def _path(name: str) -> str:
    return "".join(f"/{part}" for part in name.split("/") if part not in ("", "."))


def written(data: bytes) -> bytes:
    """Return the archive that an input stands for."""
    if RECORD not in data and FIELD not in data:
        return data
    return b"".join(map(entry, data.split(RECORD))) + END


def entry(record: bytes) -> bytes:
    """Return one entry: a header (POSIX ustar), and content up to the end of a block."""
    fields = [
        given or silent
        for given, silent in zip_longest(record.split(FIELD)[: len(SILENT)], SILENT, fillvalue=b"")
    ]
    kind, name, mode, uid, gid, target, content, prefix, size, checksum = fields
    if kind[:1] in tar_stream.ABOUT_THE_NEXT:
        size = b""  # tarfile takes all of a block for a long name, however long that is
    head = bytearray(512)
    for at, room, value in (
        (0, 100, name.replace(b"\0", b"") or b"x"),
        # Go passes over what leads up to a number, tarfile does not.
        *((at, 8, field.strip(b" \0")) for at, field in ((100, mode), (108, uid), (116, gid))),
        (124, 12, size or b"%011o" % len(content)),
        (136, 12, b"0" * 11),
        (148, 8, b" " * 8),
        (156, 1, kind),
        (157, 100, target),
        (257, 8, b"ustar\x0000"),
        (345, 155, prefix),
    ):
        head[at : at + len(value[:room])] = value[:room]
    head[148:156] = (checksum or b"%06o\0 " % sum(head)).ljust(8, b"\0")[:8]
    return bytes(head) + content + bytes(-len(content) % 512)


#: What archives are made of.
WORDS = (
    *("\x1e", "\x1f", "etc/passwd", "etc/group", "bin/x", "../", "./", "4755", "root:x:0:0::/:\n"),
    *("12 path=bin\n", "14 linkpath=x\n", "9 uid=0\n", "9 size=1\n", "#!/bin/sh\n", "gosu x\n"),
    *("\x1fx", "\x1fL", "\x1fK", "\x1f1", "\x1f2", "\x1f5", "GNU.sparse."),
    "40 SCHILY.xattr.security.capability=",
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (RECORD, FIELD), WORDS, random)
