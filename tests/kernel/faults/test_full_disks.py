"""Disks that are full, read-only, or bounded by a limit: said, nothing half-done, and mended."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import missing
from tests.kernel.faults.conftest import IMAGE, LONG, clear
from tests.kernel.faults.scene import ZEROS
from tests.kernel.faults.test_kills import ordinary
from tests.kernel.programs import saferun_words
from tests.kernel.test_receipts import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.faults.private_engine import PrivateEngine

NOTHING = "saferun: nothing was started"
#: What is left on the disk of the engine, in KiB, when the first saferun comes.
LEFT = (0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256) if LONG else (0, 12, 48)
RUN = ("--rm", "-u", "3267", IMAGE, "grep", "^Cap", "/proc/self/status")


@contextmanager
def small_engine(private: PrivateEngine, archive: bytes) -> Iterator[str]:
    """Start the engine with all that it keeps on a small disk of its own; yield where that is."""
    disk = f"{private.state}/small"
    private.kill()
    private.inside("mkdir", disk)
    private.inside("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk)
    at = private.words.index("--data-root") + 1
    try:
        private.start([*private.words[:at], disk, *private.words[at + 1 :]])
        assert private.docker("import", "-", IMAGE, stdin=archive).status == 0
        yield disk
    finally:
        clear(private)
        private.kill()
        private.inside("umount", "--recursive", "--lazy", disk)
        private.start()


def fill(private: PrivateEngine, disk: str, left: int) -> None:
    """Leave only so many KiB."""
    script = 'dd if=/dev/zero of="$0/filling" bs=4k 2>/dev/null; truncate -s -"$1"k "$0/filling"'
    private.inside("sh", "-c", script, disk, str(left))


def test_a_full_disk_of_the_engine_is_told_and_the_next_run_mends_it(
    clean: PrivateEngine, saferun: Command, archive: bytes, tmp_path: Path
) -> None:
    """Whatever the first run had no room for: 125 and why, nothing runs and nothing is left.

    With room again the next run works; half a gate is never taken for one.
    """
    outcomes = []
    with small_engine(clean, archive) as disk:
        for left in LEFT:
            fill(clean, disk, left)
            home = tmp_path / str(left)
            ended = saferun(*RUN, env={**clean.environment, "HOME": str(home)})
            outcomes.append(ended.status)
            if ended.status == 0:
                assert set(ended.stdout.splitlines()) == ZEROS
            else:
                assert (ended.status, ended.stdout) == (125, ""), ended
                assert "no space left on device" in ended.stderr, ended
                assert "Traceback" not in ended.stderr
            clean.inside("rm", f"{disk}/filling")
            for listing in (("ps", "-aq"), ("images", "-q", "--filter", "dangling=true")):
                found = clean.docker(*listing).stdout.split()
                # Removing something takes room as well; saferun says so then.
                assert not found or "no space left on device" in ended.stderr, (left, ended)
            ordinary(clean, saferun, home)
            clear(clean)
    assert 125 in outcomes


@contextmanager
def disk(path: Path, *options: str) -> Iterator[Path]:
    """Mount a small disk on a new directory."""
    if os.geteuid() != 0:
        missing("no disk can be mounted; run as root")
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(("size=64k", *options)), "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        missing("no disk can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill_up(path: Path) -> None:
    """Leave nothing of a disk."""
    try:
        with (path / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - the one that was asked for


FULL = {"full": (), "no inode left": ("nr_inodes=2",), "read-only": ()}


@pytest.mark.parametrize(
    ("what", "detached"),
    [("full", ()), ("full", ("-d",)), ("no inode left", ("-d",)), ("read-only", ())],
)
def test_a_receipt_that_has_no_room_stops_everything_beforehand(
    clean: PrivateEngine, saferun: Command, tmp_path: Path, what: str, detached: tuple[str, ...]
) -> None:
    """125, where and why; and nothing of the receipt stays there."""
    ordinary(clean, saferun, tmp_path)
    policy = tmp_path / "policy.toml"
    mark = tmp_path / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    with disk(tmp_path / "kept", *FULL[what]) as kept:
        policy.write_text(f'[require]\nreceipts = ["{kept}"]\n')
        if what == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(kept)], check=True)
        else:
            fill_up(kept)
        before = sorted(kept.iterdir())
        words = (*detached, "--policy", str(policy), f"-v{mark}:/mark", *RUN[1:3], IMAGE)
        ended = saferun(*words, "touch", "/mark/ran", env=clean.environment)
        assert (ended.status, ended.stdout) == (125, "")
        first, *_, last = ended.stderr.splitlines()
        why = "read-only file system" if what == "read-only" else "no space left on device"
        assert first == f"saferun: cannot keep the receipt in {kept}: {why}"
        assert last == NOTHING
        assert [each for each in kept.iterdir() if each.name != "log.jsonl"] == before
    assert not (mark / "ran").exists()
    assert clean.docker("ps", "-aq").stdout == ""


def test_a_full_disk_under_a_report_or_a_cache_costs_no_run(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """The command has run: its status stays, and what could not be written is said once.

    What cannot be remembered is found out again, and no half of it stays.
    """
    with disk(tmp_path / "full") as full:
        fill_up(full)
        env = {**clean.environment, "XDG_CACHE_HOME": str(full)}
        words = ("--rm", "-u", "app", "--report", f"{full}/report", IMAGE, "sh", "-c", "exit 7")
        ended = saferun(*words, env=env)
        assert (ended.status, ended.stdout) == (7, "")
        said = f"saferun: cannot write the report {full}/report: no space left on device\n"
        assert ended.stderr == said
        assert {each.name for each in full.rglob("*")} - {"saferun"} == {"filling", "report"}
        assert (full / "report").read_bytes() == b""
        # docker could not say there which container it made, and would leave that behind.
        ended = saferun(*words, env={**clean.environment, "TMPDIR": str(full)})
        assert (ended.status, ended.stdout) == (125, "")
        first, *_, last = ended.stderr.splitlines()
        assert first.startswith(f"saferun: cannot write to {full}/saferun-")
        assert first.endswith(": no space left on device")
        assert last == NOTHING
        assert [each.name for each in full.iterdir() if each.name.startswith("saferun-")] == []
    assert clean.docker("ps", "-aq").stdout == ""


def limited(
    name: int, value: int, *words: str, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run saferun under a limit of its own."""
    return subprocess.run(
        [*saferun_words(), *words],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(name, (value, value)),
    )


def test_a_limit_on_files_is_told_and_is_docker_runs_as_well(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE: the report is too large for it, docker gets the limit and its own signal."""
    ordinary(clean, saferun, tmp_path)
    report = tmp_path / "report"
    words = ("--rm", "-u", "3267", "--report", str(report), IMAGE, "sh", "-c", "exit 7")
    done = limited(resource.RLIMIT_FSIZE, 100, *words, env=dict(clean.environment))
    assert (done.returncode, done.stdout) == (7, ""), done
    assert done.stderr == f"saferun: cannot write the report {report}: file too large\n"
    assert verified(report).returncode != 0


def test_too_few_files_are_told(private: PrivateEngine, tmp_path: Path) -> None:
    """RLIMIT_NOFILE: one line of what is missing, whoever misses it, and nothing is started.

    Something else stands in for the CLI: the real one hangs with as few. With fewer than five there
    is no Python.
    """
    env = {**private.environment, "SAFERUN_DOCKER": "/bin/false", "HOME": str(tmp_path)}
    statuses = set()
    for number in range(5, 12):
        for detached in ((), ("-d",)):
            done = limited(resource.RLIMIT_NOFILE, number, *detached, *RUN, env=env)
            statuses.add(done.returncode)
            assert "Traceback" not in done.stderr, (number, done)
            if done.returncode != 1:
                assert done.returncode == 125, (number, done)
                first, *_, last = done.stderr.splitlines()
                assert "too many open files" in first.lower(), (number, done)
                assert last == NOTHING
    assert statuses == {1, 125}
