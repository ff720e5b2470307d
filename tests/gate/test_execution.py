"""How the gate finds and becomes the command: as runc would have, measured with runc 1.1.5.

Where newer releases differ (Go 1.20 and later ask the kernel whether a file may be executed, and
call a directory one), the gate does as they do; the exit statuses are docker's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saferun.judge.capabilities import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    Run = Callable[..., CompletedProcess[bytes]]

NOT_FOUND = "executable file not found in $PATH"
RELATIVE = "cannot run executable found relative to current directory"

USER: dict[str, Any] = {"uids": [3267, 3267, 3267], "bounding": 0}
MS_REMOUNT, MS_BIND, MS_NOEXEC = 32, 4096, 8


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """Directories with a `tool` each; the one that can be executed says what it was called."""
    with tempfile.TemporaryDirectory(prefix="saferun-gate-") as name:
        base = Path(name).resolve()
        for each in ("bin", "sub", "noexec", "plain", "dirs", "closed", "secret"):
            (base / each).mkdir()
        for each in ("bin", "sub", "noexec", "plain", "closed", "secret"):
            tool = base / each / "tool"
            tool.write_text('#!/bin/sh\necho "$0"\n')
            tool.chmod(0o755)
        (base / "plain" / "tool").chmod(0o644)
        (base / "secret" / "tool").chmod(0o700)
        (base / "closed").chmod(0o700)
        (base / "dirs" / "tool").mkdir()
        (base / "link").symlink_to("/usr")
        (base / "loop").symlink_to("loop")
        for file, text in {"no-shebang": "echo\n", "lost": "#!/no/such\n", "empty": ""}.items():
            (base / "bin" / file).write_text(text)
            (base / "bin" / file).chmod(0o755)
        base.chmod(0o755)
        yield base


def noexec(tree: Path) -> dict[str, Any]:
    """A process that sees one of the directories as mounted noexec."""
    where = str(tree / "noexec")
    remount = MS_REMOUNT | MS_BIND | MS_NOEXEC
    return {"mounts": [[where, where, "", MS_BIND], ["", where, "", remount]]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("{0}/bin", "{0}/bin/tool"),
        ("{0}/bin:{0}/sub", "{0}/bin/tool"),
        ("{0}/sub:{0}/bin", "{0}/sub/tool"),
        ("{0}/none:{0}/plain:{0}/dirs:{0}/loop:/dev/null:{0}/bin", "{0}/bin/tool"),
        ("{0}/noexec:{0}/bin", "{0}/bin/tool"),
        ("{0}//bin//", "{0}/bin/tool"),
        ("{0}/sub/.././bin/.", "{0}/bin/tool"),
        ("/../..{0}/bin", "{0}/bin/tool"),
        ("{0}/link/../bin", "{0}/bin/tool"),
        ("/" + "x" * 5000 + ":{0}/bin", "{0}/bin/tool"),
        ("/" + "x" * 100_000 + ":{0}/bin", "{0}/bin/tool"),
        ("/" + "x/" * 3000 + ":{0}/bin", "{0}/bin/tool"),
        ("x" * 4096 + ":{0}/bin", "{0}/bin/tool"),
        ("/" + "x/" * 2045 + ":{0}/bin", "{0}/bin/tool"),
        (":" * 1000 + "{0}/bin", "{0}/bin/tool"),
        ("{0}/bin:", "{0}/bin/tool"),
        ("none:{0}/bin", "{0}/bin/tool"),
    ],
)
def test_a_bare_word_is_looked_for_in_path(path: str, found: str, tree: Path, through: Run) -> None:
    """The first file in PATH that can be executed is, under its lexically shortest name."""
    env = {"PATH": path.format(tree)}
    done = through("tool", env=env, cwd=tree, shape=noexec(tree))
    assert (done.stdout.decode(), done.stderr) == (found.format(tree) + "\n", b"")


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        (None, 127, NOT_FOUND),
        ("", 127, NOT_FOUND),
        ("{0}/plain", 127, NOT_FOUND),
        ("{0}/dirs", 127, NOT_FOUND),
        ("{0}/noexec", 127, NOT_FOUND),
        ("/nowhere:/dev/null", 127, NOT_FOUND),
        (":{0}/bin", 126, RELATIVE),
        ("{0}/plain:", 126, RELATIVE),
        ("{0}/plain::/bin", 126, RELATIVE),
        (".", 126, RELATIVE),
        ("./", 126, RELATIVE),
        ("../sub", 126, RELATIVE),
        ("../none/../sub", 127, NOT_FOUND),
    ],
)
def test_a_bare_word_that_path_does_not_give(
    path: str | None, status: int, reason: str, tree: Path, through: Run
) -> None:
    """What is in no directory of PATH, or only in the current one, is not executed."""
    env = {} if path is None else {"PATH": path.format(tree)}
    done = through("tool", env=env, cwd=tree / "sub", shape=noexec(tree))
    assert done.stderr.decode() == f'saferun: exec: "tool": {reason}\n'
    assert (done.returncode, done.stdout) == (status, b"")


def test_the_first_path_counts(tree: Path, through: Run) -> None:
    """PATH is the first variable of exactly that name."""
    lines = [f"PATHS={tree}/none", "PATH", f"XPATH={tree}", f"PATH={tree}/bin", f"PATH={tree}/sub"]
    assert through("tool", shape={"environment": lines}).stdout.decode() == f"{tree}/bin/tool\n"


@pytest.mark.parametrize("word", ["", ".", ".."])
@pytest.mark.parametrize("path", ["{0}/bin", "{0}/bin/tool", "{0}/bin/tool/x"])
def test_words_that_name_no_file(word: str, path: str, tree: Path, through: Run) -> None:
    """An empty word and the dots are never found, even if PATH names a file (CVE-2025-47906)."""
    done = through(word, env={"PATH": path.format(tree)})
    assert done.stderr.decode() == f'saferun: exec: "{word}": {NOT_FOUND}\n'
    assert done.returncode == 127


@pytest.mark.parametrize(
    "word", ["./tool", "../bin/tool", "{0}/bin/tool", "{0}//bin/../bin/./tool"]
)
def test_a_word_with_a_slash_is_taken_as_it_is(word: str, tree: Path, through: Run) -> None:
    """PATH has no say in it, and the name stays as it was given."""
    word = word.format(tree)
    done = through(word, env={"PATH": f"{tree}/plain"}, cwd=tree / "sub")
    assert (done.stdout.decode(), done.stderr) == (f"{word}\n", b"")


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("{0}/none", 127, "stat {0}/none: no such file or directory"),
        ("./none/tool", 127, "stat ./none/tool: no such file or directory"),
        ("{0}/bin/tool/x", 126, "stat {0}/bin/tool/x: not a directory"),
        ("{0}/loop", 126, "stat {0}/loop: too many levels of symbolic links"),
        ("/" + "x" * 300, 126, "stat /" + "x" * 300 + ": file name too long"),
        ("{0}/bin", 126, "is a directory"),
        ("/", 126, "is a directory"),
        ("{0}/plain/tool", 126, "permission denied"),
        ("{0}/noexec/tool", 126, "permission denied"),
        ("{0}/secret/tool", 126, "permission denied"),
        ("{0}/closed/tool", 126, "stat {0}/closed/tool: permission denied"),
    ],
)
def test_a_word_with_a_slash_that_cannot_be_executed(
    word: str, status: int, reason: str, tree: Path, through: Run
) -> None:
    """Docker's statuses: 127 for what is not there, 126 for what is but cannot be executed."""
    word, reason = word.format(tree), reason.format(tree)
    done = through(word, shape=noexec(tree) | USER)
    first, *hints = done.stderr.decode().splitlines()
    assert first == f'saferun: exec: "{word}": {reason}'
    # Why, as far as it can be told: test_hints.py.
    assert len(hints) == (word in (f"{tree}/secret/tool", f"{tree}/closed/tool"))
    assert (done.returncode, done.stdout) == (status, b"")


@pytest.mark.parametrize("number", [1, 38], ids=["EPERM", "ENOSYS"])
def test_kernels_and_filters_without_faccessat2(number: int, tree: Path, through: Run) -> None:
    """Where faccessat2 is missing or forbidden, faccessat decides, and then the mode's bits."""
    filters: dict[str, Any] = {"no_new_privs": True, "filter": [["faccessat2", {}, number]]}
    mounts = noexec(tree)
    done = through(f"{tree}/bin/tool", shape=USER | filters)
    assert done.stdout.decode() == f"{tree}/bin/tool\n"
    for each in ("plain", "secret", "noexec"):
        done = through(f"{tree}/{each}/tool", shape=mounts | USER | filters)
        first = done.stderr.splitlines()[0]
        assert (done.returncode, first[-18:]) == (126, b" permission denied")
    filters["filter"].append(["faccessat", {}, number])
    done = through(f"{tree}/bin/tool", shape=USER | filters)
    assert done.stdout.decode() == f"{tree}/bin/tool\n"
    done = through(f"{tree}/plain/tool", shape=USER | filters)
    assert (done.returncode, done.stderr[-19:]) == (126, b" permission denied\n")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("no-shebang", "exec format error"),
        ("empty", "exec format error"),
        ("lost", "no such file or directory"),
    ],
)
def test_what_execve_refuses(word: str, reason: str, tree: Path, through: Run) -> None:
    """A file that was found but that the kernel cannot execute ends as it does under runc."""
    done = through(word, env={"PATH": f"{tree}/bin"})
    first, *hints = done.stderr.decode().splitlines()
    assert first == f"saferun: exec {tree}/bin/{word}: {reason}"
    assert len(hints) == (word == "lost")
    assert (done.returncode, done.stdout) == (1, b"")


def test_file_capabilities_beyond_the_bounding_set(tree: Path, through: Run) -> None:
    """A file that insists on a capability which was dropped is refused by the kernel itself."""
    capable = tree / "bin" / "capable"
    shutil.copy("/bin/true", capable)
    # struct vfs_cap_data, revision 2, effective: permitted, inheritable, then their high words
    permitted = 1 << BITS["NET_RAW"]
    os.setxattr(capable, "security.capability", struct.pack("<5I", 0x02000001, permitted, 0, 0, 0))
    done = through(capable, shape=USER)
    assert done.stderr.decode() == (
        f"saferun: exec {capable}: operation not permitted\n"
        f"saferun: hint: {capable} needs NET_RAW: --cap-add=NET_RAW, if the policy allows it\n"
    )
    assert done.returncode == 1


def test_messages_are_one_printable_line(through: Run) -> None:
    """A word can neither forge a second line nor send anything to the terminal."""
    done = through(b'no"such\n\x1b[31m\xff\\', env={"PATH": "/bin"})
    assert done.stderr == (
        b'saferun: exec: "no\\"such\\x0a\\x1b[31m\\xff\\\\": ' + NOT_FOUND.encode() + b"\n"
    )
    done = through("x" * 100_000, env={"PATH": "/bin"})
    assert done.stderr == b'saferun: exec: "%s...": %s\n' % (b"x" * 1024, NOT_FOUND.encode())
    done = through("/" + "\n" * 100_000)
    assert len(done.stderr) <= 4096
    assert done.stderr.count(b"\n") == 1


def test_arguments_arrive_untouched(through: Run) -> None:
    """Empty words, odd bytes, options, long words and many words are the command's own."""
    script = "cat /proc/$$/cmdline; exit"
    every_byte = bytes(range(1, 256))
    words = [b"", b"--", b"-", b"a b", every_byte, b"\n", b"x" * 100 * 1024, b"", *[b"w"] * 3000]
    done = through("/bin/sh", "-c", script, *words)
    assert done.stdout == b"".join(
        word + b"\0" for word in [b"/bin/sh", b"-c", script.encode(), *words]
    )


def test_the_environment_arrives_untouched(through: Run) -> None:
    """Order, duplicates, odd bytes and entries that are no variables stay what they were."""
    lines = ["B=2", "A=1", "B=3", "no variable", "=", "", "LD_LIBRARY_PATH=/none", "X=\udcff\n" * 9]
    lines += [f"V{number}={number}" for number in range(2000)]
    done = through("/bin/cat", "/proc/self/environ", shape={"environment": lines})
    assert done.stdout == b"".join(os.fsencode(line) + b"\0" for line in lines)


def test_no_descriptor_is_opened_or_closed(launch: Run, through: Run) -> None:
    """The command has the descriptors that it would have had, also after /proc was read."""
    reading, writing = os.pipe()
    try:
        words = ("/bin/ls", "/proc/self/fd")
        options = {"pass_fds": (reading, writing), "shape": {"filter": [["capget", {}, 1]]}}
        assert through(*words, **options).stdout == launch(*words, **options).stdout
    finally:
        os.close(reading)
        os.close(writing)


def test_the_process_stays_what_it_was(launch: Run, through: Run) -> None:
    """User, groups, capabilities, signals, seccomp and umask are as without the gate."""
    kept = (
        *(b"Umask", b"Uid", b"Gid", b"Groups", b"Shd", b"Cap", b"NoNew", b"Seccomp:"),
        # Not SigQ, which counts what is queued for the user on the whole machine.
        *(b"SigPnd", b"SigBlk", b"SigIgn", b"SigCgt"),
    )
    shape = {"uids": [0, 0, 0], "groups": 5, "bounding": 0x2000, "no_new_privs": True}
    words = ("/bin/cat", "/proc/self/status")
    direct, gated = (
        [line for line in done.stdout.splitlines() if line.startswith(kept)]
        for done in (launch(*words, shape=shape), through(*words, shape=shape))
    )
    assert len(direct) > 12
    assert gated == direct


@pytest.mark.parametrize("status", [0, 1, 125, 126, 127, 255])
def test_the_status_is_the_command_s(status: int, through: Run) -> None:
    """The gate is gone when the command ends."""
    assert through("/bin/sh", "-c", f"exit {status}").returncode == status


def test_a_signal_ends_the_command_itself(through: Run) -> None:
    """No process of the gate stands between the command and who waits for it."""
    assert through("/bin/sh", "-c", "kill -KILL $$").returncode == -9


def test_a_refusal_is_one_write(through: Run) -> None:
    """The line is written at once, so that others who write to the same stderr cannot split it."""
    # Such a socket keeps each write apart.
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        done = through("/bin/true", root="0" * 16, stderr=there.fileno())
        there.close()
        line = here.recv(65536)
        assert line.startswith(b"saferun: denied: uid 0 holds ")
        assert line.endswith(b"; the command was not started\n")
        assert here.recv(65536) == b""
    assert done.returncode == 126


def test_a_refusal_that_nobody_hears_is_one(through: Run) -> None:
    """A stderr that is closed, full or stuck changes no status, and nobody waits for it."""
    assert through("/bin/true", root="0" * 16, shape={"close": [0, 1, 2]}).returncode == 126
    with open("/dev/full", "wb") as full:
        assert through("/bin/true", root="0" * 16, stderr=full.fileno()).returncode == 126
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        # A write to a pipe that is not empty fails or succeeds as a whole up to 4096 bytes.
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x" * 4096):
                pass
        assert through("/bin/true", root="0" * 16, stderr=writing).returncode == 126
    finally:
        os.close(reading)
        os.close(writing)
