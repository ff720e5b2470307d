"""SIGKILL for saferun and for its docker, at every request to the engine and around it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.faults.scene import ZEROS, docker_of, judged, moments, play
from tests.kernel.test_detached import TAMPERING, tampering
from tests.kernel.test_receipts import changed, verified

if TYPE_CHECKING:
    from tests.kernel.conftest import Command
    from tests.kernel.faults.private_engine import PrivateEngine

#: What is killed in: the short version has only the last, in which all there is happens.
FLOWS = (
    (
        (),
        ("--rm",),
        ("-d",),
        ("-d", "--restart=on-failure:2"),
        ("--rm", "--report"),
        ("-d", "--report"),
    )
    if LONG
    else (("-d", "--report"),)
)
#: As whom: a name, so that the image is looked into as well.
USER = ("-u", "app")
SCRATCH = ("--filter", "label=saferun.scratch")


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for saferun, or for the docker that it has become."""
    process.kill()


def kill_docker(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the docker that saferun has started."""
    os.kill(docker_of(process), signal.SIGKILL)


def with_places(options: tuple[str, ...], directory: Path) -> list[str]:
    """Return options with the file of the report in place."""
    report = f"--report={directory}/report.json"
    return [report if each == "--report" else each for each in options]


def ordinary(private: PrivateEngine, saferun: Command, home: Path) -> None:
    """Assert that the next run, by the same user, is as if nothing had happened."""
    words = ("--rm", *USER, IMAGE, "grep", "^Cap", "/proc/self/status")
    ended = saferun(*words, env={**private.environment, "HOME": str(home)})
    assert (ended.status, ended.stderr) == (0, ""), ended
    assert set(ended.stdout.splitlines()) == ZEROS


def scratch(private: PrivateEngine) -> list[str]:
    """Return the containers that saferun has made to look into."""
    return private.docker("ps", "--all", "--quiet", *SCRATCH).stdout.split()


def swept(private: PrivateEngine, home: Path) -> None:
    """Assert that a later run removes what none but the killed knew of."""
    later = changed("import saferun.host.scratch_container as each; each.ABANDONED_SECONDS = 0")
    words = [*later, "--rm", *USER, IMAGE, "true"]
    # Engines tell the time of creation in whole seconds.
    time.sleep(1.1)
    given = {**private.environment, "HOME": str(home)}
    done = subprocess.run(words, env=given, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert scratch(private) == []
    assert private.docker("images", "--quiet", *SCRATCH).stdout == ""


@pytest.mark.parametrize("options", FLOWS, ids=" ".join)
def test_a_saferun_that_is_killed_starts_nothing_unjudged(
    clean: PrivateEngine, saferun: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Whenever it is killed: what ran held nothing, and the next run works.

    Each begins as the first run on an engine. What only the killed knew of, a container that is
    never started and an image of the gates, is removed by a later run.
    """
    for number, phase in moments(6):
        home = tmp_path / f"{number}-{phase}"
        found = clean.docker("volume", "ls", "--quiet").stdout.split()
        clean.docker("volume", "rm", *found)
        given = [*with_places(options, tmp_path), *USER]
        outcome = play(clean, tmp_path, number, phase, kill, *given, env={"HOME": str(home)})
        judged(outcome)
        if not outcome.at:
            assert outcome.status == 0
            assert number > 15
            break
        if outcome.status != 0:
            assert (outcome.status, outcome.out) == (-signal.SIGKILL, ""), outcome
        ordinary(clean, saferun, home)
        assert [each.name for each in home.rglob(".*.*")] == []
        left = clean.docker("ps", "--all", "--quiet").stdout.split()
        assert len(left) <= 1, outcome
        if clean.docker("images", "--quiet", *SCRATCH).stdout or left == scratch(clean) != []:
            swept(clean, tmp_path / f"{number}-{phase}-later")
        elif left:
            clean.docker("rm", "--force", *left)


@pytest.mark.parametrize("options", FLOWS, ids=" ".join)
def test_what_the_gate_must_refuse_is_refused_whoever_was_killed(
    clean: PrivateEngine, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A docker that leaves out the drop, and nobody left to notice: the command never runs."""
    cli = tampering(tmp_path / "bad", TAMPERING["no drop"][0])
    env = {"SAFERUN_DOCKER": cli}
    play(clean, tmp_path, 99, "before", kill, *with_places(options, tmp_path), *USER, env=env)
    for number, phase in moments(3):
        given = [*with_places(options, tmp_path), *USER]
        outcome = play(clean, tmp_path, number, phase, kill, *given, who="Docker-Client", env=env)
        assert outcome.seen == (), outcome
        if not outcome.at:
            assert outcome.status == 126
            break


def test_a_docker_that_is_killed_is_told_and_leaves_nothing(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """In the background: which signal, 128 and its number, no id, no nameless container."""
    ordinary(clean, saferun, tmp_path)
    for number, phase in moments(3):
        outcome = play(
            *(clean, tmp_path, number, phase, kill_docker, "-d", "-u", "3267"),
            who="Docker-Client",
        )
        judged(outcome)
        if not outcome.at:
            assert outcome.status == 0
            assert number > 4
            break
        assert (outcome.status, outcome.out) == (137, ""), outcome
        first, second = outcome.err.splitlines()
        assert first == "saferun: docker was ended by SIGKILL while it started the container"
        unknown = "saferun: a container may have been started: docker ps --all shows it"
        if second != unknown:
            assert second.endswith(" was killed and removed")
        assert clean.docker("ps", "--all", "--quiet").stdout == "", outcome
    ordinary(clean, saferun, tmp_path)


def test_a_docker_that_is_killed_while_it_pulls_is_told(
    clean: PrivateEngine, tmp_path: Path
) -> None:
    """125, which signal, and that nothing was started."""
    outcome = play(
        *(clean, tmp_path, 1, "before", kill_docker, "-u", "3267"),
        who="/images/create",
        image="127.0.0.1:1/nowhere",
    )
    assert outcome.at
    assert (outcome.status, outcome.out, outcome.seen) == (125, "", ())
    assert outcome.err.splitlines()[-2:] == [
        "saferun: docker was ended by SIGKILL while it pulled 127.0.0.1:1/nowhere",
        "saferun: nothing was started",
    ]


def test_a_watched_docker_that_is_killed_is_in_the_receipt(
    clean: PrivateEngine, tmp_path: Path
) -> None:
    """saferun ends in the same way, as docker would have; the receipt is whole, and names it."""
    report = tmp_path / "report.json"
    for number, phase in moments(3):
        outcome = play(
            *(clean, tmp_path, number, phase, kill_docker, "--rm", "-u", "3267"),
            f"--report={report}",
            who="Docker-Client",
        )
        judged(outcome)
        assert verified(report).returncode == 0
        if not outcome.at:
            assert outcome.status == 0
            break
        assert (outcome.status, outcome.out, outcome.err) == (-signal.SIGKILL, "", "")
        assert json.loads(report.read_text())["exit"] == {"status": None, "signal": 9}


def test_a_cache_that_was_being_written_leaves_no_file(tmp_path: Path) -> None:
    """Killed between opening a new file and giving it its name; the next one clears up."""
    killed = "os.rename = lambda *_: os.kill(os.getpid(), 9)"
    for change, status in ((killed, -signal.SIGKILL), ("", 0)):
        words = f"import os; from saferun.host.cache import Cache\n{change}\n"
        words += "Cache({'XDG_CACHE_HOME': os.environ['X']}).remember('what', b'ever')"
        done = subprocess.run(
            [sys.executable, "-c", words], env={"X": str(tmp_path)}, check=False, cwd=Path.cwd()
        )
        assert done.returncode == status
        left = sorted(each.name for each in (tmp_path / "saferun").iterdir())
        assert left != ["what"] if change else left == ["what"]
