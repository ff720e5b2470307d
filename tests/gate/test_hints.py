"""Why a file cannot be executed: the gate's second line, and when it keeps quiet instead."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saferun.judge.capabilities import BITS, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    Run = Callable[..., CompletedProcess[bytes]]

USER: dict[str, Any] = {"uids": [3267, 3267, 3267], "bounding": 0}
#: What can be done about a mode.
CHMOD = ": chmod o+x in the image, or another --user"


@pytest.fixture
def tree() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="saferun-gate-") as name:
        base = Path(name).resolve()
        base.chmod(0o755)
        yield base


def script(path: Path, mode: int, first: str = "#!/bin/sh") -> Path:
    """Write a script of root's."""
    path.write_text(f"{first}\necho started\n")
    path.chmod(mode)
    return path


def capable(path: Path, mask: int, *, effective: bool = True) -> Path:
    """Copy a program that has permitted file capabilities."""
    shutil.copy("/bin/true", path)
    value = struct.pack("<5I", 2 << 24 | effective, mask & 0xFFFFFFFF, 0, mask >> 32, 0)
    os.setxattr(path, "security.capability", value)
    return path


def lines(done: CompletedProcess[bytes]) -> list[str]:
    """Return what the gate said."""
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        (0o700, "uid 0"),
        (0o744, "uid 0"),
        (0o710, "uid 0 or gid 0"),
        (0o010, "gid 0"),
    ],
)
def test_who_may_execute_a_file(mode: int, who: str, tree: Path, through: Run) -> None:
    """A file that is closed to this user, with its owner: root's entrypoints are such."""
    tool = script(tree / "tool", mode)
    done = through(tool, shape=USER)
    assert lines(done) == [
        f'saferun: exec: "{tool}": permission denied',
        f"saferun: hint: {tool} may be executed only by {who}{CHMOD}",
    ]
    assert done.returncode == 126


def test_a_closed_file_on_path_is_named(tree: Path, through: Run) -> None:
    """It counts as not found, as for runc, and the hint says what was there."""
    script(tree / "tool", 0o700)
    done = through("tool", shape=USER, env={"PATH": f"/none:{tree}:/nowhere"})
    assert lines(done) == [
        'saferun: exec: "tool": executable file not found in $PATH',
        f"saferun: hint: {tree}/tool may be executed only by uid 0{CHMOD}",
    ]
    assert done.returncode == 127


@pytest.mark.parametrize("below", ["tool", "more/tool", "none"])
def test_a_closed_directory_is_named(below: str, tree: Path, through: Run) -> None:
    """The directory on the way that cannot be entered, and not the file behind it."""
    (tree / "closed" / "more").mkdir(parents=True)
    for path in ("closed/tool", "closed/more/tool"):
        script(tree / path, 0o755)
    (tree / "closed").chmod(0o700)
    word = f"{tree}//closed/{below}"
    done = through(word, shape=USER)
    assert lines(done) == [
        f'saferun: exec: "{word}": stat {word}: permission denied',
        f"saferun: hint: {tree}//closed may be entered only by uid 0{CHMOD}",
    ]


def test_root_without_dac_override_hears_of_it(tree: Path, through: Run) -> None:
    """Only for uid 0 does giving the capability back change anything."""
    tool = script(tree / "tool", 0o700)
    os.chown(tool, 1000, 1000)
    done = through(tool, shape={"uids": [0, 0, 0], "bounding": 0})
    assert lines(done)[1] == (
        f"saferun: hint: {tool} may be executed only by uid 1000: chmod o+x in the image, or "
        "another --user, or --cap-add=DAC_OVERRIDE, if the policy allows it"
    )
    allowed = {"uids": [0, 0, 0], "bounding": mask_of(("DAC_OVERRIDE",))}
    assert through(tool, shape=allowed).stdout == b"started\n"


@pytest.mark.parametrize("mode", [0o644, 0o000, 0o001])
def test_nothing_is_said_where_the_mode_explains_nothing(
    mode: int, tree: Path, through: Run
) -> None:
    """A file that nobody may execute, or everybody but its owner, needs no explanation."""
    tool = script(tree / "tool", mode)
    os.chown(tool, 3267, 3267)
    done = through(tool, shape=USER)
    assert lines(done) == [f'saferun: exec: "{tool}": permission denied']


def test_missing_capabilities_are_named(tree: Path, through: Run) -> None:
    """Exactly those beyond the bounding set, of a file that insists on them."""
    names = ("NET_BIND_SERVICE", "NET_RAW", "CHECKPOINT_RESTORE")
    tool = capable(tree / "tool", mask_of(names) | 1 << 63)
    add = "--cap-add=NET_BIND_SERVICE --cap-add=CHECKPOINT_RESTORE, if the policy allows it"
    done = through(tool, shape=USER | {"bounding": 1 << BITS["NET_RAW"]})
    assert lines(done) == [
        f"saferun: exec {tool}: operation not permitted",
        f"saferun: hint: {tool} needs NET_BIND_SERVICE CHECKPOINT_RESTORE: {add}",
    ]
    assert done.returncode == 1


def test_what_does_not_insist_runs(tree: Path, through: Run) -> None:
    """Permitted without effective, or within the bounding set: there is nothing to explain."""
    mask = 1 << BITS["NET_RAW"]
    done = through(capable(tree / "p", mask, effective=False), shape=USER)
    assert (done.returncode, done.stderr) == (0, b"")
    done = through(capable(tree / "ep", mask), shape=USER | {"bounding": mask})
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_interpreter_of_a_script_is_what_lacks_something(tree: Path, through: Run) -> None:
    """The kernel executes the interpreter, so that is what is looked at."""
    tool = capable(tree / "python", 1 << BITS["NET_RAW"])
    done = through(script(tree / "script", 0o755, f"#! \t{tool} -x"), shape=USER)
    assert lines(done) == [
        f"saferun: exec {tree}/script: operation not permitted",
        f"saferun: hint: {tool} needs NET_RAW: --cap-add=NET_RAW, if the policy allows it",
    ]
    closed = script(tree / "closed", 0o700)
    done = through(script(tree / "script", 0o755, f"#!{closed}"), shape=USER)
    assert lines(done) == [
        f"saferun: exec {tree}/script: permission denied",
        f"saferun: hint: {closed} may be executed only by uid 0{CHMOD}",
    ]
    done = through(script(tree / "script", 0o755, "#!/no/such"), shape=USER)
    assert lines(done) == [
        f"saferun: exec {tree}/script: no such file or directory",
        "saferun: hint: /no/such, which the script names as its interpreter, does not exist",
    ]


def test_nothing_waits_for_a_pipe(tree: Path, through: Run) -> None:
    """What is no regular file is never opened: nobody might ever write to it."""
    os.mkfifo(tree / "pipe", 0o755)
    (tree / "pipe").chmod(0o755)
    done = through(tree / "pipe", shape=USER)
    assert lines(done) == [f"saferun: exec {tree}/pipe: permission denied"]


def test_hints_are_printable(tree: Path, through: Run) -> None:
    """A name of a file can neither forge a line nor talk to a terminal."""
    tool = script(tree / "a\nb\x1b[31m", 0o700)
    done = through(tool, shape=USER)
    assert done.stderr.count(b"\n") == 2
    assert lines(done)[1].startswith(f"saferun: hint: {tree}/a\\x0ab\\x1b[31m may be executed")
    done = through(script(tree / "script", 0o755, "#!/\x1b[2J/\xff"), shape=USER)
    assert lines(done)[1].startswith("saferun: hint: /\\x1b[2J/\\xc3\\xbf, which")
