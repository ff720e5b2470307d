"""SIGKILL for dockerd and containerd in the middle of a start, and their return."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.faults.conftest import IMAGE, LONG, clear
from tests.kernel.faults.scene import ZEROS, judged, moments, play
from tests.kernel.faults.test_kills import USER, ordinary, with_places
from tests.kernel.programs import until
from tests.kernel.test_receipts import verified

if TYPE_CHECKING:
    import subprocess

    from tests.kernel.conftest import Command
    from tests.kernel.faults.private_engine import PrivateEngine

#: What containerd is killed in; at which of docker's requests, and how many seconds later: a start
#: takes from 0.2 to 0.4.
FLOWS = [("-d", "--report"), *([("--rm",), ("-d",), ("--rm", "--report")] if LONG else [])]
MOMENTS = (
    [("/create", 0.0), *(("/start ", each / 10) for each in range(5))]
    if LONG
    else [("/start ", 0.1)]
)


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


@pytest.mark.parametrize("options", FLOWS, ids=" ".join)
def test_a_containerd_that_is_killed_starts_nothing_unjudged(
    clean: PrivateEngine, saferun: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Before it was asked for the start, and while it is at work on it.

    docker says that the engine could not, or has started what was judged; the receipt is whole. No
    process goes on in a container that the engine does not know to run. dockerd starts another
    containerd by itself.
    """
    ordinary(clean, saferun, tmp_path)
    report = tmp_path / "report.json"
    for request, pause in MOMENTS:

        def kill(_process: subprocess.Popen[bytes], pause: float = pause) -> None:
            time.sleep(pause)
            os.kill(clean.containerd, signal.SIGKILL)

        given = (*with_places(options, tmp_path), "-u", "3267")
        outcome = play(clean, tmp_path, 1, "meanwhile", kill, *given, who=request)
        judged(outcome)
        assert outcome.at
        if outcome.status != 0:
            told(outcome.status, outcome.err)
        if "--report" in options:
            assert verified(report).returncode == 0
            verdict = json.loads(report.read_text())["verdict"]
            assert verdict["outcome"] in ("confirmed", "unverified"), verdict
            assert verdict["outcome"] == "confirmed" or verdict["reasons"]
        # It is gone for some ten seconds.
        until(lambda: clean.docker("run", "--rm", IMAGE, "true").status == 0, 60)
        judged(outcome)
        running = clean.docker("ps", "--quiet", "--no-trunc").stdout.split()
        assert contained(clean) <= set(running), outcome
        left = clean.docker("ps", "--all", "--quiet").stdout.split()
        assert len(left) <= ("-d" in options), outcome
        clear(clean)
    ordinary(clean, saferun, tmp_path)


def contained(private: PrivateEngine) -> set[str]:
    """Return the ids of the engine's containers in which there are processes, by the kernel."""
    ours = re.compile(f"/{private.state.name}/([0-9a-f]{{64}})")
    found: set[str] = set()
    for each in Path("/proc").glob("[0-9]*/cgroup"):
        # Many end meanwhile.
        with suppress(OSError):
            found |= set(ours.findall(each.read_text()))
    return found
