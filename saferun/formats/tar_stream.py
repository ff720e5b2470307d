"""A tar archive as a stream of bytes: what it tells of each file, and the beginning of some.

For archives that an engine makes of a container's files, in the formats that Go's archive/tar
writes: ustar, GNU long names, and POSIX pax records. The content of images is hostile: every size
is bounded before anything is kept, nothing is ever unpacked, and whatever is not understood is an
error. That, and that tarfile reads records of any size into memory, is why this is not tarfile.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BLOCK = 512
#: Names and attributes; the kernel's own limits are 4 KB and 64 KB.
LARGEST_RECORD = 1 << 20
CAPABILITIES = b"SCHILY.xattr.security.capability"
#: A file, in archives older than types; a slash at the end of its name makes it a directory, to Go
#: and to everybody else.
OLD, DIRECTORY = b"\0", b"5"
#: Types of ustar entries by their letter, in the words of `File.kind`.
KINDS = {
    **dict.fromkeys((b"0", OLD, b"7"), "file"),
    b"1": "hard link",
    b"2": "link",
    **dict.fromkeys((b"3", b"4", b"6"), "other"),
    DIRECTORY: "directory",
}
PAX, LONG_NAME, LONG_LINK = b"x", b"L", b"K"
#: Entries that tell of the next one, and what part of it.
ABOUT_THE_NEXT = {PAX: b"", LONG_NAME: b"path", LONG_LINK: b"linkpath"}


class Entry(Record):
    """One file of an archive: names as they are written, the first bytes of its content if wanted.

    `kind` is that of `File`, or "hard link" to the earlier entry `target`. `capabilities` is the
    value of the attribute, None where there is none.
    """

    path: bytes
    kind: str
    mode: int
    uid: int
    gid: int
    target: bytes = b""
    capabilities: bytes | None = None
    start: bytes = b""


def entries(chunks: Iterable[bytes], wanted: Callable[[Entry, int], int]) -> Iterator[Entry]:
    """Yield every entry; raise ValueError for what is no complete archive of files.

    `wanted` tells how many bytes of a file's content to keep, for an entry and its size.
    """
    stream = _Stream(chunks)
    records: dict[bytes, bytes] = {}
    told: set[bytes] = set()
    while any(header := stream.take(BLOCK)):
        _check(header)
        kind = header[156:157]
        if kind in ABOUT_THE_NEXT:
            size = _number(None, header[124:136])
            if size > LARGEST_RECORD:
                message = f"a record of {size} bytes"
                raise ValueError(message)
            content = stream.take(size)
            stream.skip(-size % BLOCK)
            name = ABOUT_THE_NEXT[kind]
            about = {name: content.rstrip(b"\0")} if name else _pax(content)
            # Of two, one reader takes the first, and another the last.
            if kind in told or not records.keys().isdisjoint(about):
                message = "an entry that is told of twice"
                raise ValueError(message)
            told.add(kind)
            records |= about
            continue
        if kind not in KINDS:
            message = f"an entry of type {kind!r}"
            raise ValueError(message)
        path = records.get(b"path") or _path(header)
        if kind == OLD and path.endswith(b"/"):
            kind = DIRECTORY
        entry = Entry(
            path=path,
            kind=KINDS[kind],
            mode=_number(None, header[100:108]) & 0o7777,
            uid=_number(records.get(b"uid"), header[108:116]),
            gid=_number(records.get(b"gid"), header[116:124]),
            target=records.get(b"linkpath") or _text(header[157:257]),
            capabilities=records.get(CAPABILITIES),
        )
        size = _number(records.get(b"size"), header[124:136])
        records, told = {}, set()
        # Only files have content; what other entries say of a size does not count (Go, POSIX).
        size = size if entry.kind == "file" else 0
        keep = min(size, wanted(entry, size)) if size else 0
        if keep:
            entry = entry.replace(start=stream.take(keep))
        stream.skip(size - keep + -size % BLOCK)
        yield entry
    if records:
        message = "it ends where something should follow"
        raise ValueError(message)


class _Stream:
    """Bytes in pieces of any size, taken in pieces of the sizes that are needed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes; raise ValueError where the stream is cut off."""
        parts = []
        while size > 0:
            if self._at == len(self._held):
                self._more()
            part = self._held[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Leave bytes out."""
        while size > 0:
            if self._at == len(self._held):
                self._more()
            step = min(size, len(self._held) - self._at)
            self._at += step
            size -= step

    def _more(self) -> None:
        for chunk in self._chunks:
            if chunk:
                self._held, self._at = chunk, 0
                return
        message = "it is cut off"
        raise ValueError(message)


def _check(header: bytes) -> None:
    """Compare the checksum: the sum of all bytes, its own eight counted as blanks."""
    if sum(header) - sum(header[148:156]) + 8 * 0x20 != _number(None, header[148:156]):
        message = "a header with a wrong checksum"
        raise ValueError(message)


def _path(header: bytes) -> bytes:
    name, prefix = _text(header[0:100]), _text(header[345:500])
    # GNU's own format, which ends its magic otherwise, has other things in place of the prefix.
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(record: bytes | None, field: bytes) -> int:
    """Read a number from a pax record (decimal), or a header (octal, or binary after a 0x80)."""
    if record is not None:
        return _digits(record, 10)
    if field[0] == 0x80:  # noqa: PLR2004 - GNU's mark
        return int.from_bytes(field[1:], "big")
    return _digits(field.strip(b" \0") or b"0", 8)


def _digits(text: bytes, base: int) -> int:
    # int() takes blanks, signs and underscores, and is slow for a million digits.
    if not text.isdigit() or len(text) > 20:  # noqa: PLR2004 - 64 bits have no more
        message = f"a number that is none: {text[:20]!r}"
        raise ValueError(message)
    return int(text, base)


def _pax(content: bytes) -> dict[bytes, bytes]:
    """Read records of the form `LENGTH KEY=VALUE` with a newline, the length being that of all."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        length, blank, _ = content[at : at + 21].partition(b" ")
        end = at + _digits(length, 10)
        key, equals, value = content[at + len(length) + 1 : end].partition(b"=")
        whole = blank and equals and value[-1:] == b"\n" and end <= len(content)
        if not whole or not key or b"\0" in key:
            message = "a pax record that is none"
            raise ValueError(message)
        if key.startswith(b"GNU.sparse."):
            message = "a sparse file"
            raise ValueError(message)
        records[key] = value[:-1]
        at = end
    return records
