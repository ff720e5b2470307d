"""An exported image as a tree of files: what is kept of it, what is refused, what is remembered."""

from __future__ import annotations

import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.image_archive import LARGEST_SCRIPT, recalled, remembered, tree
from saferun.judge.execution import File, FileCapabilities
from tests.formats.test_tar_stream import archive, member
from tests.kernel.images import Entry, file_capabilities, tar


def of(*contents: Entry) -> dict[str, File]:
    """Return the files of an image with these entries."""
    return dict(tree([tar(contents)]).files)


def test_files_by_their_path() -> None:
    """Kinds, modes, targets, capabilities; passwd and group with their content."""
    value = file_capabilities(1 << 13, effective=True)
    found = tree(
        [
            tar(
                [
                    Entry("bin"),
                    Entry("bin/su", b"x", 0o4755),
                    Entry("./bin//ping", b"x", capabilities=value),
                    Entry("bin/link", target="su"),
                    Entry("etc/passwd", b"root:x:0:0::/:", 0o600),
                    Entry("etc/group", b"root:x:0:", 0o644),
                ]
            )
        ]
    )
    assert found.files["/bin"] == File("directory")
    assert found.files["/bin/su"] == File("file", 0o4755)
    assert found.files["/bin/ping"].capabilities == FileCapabilities(1 << 13, 0, effective=True)
    assert found.files["/bin/link"] == File("link", target="su")
    assert (found.passwd, found.group) == (b"root:x:0:0::/:", b"root:x:0:")


@pytest.mark.parametrize(
    ("first", "interpreter", "argument"),
    [
        (b"#!/bin/sh\n", "/bin/sh", ""),
        (b"#! \t/bin/sh  -e -u \n", "/bin/sh", "-e -u"),
        (b"#!/usr/bin/env\tbash\n", "/usr/bin/env", "bash"),
        (b"#!/bin/sh", "/bin/sh", ""),
        (b"#!\n", "", ""),
        (b"# !/bin/sh\n", "", ""),
        (b"#!/" + b"x" * 300, "/" + "x" * 253, ""),
    ],
)
def test_the_first_line_of_a_script(first: bytes, interpreter: str, argument: str) -> None:
    """As the kernel cuts it: one interpreter, one argument, 256 bytes."""
    file = of(Entry("script", first))["/script"]
    assert (file.interpreter, file.argument) == (interpreter, argument)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('exec gosu app "$@"\n', ("gosu",)),
        ("if [ $(id -u) = 0 ]; then exec su-exec app x; fi\n", ("su-exec",)),
        ("  /usr/sbin/gosu app x\nchown -R app /data && setpriv --reuid 1 x\n",
         ("chown", "gosu", "setpriv")),
        ("# exec gosu app\necho gosu app\nlegosu x\nsuper x\ngosu-like x\n", ()),
    ],
)  # fmt: skip
def test_what_a_script_calls(text: str, calls: tuple[str, ...]) -> None:
    """Commands, and not words in comments, arguments or other names."""
    assert of(Entry("script", f"#!/bin/sh\n{text}".encode()))["/script"].calls == calls


def test_what_is_no_script_is_not_searched() -> None:
    """Programs, files that nobody may execute, and what is too long for a start-up script."""
    text = b"#!/bin/sh\ngosu app x\n"
    assert of(Entry("a", text, 0o644))["/a"] == File("file", 0o644)
    assert of(Entry("a", b"\x7fELF\ngosu app x\n"))["/a"] == File("file")
    long = of(Entry("a", text.ljust(LARGEST_SCRIPT + 1)))["/a"]
    assert long.interpreter == "/bin/sh"


@pytest.mark.parametrize(
    "text", ["\n", " ", "\t\n", ";", "exec ", "exec\t \n", "a/", "a/;", "#", " #\n", "! "]
)
def test_no_script_takes_long(text: str) -> None:
    """Nothing in an image can make whoever looks at it wait."""
    script = f"#!/bin/sh\n{text * LARGEST_SCRIPT}"[: LARGEST_SCRIPT - 1].encode()
    began = time.process_time()
    assert of(Entry("script", script))["/script"].calls == ()
    assert time.process_time() - began < 1


def test_hard_links_are_the_file_they_name() -> None:
    """With its bits and capabilities: the same inode under another name."""
    first = member("bin/su", b"")
    first.mode = 0o4755
    link = member("bin/sudo", b"", b"1")
    link.linkname = "bin/su"
    assert tree([archive((first, b""), (link, b""))]).files["/bin/sudo"] == File("file", 0o4755)
    with pytest.raises(ValueError, match="a link to something that is not there"):
        tree([archive((link, b""))])


def test_whiteouts_are_names_like_others() -> None:
    """The engine has merged the layers; what is called so now is a file."""
    found = of(Entry("bin"), Entry("bin/su", b"", 0o4755), Entry("bin/.wh.su", b""))
    assert found["/bin/su"].mode == 0o4755
    assert "/bin/.wh.su" in found


def test_attributes_that_make_no_sense_are_kept_as_such() -> None:
    """Neither clean nor a reason to know nothing of all the others."""
    found = of(Entry("a", b"", capabilities=b"garbage"), Entry("b", b"", 0o4755))
    assert found["/a"].fault == "file capabilities of 7 bytes, revision 98"
    assert found["/b"] == File("file", 0o4755)


@pytest.mark.parametrize(
    ("contents", "wrong"),
    [
        ([Entry("a", b""), Entry("a", b"")], "is there twice"),
        ([Entry("a", b""), Entry("./a", b"", 0o4755)], "is there twice"),
        ([Entry("a"), Entry("a", target="b")], "is there twice"),
        ([Entry("../etc/passwd", b"")], "no path in the archive"),
        ([Entry("a/../../b", b"")], "no path in the archive"),
        ([Entry("etc/passwd", bytes(5 << 20), 0o644)], "has 5242880 bytes"),
    ],
)
def test_archives_that_could_be_taken_for_two_images(contents: list[Entry], wrong: str) -> None:
    """An engine makes no such archive."""
    with pytest.raises(ValueError, match=wrong):
        tree([tar(contents)])


def test_an_archive_that_is_cut_off_is_no_image() -> None:
    """Wherever it is cut: half an image is never clean."""
    whole = tar([Entry("a", b"x" * 600), Entry("b", b"", 0o4755)])
    end = len(whole.rstrip(b"\0"))
    for cut in range(0, end, 97):
        with pytest.raises(ValueError, match="cut off"):
            tree([whole[:cut]])


FILES = st.builds(
    File,
    st.sampled_from(["file", "directory", "link", "other"]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32),
    gid=st.integers(0, 2**32),
    target=st.text(max_size=5),
    capabilities=st.none()
    | st.builds(FileCapabilities, st.integers(0, 2**64), st.integers(0, 2**64), st.booleans()),
    interpreter=st.sampled_from(["", "/bin/sh", "/\udcff"]),
    calls=st.sampled_from([(), ("gosu",)]),
    fault=st.sampled_from(["", "x"]),
)


@given(
    files=st.dictionaries(st.text(max_size=8).map(lambda name: f"/{name}\udc80"), FILES),
    text=st.binary(max_size=20),
)
def test_what_is_remembered_is_the_same(files: dict[str, File], text: bytes) -> None:
    """A second time tells exactly what the first did."""
    found = tree([tar([])]).replace(files=files, passwd=text, group=text[::-1])
    assert recalled(remembered(found)) == found


@given(junk=st.binary(max_size=100), at=st.integers(0, 200))
def test_what_was_not_remembered_whole_is_not_used(junk: bytes, at: int) -> None:
    """A cache that makes no sense is no cache."""
    kept = remembered(tree([tar([Entry("a", b"")])]))
    found = recalled(kept[:at] + junk + kept[at + len(junk) :])
    assert found is None or found.files.keys() == {"/a"}
    assert recalled(junk) is None


def test_what_is_remembered_of_other_versions_or_without_end_is_not_used() -> None:
    """Another version's document, another document, and one that grows to gigabytes."""
    assert recalled(zlib.compress(b'{"version": 0}')) is None
    assert recalled(zlib.compress(b"[]")) is None
    assert recalled(zlib.compress(b"[" * 100_000)) is None
    packer = zlib.compressobj()
    bomb = packer.compress(b'{"version": 1, "passwd": "')
    bomb += b"".join(packer.compress(b"x" * (1 << 20)) for _ in range(65))
    assert recalled(bomb + packer.compress(b'"}') + packer.flush()) is None
