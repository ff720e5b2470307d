"""A week of restarts in fast motion: the gate checks every single start."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.programs import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.faults.private_engine import PrivateEngine

#: How many containers restart side by side, and how often all of them together. An engine waits
#: 100 ms before the first restart of a container and twice as long before each of the next; a
#: container that has run for ten seconds, or that somebody restarts, begins with 100 ms again.
CONTAINERS, STARTS = (10, 500) if LONG else (4, 30)
#: Ends at once; what it held is in the file by then.
#: It is written at once, so that nobody finds half a line of one that was stopped.
COMMAND = ("sh", "-c", "echo $(grep -h ^Cap /proc/self/status) >>/mark/seen")
#: One start, in one line.
START = " ".join(f"Cap{name}: {'0' * 16}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))


def test_every_one_of_many_starts_is_checked(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """`--restart=always`, by itself and by `docker restart`: five zeros each time."""
    marks = []
    for number in range(CONTAINERS):
        mark = tmp_path / str(number)
        mark.mkdir()
        mark.chmod(0o777)
        marks.append(mark / "seen")
        options = ("-d", "--name", f"r{number}", "--restart=always", f"--volume={mark}:/mark")
        ended = saferun(*options, "-u", "3267", IMAGE, *COMMAND, env=clean.environment)
        assert (ended.status, ended.stderr) == (0, ""), ended

    def starts() -> list[str]:
        return [line for mark in marks for line in mark.read_text().splitlines()]

    names = [f"r{number}" for number in range(CONTAINERS)]
    before = 0
    while (done := len(starts())) < STARTS:
        assert done > before, "nothing is started any more"
        before = done
        clean.docker("restart", "--time=0", *names)
        until(lambda: len(starts()) >= min(before + CONTAINERS, STARTS), 60)  # noqa: B023
    assert set(starts()) == {START}
    counted = clean.docker("inspect", "--format={{.RestartCount}}", *names).stdout.split()
    assert sum(map(int, counted)) > 0


def test_what_has_changed_between_two_starts_is_refused_at_each(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """Somebody who had become root once is nobody later: the command is never run again.

    The engine looks the name up at every start, in the container's own file system.
    """
    mark = tmp_path / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    name = f"saferun-test-{secrets.token_hex(4)}"
    script = "echo start >>/mark/seen; sed -i s/^toor:x:0/toor:x:3267/ /etc/passwd"
    options = ("-d", "--name", name, "--restart=always", f"--volume={mark}:/mark", "-u", "toor")
    ended = saferun(*options, IMAGE, "sh", "-c", script, env=clean.environment)
    assert (ended.status, ended.stderr) == (0, ""), ended

    def refusals() -> int:
        logs = clean.docker("logs", name).stderr.splitlines()
        assert all(line.startswith("saferun: denied: uid 3267 holds ") for line in logs), logs
        return len(logs)

    wanted = STARTS // 10
    while (done := refusals()) < wanted:
        clean.docker("restart", "--time=0", name)
        until(lambda: refusals() > done, 60)
    assert (mark / "seen").read_text() == "start\n"


def test_a_gate_that_was_changed_between_two_starts_is_no_way_in(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """Its volume lost its content: the container does not start.

    A volume that is in use cannot be removed, and what is mounted cannot be written from inside:
    whoever does this is root on the engine's machine, and could as well start anything there.
    """
    mark = tmp_path / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    options = ("-d", "--name", "emptied", f"--volume={mark}:/mark", "-u", "3267")
    assert saferun(*options, IMAGE, *COMMAND, env=clean.environment).status == 0
    (volume,) = clean.docker("volume", "ls", "--quiet").stdout.split()
    assert clean.docker("volume", "rm", "--force", volume).status != 0
    content = clean.docker("volume", "inspect", "--format={{.Mountpoint}}", volume).stdout.strip()
    until((mark / "seen").exists)
    clean.inside("find", content, "-type", "f", "-delete")
    for _ in range(3):
        again = clean.docker("start", "--attach", "emptied")
        assert again.status != 0
        assert again.stdout == ""
    assert (mark / "seen").read_text() == f"{START}\n"
