"""SIGKILL for dockerd and containerd in the middle of a start, and their return."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.faults.scene import ZEROS, judged, moments, play
from tests.kernel.faults.test_kills import USER, ordinary
from tests.kernel.programs import until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.faults.private_engine import PrivateEngine


@pytest.mark.parametrize(
    "options", [("-d", "--restart=always"), *([("--rm",)] if LONG else [])], ids=" ".join
)
def test_a_dockerd_that_is_killed_starts_nothing_unjudged(
    clean: PrivateEngine, saferun: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Whoever asked hears what happened; what the engine starts when it is back is judged."""

    def kill(_process: subprocess.Popen[bytes]) -> None:
        clean.kill()

    for number, phase in moments(9):
        home = tmp_path / f"{number}-{phase}"
        given = (*options, *USER)
        outcome = play(clean, tmp_path, number, phase, kill, *given, env={"HOME": str(home)})
        judged(outcome)
        if not outcome.at:
            assert outcome.status == 0
            assert number > 10
            break
        if outcome.status != 0:
            told(outcome.status, outcome.err)
        clean.start()
        if options[0] == "-d":
            # What is to be started again and again comes back through the gate.
            time.sleep(0.5)
        judged(outcome)
        ordinary(clean, saferun, home)
        for container in clean.docker("ps", "--all", "--quiet").stdout.split():
            clean.docker("rm", "--force", container)


def nothing(_process: subprocess.Popen[bytes]) -> None:
    """Let everything go its way."""


def told(status: int, err: str) -> None:
    """Assert that a start that failed was told in saferun's words, or in those of docker."""
    assert status in (1, 125, 126, 127), err
    assert err.startswith(("saferun: ", "docker: ", "Cannot connect", "error ", "time=")), err


def test_what_is_restarted_by_a_new_dockerd_passes_the_gate_again(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """`--restart=always` outlives the engine: every start, before and after, held nothing."""
    mark = tmp_path / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    words = ("sh", "-c", "grep ^Cap /proc/self/status >>/mark/seen; exec sleep 1000")
    options = ("-d", "--restart=always", "-u", "3267", f"--volume={mark}:/mark")
    ended = saferun(*options, IMAGE, *words, env=clean.environment)
    assert ended.status == 0, ended
    container = ended.stdout.strip()

    def starts() -> int:
        return len((mark / "seen").read_text().splitlines()) // 5

    for more in (2, 3) if LONG else (2,):
        before = clean.docker("inspect", "--format={{.State.Pid}}", container).stdout
        clean.kill()
        os.kill(int(before), signal.SIGKILL)
        clean.start()
        until(lambda: starts() == more, 30)  # noqa: B023 - asked at once
    assert set((mark / "seen").read_text().splitlines()) == ZEROS
    ordinary(clean, saferun, tmp_path)


def test_a_containerd_that_is_killed_starts_nothing_unjudged(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """dockerd starts another by itself; until then docker says that it cannot."""
    ordinary(clean, saferun, tmp_path)

    for turn in range(2 if LONG else 1):
        os.kill(clean.containerd, signal.SIGKILL)
        options = ("-u", "3267") if turn else ("-d", "-u", "3267")
        outcome = play(clean, tmp_path, 999, "before", nothing, *options)
        judged(outcome)
        if outcome.status != 0:
            told(outcome.status, outcome.err)
        until(lambda: clean.docker("run", "--rm", IMAGE, "true").status == 0, 60)
    ordinary(clean, saferun, tmp_path)
