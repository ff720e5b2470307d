"""Archives read as a stream: what tarfile reads, and hostile ones that are refused."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.tar_stream import LARGEST_RECORD, Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable

XATTR = "SCHILY.xattr.security.capability"
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hard link",
    tarfile.FIFOTYPE: "other",
}


def everything(_entry: Entry, size: int) -> int:
    """Keep all content."""
    return size


def nothing(_entry: Entry, _size: int) -> int:
    """Keep no content."""
    return 0


def archive(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as out:
        for member, content in members:
            out.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """Return what an archive says of one file."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(content), 0o755
    return info


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    """Return data in pieces, empty ones among them."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
        yield b""


NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300
).filter(lambda name: not name.endswith("/"))
MEMBERS = st.tuples(
    NAMES,
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 0o7777),
    st.integers(0, 2**32 - 2),
    st.binary(max_size=1500),
    st.none() | st.binary(min_size=1, max_size=30).filter(lambda value: b"\0" not in value[-1:]),
)


@given(
    members=st.lists(MEMBERS, max_size=5),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    size=st.integers(1, 3000),
)
def test_it_reads_what_tarfile_writes(
    members: list[tuple[str, bytes, int, int, bytes, bytes | None]], form: int, size: int
) -> None:
    """Names of any length, large ids, attributes, content; in pieces of any size."""
    written, expected = [], []
    for name, kind, mode, uid, content, value in members:
        is_file, is_link = kind == tarfile.REGTYPE, kind in (tarfile.SYMTYPE, tarfile.LNKTYPE)
        info = member(name, content if is_file else b"", kind)
        info.mode, info.uid, info.gid = mode, uid, uid // 2
        info.linkname = name[::-1] if is_link else ""
        if value is not None and form == tarfile.PAX_FORMAT:
            info.pax_headers = {XATTR: value.decode("utf-8", "surrogateescape")}
        written.append((info, content))
        expected.append(
            Entry(
                name.encode() + (b"/" if kind == tarfile.DIRTYPE else b""),
                KINDS[kind],
                mode,
                uid,
                uid // 2,
                info.linkname.encode(),
                value if form == tarfile.PAX_FORMAT else None,
                content if is_file else b"",
            )
        )
    data = archive(*written, form=form)
    assert list(entries(pieces(data, size), everything)) == expected


def header(**fields: bytes) -> bytes:
    """Return a header of a file of no bytes, with these fields changed and a right checksum."""
    places = {"name": 0, "mode": 100, "uid": 108, "size": 124, "type": 156, "magic": 257}
    block = bytearray(archive((member("x"), b""))[:512])
    for name, value in fields.items():
        block[places[name] : places[name] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


def pax(*records: bytes) -> bytes:
    """Return a pax header with these records, whatever they are, and a file after it."""
    content = b"".join(records)
    size = b"%011o\0" % len(content)
    padding = bytes(-len(content) % 512)
    return header(type=b"x", size=size) + content + padding + header() + END


#: A long name for what follows.
LONG = header(type=b"L", size=b"%011o\0" % 2) + b"ab" + bytes(510)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "cut off"),
        (b"not a tar archive" * 100, "number|checksum"),
        (header(), "cut off"),
        (header()[:300], "cut off"),
        (header(size=b"77777777777\0"), "cut off"),
        (header(size=b"\x80" + b"\xff" * 11), "cut off"),
        (header(size=b"\xff" + b"\xff" * 11), "number"),
        (header(size=b"-0000000001\0"), "number"),
        (header(size=b"00000000 1\0\0"), "number"),
        (header(uid=b"9999999\0"), "invalid literal"),
        (header()[:148] + b"0000000\0" + header()[156:] + END, "checksum"),
        (header(type=b"x", size=b"77777777777\0"), "a record of"),
        (header(type=b"L", size=b"%011o\0" % (LARGEST_RECORD + 1)), "a record of"),
        (header(type=b"x") + END, None),
        (header(type=b"S") + END, "an entry of type b'S'"),
        (header(type=b"g") + END, "an entry of type b'g'"),
        (header(type=b"V") + END, "an entry of type b'V'"),
        (pax(b"12 path=a\n"), "pax record"),
        (pax(b"0 path=a\n"), "pax record"),
        (pax(b"99999999999999999999999 path=a\n"), "number"),
        (pax(b"-9 path=a\n"), "number"),
        (pax(b"9 patha\n"), "pax record"),
        (pax(b"5 =a\n"), "pax record"),
        (pax(b"7 a\0=a\n"), "pax record"),
        (pax(b"10 path=ab"), "pax record"),
        (pax(b"10 path=a\n", b"junk"), "number"),
        (pax(b"12 size=-1\n\n"), "number"),
        (pax(b"10 size=x\n"), "number"),
        (pax(b"9 uid=1e\n"), "number"),
        (pax(b"22 GNU.sparse.major=1\n"), "sparse"),
        (LONG + END, "should follow"),
        (LONG + LONG + header() + END, "told of twice"),
        (pax(b"10 path=a\n")[:1024] + LONG + header() + END, "told of twice"),
        (pax(b"10 path=a\n")[:1024] + pax(b"8 uid=5\n"), "told of twice"),
    ],
)
def test_hostile_archives(data: bytes, wrong: str | None) -> None:
    """Sizes without end, false checksums, odd types and records: an error, and no other."""
    if wrong is None:
        assert list(entries([data], everything)) == []
        return
    with pytest.raises(ValueError, match=wrong):
        list(entries([data], everything))


def test_a_slash_makes_a_directory_in_old_archives() -> None:
    """As everybody else reads them; such a file could otherwise hide one."""
    old = header(name=b"bin/\0", type=b"\0") + header(name=b"sh\0", type=b"\0") + END
    found = [(one.path, one.kind) for one in entries([old], everything)]
    assert found == [(b"bin/", "directory"), (b"sh", "file")]


def test_records_belong_to_one_file_only() -> None:
    """A long name or an attribute does not stick to what follows."""
    long = member("n" * 200)
    long.pax_headers = {XATTR: "value"}
    found = list(entries([archive((long, b""), (member("plain"), b""))], nothing))
    assert [(len(one.path), one.capabilities) for one in found] == [(200, b"value"), (5, None)]


def test_a_size_is_that_of_the_file_and_not_of_what_tells_of_it() -> None:
    """A long name between a record and its file is as long as it says itself."""
    content = b"content".ljust(512, b"\0")
    data = pax(b"10 size=7\n")[:1024] + LONG + header() + content + END
    assert [one.start for one in entries([data], everything)] == [b"content"]


def test_a_large_file_is_never_held() -> None:
    """A gigabyte passes by in less than a megabyte of memory; what is kept is what was wanted."""
    size = 1 << 30
    head = header(size=b"%011o\0" % size)
    stream = (
        piece for part in ([head], repeat(bytes(1 << 16), size >> 16), [END]) for piece in part
    )
    tracemalloc.start()
    try:
        (found,) = entries(stream, lambda _entry, _size: 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.start) == 100
    assert peak < 1 << 20


@given(junk=st.binary(max_size=2000), at=st.integers(0, 2000), inside=st.booleans())
def test_no_bytes_are_too_strange(junk: bytes, at: int, *, inside: bool) -> None:
    """Whatever the bytes: entries, or one ValueError."""
    whole = archive((member("a" * 150), b""), (member("b", b"content"), b"content"))
    data = whole[:at] + junk + whole[at + len(junk) :] if inside else junk
    try:
        list(entries([data], everything))
    except ValueError as error:
        assert str(error)  # noqa: PT017 - it need not be raised
