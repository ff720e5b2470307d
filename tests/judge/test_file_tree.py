"""Where paths lead inside an image, whatever its links say."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.judge.execution import File, started
from saferun.judge.file_tree import Tree, find

DIRECTORY, PROGRAM = File("directory"), File("file")


def link(target: str) -> File:
    """A symbolic link."""
    return File("link", 0o777, target=target)


TREE = Tree(
    {
        "/usr": DIRECTORY,
        "/usr/bin": DIRECTORY,
        "/usr/bin/tool": PROGRAM,
        "/bin": link("usr/bin"),
        "/up": link("../../../usr"),
        "/absolute": link("/bin/./tool"),
        "/chain": link("absolute"),
        "/loop": link("loop"),
        "/dangling": link("/no/such"),
        "/closed": File("directory", 0o700),
        "/closed/tool": PROGRAM,
    }
)


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [
        ("/usr/bin/tool", "/", "/usr/bin/tool"),
        ("/bin/tool", "/", "/usr/bin/tool"),
        ("//bin//./tool", "/", "/usr/bin/tool"),
        ("/bin/../bin/tool", "/", "/usr/bin/tool"),
        ("/../../bin/tool", "/", "/usr/bin/tool"),
        ("/up/bin/tool", "/", "/usr/bin/tool"),
        ("/chain", "/", "/usr/bin/tool"),
        ("tool", "/bin", "/usr/bin/tool"),
        ("./tool", "usr/bin", "/usr/bin/tool"),
        ("/", "/", "/"),
    ],
)
def test_links_are_followed_inside(path: str, directory: str, expected: str) -> None:
    """As the kernel does it below the container's root."""
    place = find(TREE, path, directory)
    assert (place.path, place.problem) == (expected, "")
    assert place.file is not None


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/loop", "too many levels of symbolic links"),
        ("/dangling", "no such file or directory"),
        ("/no/such", "no such file or directory"),
        ("/usr/bin/tool/x", "not a directory"),
        ("/usr/bin/tool/..", "not a directory"),
        ("/usr/bin/tool/.", "not a directory"),
        ("/usr/bin/tool/", "not a directory"),
    ],
)
def test_paths_that_lead_nowhere(path: str, problem: str) -> None:
    """With the kernel's word for it."""
    place = find(TREE, path)
    assert (place.file, place.problem) == (None, problem)


def test_what_keeps_a_process_out() -> None:
    """The first thing on the way that is closed to it."""
    user = started(3267, 3267, frozenset(), 0, no_new_privileges=False)
    root = started(0, 0, frozenset(), 0, no_new_privileges=False)
    place = find(TREE, "/closed/tool")
    assert place.closed_to(user) == ("/closed", File("directory", 0o700))
    assert place.closed_to(root) is None
    assert find(TREE, "/bin/tool").closed_to(user) is None


NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", ".", ""]), min_size=1, max_size=4)


@settings(max_examples=60)
@given(
    files=st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts)),
        st.one_of(
            st.just(DIRECTORY),
            st.just(PROGRAM),
            TARGETS.map(lambda parts: link("/".join(parts).lstrip("/") or ".")),
        ),
        max_size=8,
    ),
    path=TARGETS.map("/".join),
)
def test_it_is_as_the_kernel_walks(files: dict[str, File], path: str) -> None:
    """Any tree with relative links leads where the same tree on disk leads."""
    with tempfile.TemporaryDirectory() as top:
        real: dict[str, File] = {}
        for name in sorted(files):
            parent = name.rpartition("/")[0]
            if parent and real.get(parent) != DIRECTORY:
                continue
            real[name] = files[name]
            if files[name].kind == "directory":
                os.mkdir(top + name)
            elif files[name].kind == "link":
                os.symlink(files[name].target, top + name)
            else:
                open(top + name, "x").close()
        place = find(Tree(real), path)
        real_path = os.path.realpath(f"{top}/{path}")
        if not real_path.startswith(os.path.realpath(top)):
            return  # above its top only an image has its own end
        problem = ""
        try:
            os.stat(f"{top}/{path}")
        except OSError as error:
            problem = (error.strerror or "").lower()
        assert place.problem == problem
        if not problem:
            assert os.path.realpath(top) + place.path.rstrip("/") == real_path
