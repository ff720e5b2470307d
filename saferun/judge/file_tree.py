"""The files of an image, and where a path leads in them, links followed inside."""

from __future__ import annotations

from saferun.judge.execution import File, may_enter
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.judge.execution import Process

#: As many symbolic links as the kernel follows in one path (MAXSYMLINKS).
MOST_LINKS = 40
ROOT = File("directory")


class Tree(Record):
    """Files by their path, absolute and without links; `passwd` and `group` are their contents."""

    files: Mapping[str, File]
    passwd: bytes = b""
    group: bytes = b""


class Place(Record):
    """Where a path leads: the file's own path, or what is wrong with the path.

    `passed` are the directories on the way. Of a path that leads nowhere `file` is None, and
    `problem` is the kernel's word for it.
    """

    path: str
    file: File | None = None
    passed: tuple[tuple[str, File], ...] = ()
    problem: str = ""

    def closed_to(self, process: Process) -> tuple[str, File] | None:
        """Return the first thing on the way that keeps a process from executing what is there."""
        for path, directory in self.passed:
            if not may_enter(process, directory):
                return path, directory
        if self.file is not None and self.file.kind == "file" and not may_enter(process, self.file):
            return self.path, self.file
        return None


def find(tree: Tree, path: str, directory: str = "/") -> Place:
    """Return where a path leads, seen from a directory, as the kernel walks it."""
    done = ""
    passed: dict[str, File] = {}
    rest = _reversed(path if path.startswith("/") else f"{directory}/{path}")
    links = 0
    while rest:
        here = tree.files.get(done, ROOT if not done else None)
        if here is None:
            return _nowhere(path, passed, "no such file or directory")
        if here.kind != "directory":
            return _nowhere(path, passed, "not a directory")
        passed[done or "/"] = here
        part = rest.pop()
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        found = tree.files.get(f"{done}/{part}")
        if found is None or found.kind != "link":
            done = f"{done}/{part}"
            continue
        links += 1
        if links > MOST_LINKS:
            return _nowhere(path, passed, "too many levels of symbolic links")
        if found.target.startswith("/"):
            done = ""
        rest += _reversed(found.target)
    file = tree.files.get(done, ROOT if not done else None)
    if file is None:
        return _nowhere(path, passed, "no such file or directory")
    return Place(done or "/", file, tuple(passed.items()))


def _nowhere(path: str, passed: dict[str, File], problem: str) -> Place:
    return Place(path, None, tuple(passed.items()), problem)


def _reversed(path: str) -> list[str]:
    """Return the parts of a path from last to first; a slash at its end wants a directory there."""
    last = ["."] if path.endswith("/") else []
    return [*last, *(part for part in reversed(path.split("/")) if part)]
