"""A child in our place: nobody outside can tell that there are two processes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.programs import first_line, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: Becomes the words in a child, as saferun does with docker.
PARENT = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from saferun.host.child import Child, end_as
def become():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
sys.exit(end_as(Child(become).wait()))
"""
WATCHED = [sys.executable, "-c", PARENT]
#: Says every signal that it gets, and ends by SIGTERM alone.
COUNTER = """
import signal, sys, time
def said(number, frame):
    print("got", number, flush=True)
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (1, 2, 3, 10, 12, 15, 28, 40):
    signal.signal(number, said)
print("up", flush=True)
while True:
    time.sleep(0.01)
"""


@contextmanager
def watched(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program behind a parent; kill it in the end."""
    with subprocess.Popen([*WATCHED, *words], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def child_of(pid: int) -> int:
    """Return the only child of a process, 0 while there is none."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text() or 0)


def state(pid: int) -> str:
    """Return the state of a process: T when it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("status", [0, 1, 2, 42, 125, 126, 127, 128, 130, 137, 143, 254, 255])
def test_the_exit_status_is_the_childs(status: int) -> None:
    """Whatever it is."""
    done = subprocess.run([*WATCHED, "sh", "-c", f"exit {status}"], check=False)
    assert done.returncode == status


@pytest.mark.parametrize("number", [1, 2, 3, 6, 9, 11, 13, 14, 15, 40])
def test_it_dies_of_what_the_child_died_of(number: int) -> None:
    """Also of what Python would make something else of, like SIGINT and SIGPIPE."""
    done = subprocess.run([*WATCHED, "sh", "-c", f"kill -{number} $$"], check=False)
    assert done.returncode == -number


def test_every_signal_is_sent_on_once() -> None:
    """Real-time signals as well; the last one ends it."""
    numbers = [1, 2, 3, 10, 12, 28, 40, 15]
    with watched(sys.executable, "-c", COUNTER) as process:
        assert first_line(process) == b"up\n"
        for number in numbers:
            process.send_signal(number)
            assert first_line(process) == b"got %d\n" % number
        assert process.wait(10) == 5


def test_it_stops_and_goes_on_with_the_child() -> None:
    """As a shell's job control wants it: whoever waits sees it stopped."""
    with watched("sleep", "60") as process:
        child = until(lambda: child_of(process.pid))
        os.kill(child, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        process.send_signal(signal.SIGCONT)
        until(lambda: state(child) != "T" and state(process.pid) != "T")
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM


def test_when_it_is_killed_the_child_is_killed() -> None:
    """Nothing of it stays behind that could hold a terminal or a pipe open."""
    with watched("sleep", "60") as process:
        child = until(lambda: child_of(process.pid))
        process.kill()
        process.wait(10)
        until(lambda: not Path(f"/proc/{child}").exists() or state(child) == "Z")


def test_signals_are_as_they_were_for_the_child() -> None:
    """Nothing blocked or caught, and what was ignored stays ignored."""
    script = 'trap "" HUP; exec "$@"'
    show = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]
    for before in ([], ["sh", "-c", script, "sh"]):
        plain = subprocess.run(
            [*before, sys.executable, "-c", SHOWN, *show], check=True, capture_output=True
        )
        ours = subprocess.run([*before, *WATCHED, *show], check=True, capture_output=True)
        assert ours.stdout == plain.stdout


#: What a Python that only becomes another program leaves of the signals.
SHOWN = (
    "import os, signal, sys; signal.signal(signal.SIGPIPE, signal.SIG_DFL); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """Words that run as the session leader of a terminal of their own."""

    def __init__(self, *words: str) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp(words[0], words)
        self.text = b""

    def read_until(self, text: bytes) -> None:
        os.set_blocking(self.master, False)

        def seen() -> bool:
            with suppress(BlockingIOError, OSError):
                self.text += os.read(self.master, 4096)
            return text in self.text

        until(seen)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode() + b"\n")

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        (status,) = until(self.ended)
        os.close(self.master)
        return status

    def ended(self) -> list[int]:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return [os.waitstatus_to_exitcode(status)] if pid else []


def test_ctrl_c_reaches_the_child_once() -> None:
    """The terminal sends it to both; it is not sent on a second time."""
    terminal = Terminal(*WATCHED, sys.executable, "-c", COUNTER)
    terminal.read_until(b"up")
    for keys, said in ((b"\x03", b"got 2\r"), (b"\x1c", b"got 3\r")):
        os.write(terminal.master, keys)
        terminal.read_until(said)
    time.sleep(0.2)
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.read_until(b"got 15\r")
    assert terminal.text.count(b"got 2\r") == terminal.text.count(b"got 3\r") == 1
    assert terminal.end() == 5


def test_a_terminal_that_hangs_up_reaches_the_child() -> None:
    """The kernel tells only the leader of the session, which here is the parent."""
    terminal = Terminal(
        *WATCHED, "sh", "-c", "trap 'exit 9' HUP; echo up; while :; do sleep 0.05; done"
    )
    terminal.read_until(b"up")
    os.close(terminal.master)
    assert until(terminal.ended) == [9]


def test_job_control_of_a_shell_works(tmp_path: Path) -> None:
    """Ctrl-Z stops the job, `fg` brings it back, and its status is the command's."""
    parent = tmp_path / "parent.py"
    parent.write_text(PARENT)
    shell = Terminal("bash", "--norc", "--noprofile", "-i")
    shell.type("PS1=; stty -echo; echo re''ady")
    shell.read_until(b"ready")
    shell.type(f"{sys.executable} {parent} sh -c 'echo up; read x; echo got $x; exit 7'")
    shell.read_until(b"up")
    os.write(shell.master, b"\x1a")
    shell.read_until(b"Stopped")
    shell.type("fg")
    shell.type("words")
    shell.read_until(b"got words")
    shell.type("echo status $?; exit 3")
    shell.read_until(b"status 7")
    assert shell.end() == 3
