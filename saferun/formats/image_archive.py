"""An image's merged file system, from the tar archive that the engine exports, as a tree of files.

Nothing is unpacked and no content is kept but that of passwd and group; of scripts it is noted what
executes them and what they call.
"""

from __future__ import annotations

import json
import re
import zlib

from saferun.formats import file_capabilities, tar_stream
from saferun.formats.container_user import GROUP, PASSWD
from saferun.judge.execution import File, FileCapabilities
from saferun.judge.file_tree import Tree
from saferun.judge.inspection import CALLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from saferun.formats.tar_stream import Entry

#: More than any image that people use has; an error beyond it.
MOST_FILES = 2_000_000
#: passwd and group: as the engine's own reading of them is bounded elsewhere.
LARGEST_TEXT = 4 << 20
#: Scripts longer than this are not searched for what they call.
LARGEST_SCRIPT = 64 << 10
#: What the kernel reads of a first line (BINPRM_BUF_SIZE).
FIRST_LINE = 256
COMMENT = re.compile(rb"^[ \t]*#.*", re.MULTILINE)
#: A command in a shell script: at the start of a line, or after what begins another command. No
#: part of it may run over lines, so that no text takes longer than it is long.
COMMAND = re.compile(
    rb"(?:^|[;&|(`]|\b(?:exec|then|else|do|if|!)[ \t])[ \t]*(?:exec[ \t]+)?(?:[\w./-]*/)?("
    + b"|".join(re.escape(name.encode()) for name in sorted(CALLED))
    + rb")(?=\s)",
    re.MULTILINE,
)
#: The largest document that is remembered, decompressed.
LARGEST_DOCUMENT = 64 << 20
#: The version of what is remembered.
VERSION = 1


def tree(chunks: Iterable[bytes]) -> Tree:
    """Return the files of an archive; raise ValueError with what is wrong with it.

    An archive that says something of a path twice, or of a path outside, is refused: engines do not
    make such, and whoever reads it could take it for two different images.
    """
    files: dict[str, File] = {}
    texts: dict[str, bytes] = {}
    same: dict[File, File] = {}
    for entry in tar_stream.entries(chunks, _wanted):
        path = _absolute(entry.path)
        if entry.kind == "hard link":
            file = files.get(_absolute(entry.target))
            if file is None or file.kind == "directory":
                message = f"{path!r} is a link to something that is not there"
                raise ValueError(message)
        else:
            file = _file(entry)
        if path in files and not file.kind == files[path].kind == "directory":
            message = f"{path!r} is there twice"
            raise ValueError(message)
        # Most files are alike in all that matters here, and are kept once.
        files[path] = same.setdefault(file, file)
        if path in (PASSWD, GROUP):
            texts[path] = entry.start
        if len(files) > MOST_FILES:
            message = f"more than {MOST_FILES} files"
            raise ValueError(message)
    return Tree(files, texts.get(PASSWD, b""), texts.get(GROUP, b""))


def _absolute(name: bytes) -> str:
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in name:
        message = f"{name[:100]!r} is no path in the archive"
        raise ValueError(message)
    return "".join("/" + part.decode("utf-8", "surrogateescape") for part in parts)


def _wanted(entry: Entry, size: int) -> int:
    if _absolute(entry.path) in (PASSWD, GROUP):
        if size > LARGEST_TEXT:
            message = f"{entry.path!r} has {size} bytes"
            raise ValueError(message)
        return size
    if entry.mode & 0o111:
        return LARGEST_SCRIPT if size <= LARGEST_SCRIPT else FIRST_LINE
    return 0


def _file(entry: Entry) -> File:
    fault, capabilities = "", None
    if entry.capabilities is not None and entry.kind == "file":
        try:
            capabilities = file_capabilities.read(entry.capabilities)
        except ValueError as error:
            fault = str(error)
    interpreter, argument, calls = "", "", ()
    if entry.start.startswith(b"#!") and entry.mode & 0o111:
        interpreter, argument = _first_line(entry.start)
        text = COMMENT.sub(b"", entry.start)
        calls = tuple(sorted({found.decode() for found in COMMAND.findall(text)}))
    return File(
        kind=entry.kind,  # type: ignore[arg-type]  # a hard link is no kind of its own
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        target=entry.target.decode("utf-8", "surrogateescape") if entry.kind == "link" else "",
        capabilities=capabilities,
        interpreter=interpreter,
        argument=argument,
        calls=calls,
        fault=fault,
    )


def _first_line(start: bytes) -> tuple[str, str]:
    """Return the interpreter and its one argument, as the kernel cuts them (binfmt_script)."""
    line = start[2:FIRST_LINE].partition(b"\n")[0].strip(b" \t")
    words = line.replace(b"\t", b" ").partition(b" ")
    interpreter, argument = (
        words[at].strip(b" ").decode("utf-8", "surrogateescape") for at in (0, 2)
    )
    return interpreter, argument


def remembered(found: Tree) -> bytes:
    """Return a tree as bytes to be kept, for `recalled`."""
    paths: dict[File, list[str]] = {}
    for path, file in found.files.items():
        paths.setdefault(file, []).append(path)
    document = {
        "version": VERSION,
        "passwd": found.passwd.decode("latin-1"),
        "group": found.group.decode("latin-1"),
        "files": [[_fields(file), listed] for file, listed in paths.items()],
    }
    return zlib.compress(json.dumps(document).encode())


def recalled(data: bytes) -> Tree | None:
    """Return the tree that was kept; None when it is anything else, or of another version."""
    try:
        text = zlib.decompressobj().decompress(data, LARGEST_DOCUMENT)
        document = json.loads(text)
        if document["version"] != VERSION:
            return None
        files = {
            path: file
            for file, listed in ((_of_fields(fields), paths) for fields, paths in document["files"])
            for path in listed
        }
        texts = (document[name].encode("latin-1") for name in ("passwd", "group"))
        return Tree(files, *texts)
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _fields(file: File) -> dict[str, Any]:
    fields = dict(vars(file))
    its = file.capabilities
    return {**fields, "capabilities": None if its is None else vars(its)}


def _of_fields(fields: dict[str, Any]) -> File:
    its = fields["capabilities"]
    return File(
        **{
            **fields,
            "calls": tuple(fields["calls"]),
            "capabilities": None if its is None else FileCapabilities(**its),
        }
    )
