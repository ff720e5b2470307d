"""A gate that was told to hold waits at the door: to be let go or ended, or for its deadline."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.formats import proc_status
from saferun.formats.docker_run.gate_command import AT_THE_DOOR, RELEASE
from tests.kernel.programs import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

EVERYTHING = "f" * 16
NOTHING = "0" * 16
#: Shows what a signal mask the command starts with, and that it has started.
SHOW = ("grep", "-E", "^Sig(Blk|Ign|Cgt):", "/proc/self/status")


def words(gate: Path, hold: str, *command: str) -> list[str]:
    """Return the command line of a gate that allows everything."""
    return [str(gate), EVERYTHING, EVERYTHING, hold, "--", *command]


def soon(seconds: float = 30) -> str:
    """Return a deadline that is so far away."""
    return f"hold={int(time.time() + seconds)}"


def holds(pid: int) -> bool:
    """Tell whether a process is at the door, as saferun does."""
    status = Path(f"/proc/{pid}/status").read_bytes()
    return proc_status.blocks(status, AT_THE_DOOR)


@contextmanager
def held(
    gate: Path, *command: str, prefix: str = "", stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a gate and wait until it is at the door; kill it in the end."""
    process = subprocess.Popen(
        words(gate, prefix + soon(), *command), stdout=subprocess.PIPE, stderr=stderr
    )
    try:
        until(lambda: holds(process.pid))
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("prefix", ["", "linger,"])
def test_it_waits_until_it_is_let_go(gate: Path, prefix: str) -> None:
    """Then it is the command, in the same process, with the signal mask that it had before."""
    with held(gate, *SHOW, prefix=prefix) as process:
        time.sleep(0.1)
        assert process.poll() is None
        assert Path(f"/proc/{process.pid}/comm").read_text().startswith("gate-")
        os.kill(process.pid, RELEASE)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    plain = subprocess.run(SHOW, capture_output=True, check=True).stdout
    assert out == plain


def test_a_signal_mask_of_its_starter_is_given_back(gate: Path) -> None:
    """What was blocked before is blocked afterwards, and nothing else."""
    blocked = {signal.SIGUSR1, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        with held(gate, *SHOW) as process:
            os.kill(process.pid, RELEASE)
            out, _ = process.communicate(timeout=10)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    mask = sum(1 << (number - 1) for number in blocked)
    assert f"SigBlk:\t{mask:016x}" in out.decode()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_what_ends_a_command_ends_it(gate: Path, number: int) -> None:
    """At once, with 128 and the signal, and without a word."""
    with held(gate, "echo", "started", stderr=subprocess.PIPE) as process:
        os.kill(process.pid, number)
        assert process.communicate(timeout=10) == (b"", b"")
    assert process.returncode == 128 + number


def test_other_signals_do_what_they_do_to_any_program(gate: Path) -> None:
    """A change of the terminal's size, for one, does not let it go."""
    with held(gate, "true") as process:
        os.kill(process.pid, signal.SIGWINCH)
        time.sleep(0.1)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGUSR1)
        assert process.wait(10) == -signal.SIGUSR1


def test_it_goes_on_at_its_deadline(gate: Path) -> None:
    """By its own check, which has been passed before."""
    start = time.time()
    done = subprocess.run(
        words(gate, f"hold={int(start) + 2}", "echo", "started"), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")
    assert 0.9 < time.time() - start < 10


@pytest.mark.parametrize("seconds", [0, -1, -1000, 61 + 5, 10**9])
def test_a_deadline_that_is_past_or_of_another_clock_is_none(gate: Path, seconds: int) -> None:
    """Restarts never wait, and nobody waits for hours because two clocks differ."""
    done = subprocess.run(
        words(gate, soon(seconds), "echo", "started"), capture_output=True, check=False, timeout=5
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")


@pytest.mark.parametrize("command", ["nosuch", "/etc/passwd"])
def test_what_cannot_be_executed_is_said_without_waiting(gate: Path, command: str) -> None:
    """Nobody has to be let in for that."""
    done = subprocess.run(words(gate, soon(), command), capture_output=True, check=False, timeout=5)
    assert done.returncode in (126, 127)


def test_a_refusal_does_not_wait(gate: Path) -> None:
    """It never comes to the door."""
    argv = [str(gate), NOTHING, NOTHING, soon(), "--", "true"]
    if os.geteuid() != 0:
        pytest.skip("needs capabilities to be refused for: run the tests as root")
    done = subprocess.run(argv, capture_output=True, check=False, timeout=5)
    assert done.returncode == 126
    assert b"denied" in done.stderr


@pytest.mark.parametrize(
    "needs",
    [
        "hold",
        "hold=",
        "hold=x",
        "hold=1x",
        "hold=-1",
        "hold=1,nnp",
        "hold=1,",
        "hold=1111111111111",
    ],
)
def test_malformed_deadlines_are_refused(needs: str, gate: Path) -> None:
    """Up to twelve digits, and last."""
    done = subprocess.run(words(gate, needs, "true"), capture_output=True, check=False)
    assert done.returncode == 126
    assert b"usage" in done.stderr


def test_what_else_is_required_still_is(gate: Path, launch: Callable[..., Any]) -> None:
    """no_new_privs is checked before the door."""
    past = "hold=1"
    assert launch(*words(gate, f"nnp,{past}", "true")).returncode == 126
    shape = {"no_new_privs": True}
    assert launch(*words(gate, f"nnp,linger,{past}", "true"), shape=shape).returncode == 0


def test_gates_of_other_architectures_hold_as_well(gates: dict[str, Path]) -> None:
    """Until the deadline, and until they are ended; by system calls that have other numbers."""
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None or "arm64" not in gates:
        pytest.skip("needs another machine: apt-get install gcc-aarch64-linux-gnu qemu-user")
    start = time.time()
    argv = [emulator, *words(gates["arm64"], f"hold={int(start) + 2}", "true")]
    assert subprocess.run(argv, check=False, timeout=20).returncode == 0
    assert time.time() - start > 0.9
    with subprocess.Popen([emulator, *words(gates["arm64"], soon(20), "true")]) as process:
        time.sleep(0.5)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
