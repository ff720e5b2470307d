"""In the foreground saferun is docker run: status, streams, signals, terminal, and the record."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import secrets
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.programs import (
    first_line,
    real_docker,
    rest,
    running,
    saferun_words,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from typing_extensions import Self

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

SAFERUN = [*saferun_words(), "-u", "3267"]
DOCKER = [real_docker(), "run", "-u", "3267"]
#: Watched, because a receipt is kept.
WATCHED = [*SAFERUN, "--report", "/dev/null"]
#: Each, for tests that ask the same of all.
EACH = pytest.mark.parametrize(
    "words", [DOCKER, SAFERUN, WATCHED], ids=["docker", "saferun", "watched"]
)


@pytest.fixture
def name(docker: Command) -> Iterator[str]:
    """Return a name for one container, which is removed afterwards."""
    chosen = f"saferun-test-{secrets.token_hex(6)}"
    yield chosen
    docker("rm", "--force", "--volumes", chosen)


def outcome(
    words: list[str], environment: Mapping[str, str], stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run to the end; return status, stdout and stderr, byte for byte."""
    done = subprocess.run(
        words, env=environment, input=stdin, capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("status", [0, 1, 42, 125, 126, 127, 137, 143, 255])
def test_the_exit_status_is_the_commands(saferun: Command, image: Build, status: int) -> None:
    """Whatever the command ends with, also the statuses that mean something to docker."""
    ended = saferun("-u", "3267", "--rm", image("busybox"), "sh", "-c", f"exit {status}")
    assert (ended.status, ended.stdout, ended.stderr) == (status, "", "")


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'),
        ("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/tmp", 126, 'exec: "/tmp": '),
        ("", 127, 'exec: "": '),
    ],
)
def test_a_command_that_cannot_be_executed_gives_dockers_status_and_reason(
    docker: Command, saferun: Command, image: Build, command: str, status: int, message: str
) -> None:
    """127 when it is not there, 126 when it may not be executed."""
    plain = docker("run", "--rm", "-u", "3267", image("busybox"), command)
    ours = saferun("--rm", "-u", "3267", image("busybox"), command)
    assert (plain.status, ours.status) == (status, status)
    assert message in plain.stderr
    assert ours.stderr.startswith(f"saferun: {message}")
    assert len(ours.stderr.splitlines()) == 1
    assert ours.stdout == ""


@EACH
def test_a_container_that_is_killed_ends_with_137(
    docker: Command, image: Build, environment: Mapping[str, str], name: str, words: list[str]
) -> None:
    """128 and the signal, as the engine reports it."""
    command = ["--name", name, image("busybox"), "sh", "-c", "echo up; sleep 60"]
    with running([*words, *command], environment) as process:
        assert first_line(process) == b"up\n"
        docker("kill", name)
        assert rest(process) == (137, b"", b"")


def test_streams_are_separate_and_binary_clean(
    image: Build, environment: Mapping[str, str]
) -> None:
    """16 MiB of every byte go in on stdin and come out on stdout, with stderr beside it."""
    data = os.urandom(16 << 20)
    command = [image("busybox"), "sh", "-c", "echo to-stderr >&2; exec cat"]
    ended = outcome([*SAFERUN, "--rm", "-i", *command], environment, data)
    assert ended[0] == 0
    assert ended[1] == data
    assert ended[2] == b"to-stderr\n"


def test_only_the_command_writes(image: Build, environment: Mapping[str, str]) -> None:
    """On success saferun says nothing on either stream."""
    words = ["--rm", image("busybox"), "sh", "-c", "printf out; printf err >&2"]
    assert outcome([*SAFERUN, *words], environment) == (0, b"out", b"err")


@EACH
def test_without_i_stdin_stays_with_the_caller(
    image: Build, environment: Mapping[str, str], words: list[str]
) -> None:
    """A loop `while read line; do saferun …; done` must not lose lines."""
    shell = 'read first; "$@"; echo "then $(cat)"'
    command = [*words, "--rm", image("busybox"), "cat"]
    ended = outcome(["sh", "-c", shell, "sh", *command], environment, b"one\ntwo\n")
    assert ended == (0, b"then two\n", b"")


def test_a_reader_that_goes_away_ends_it_as_it_ends_docker(
    image: Build, environment: Mapping[str, str]
) -> None:
    """`saferun … | head -c1` ends as `docker run … | head -c1` does."""
    command = ["--rm", image("busybox"), "head", "-c", "4194304", "/dev/zero"]
    ends = []
    for words in (DOCKER, SAFERUN):
        with running([*words, *command], environment) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(1) == b"\0"
            process.stdout.close()
            ends.append((process.wait(30), process.stderr.read()))
    assert ends[0] == ends[1]
    assert ends[0][0] != 0


@EACH
@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_is_as_it_is_for_docker(
    image: Build, environment: Mapping[str, str], words: list[str], closed: int
) -> None:
    """Nothing of ours opens in its place, and what was written to the others arrives."""
    shell = f'exec "$@" {closed}>&-'
    command = ["--rm", image("busybox"), "sh", "-c", "echo out; echo err >&2; exit 7"]
    ended = outcome(["sh", "-c", shell, "sh", *words, *command], environment)
    assert ended[0] == 7
    assert ended[1] == (b"" if closed == 1 else b"out\n")
    # Older CLIs complain of the missing stdout afterwards.
    assert ended[2].startswith(b"" if closed == 2 else b"err\n")
    assert b"saferun" not in ended[2]


@EACH
def test_the_docker_cli_finds_closed_streams_closed(
    image: Build, environment: Mapping[str, str], tmp_path: Path, words: list[str]
) -> None:
    """What stands in for a closed stream while saferun works does not reach docker."""
    script = tmp_path / "docker"
    script.write_text(
        '#!/bin/sh\nfor each in 0 1 2; do [ -e "/dev/fd/$each" ] || echo "$each" >>"$FOUND"; done\n'
    )
    script.chmod(0o755)
    closed = tmp_path / "closed"
    words = [str(script), "run"] if words is DOCKER else words
    shell = 'exec "$@" 0<&- 2>&-'
    given = {**environment, "SAFERUN_DOCKER": str(script), "FOUND": str(closed)}
    ended = outcome(["sh", "-c", shell, "sh", *words, image("busybox"), "true"], given)
    assert ended == (0, b"", b"")
    assert closed.read_text().split() == ["0", "2"]


def of_command_line(word: str) -> dict[int, str]:
    """Return the executables of all processes on whose command line a word stands."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (directory / "cmdline").read_bytes():
                found[int(directory.name)] = str((directory / "exe").readlink())
    return found


def test_no_process_of_ours_remains_in_the_foreground(
    image: Build, environment: Mapping[str, str], name: str
) -> None:
    """The process that was saferun is the docker CLI, and there is no other."""
    command = ["--name", name, image("busybox"), "sh", "-c", "echo up; sleep 60"]
    with running([*SAFERUN, *command], environment) as process:
        assert first_line(process) == b"up\n"
        cli = os.path.realpath(real_docker())
        assert of_command_line(f"--name={name}") == {process.pid: cli}
        assert Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() == ""
        held = {
            os.readlink(entry.path)
            for entry in os.scandir(f"/proc/{process.pid}/fd")
            if int(entry.name) > 2
        }
        # Go's own: epoll, eventfd, and docker's connections to the engine.
        assert not {path for path in held if path.startswith("/")}


@EACH
def test_signals_have_dockers_dispositions(
    image: Build, environment: Mapping[str, str], tmp_path: Path, words: list[str]
) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and docker must not inherit that, or anything else."""
    script = tmp_path / "docker"
    script.write_text('#!/bin/sh\ncat /proc/self/status >"$FOUND"\n')
    script.chmod(0o755)
    found = tmp_path / "found"
    words = [str(script), "run"] if words is DOCKER else words
    given = {**environment, "SAFERUN_DOCKER": str(script), "FOUND": str(found)}
    assert outcome([*words, image("busybox"), "true"], given) == (0, b"", b"")
    status = dict(line.split(":", 1) for line in found.read_text().splitlines())
    assert {int(status[key], 16) for key in ("SigBlk", "SigIgn", "SigCgt")} == {0}


@EACH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command(
    image: Build,
    environment: Mapping[str, str],
    name: str,
    words: list[str],
    number: signal.Signals,
) -> None:
    """docker forwards them (--sig-proxy), and the status is what the command makes of it."""
    trap = f"trap 'echo got; exit 3' {number.name[3:]}; echo up; while :; do sleep 0.05; done"
    command = ["--name", name, "--rm", image("busybox"), "sh", "-c", trap]
    with running([*words, *command], environment) as process:
        assert first_line(process) == b"up\n"
        process.send_signal(number)
        assert rest(process) == (3, b"got\n", b"")


@EACH
def test_without_sig_proxy_a_signal_does_not_reach_the_command(
    docker: Command, image: Build, environment: Mapping[str, str], name: str, words: list[str]
) -> None:
    """--sig-proxy=false: the container goes on, whatever becomes of the CLI."""
    trap = "trap 'echo got' TERM; trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done"
    command = ["--sig-proxy=false", "--name", name, image("busybox"), "sh", "-c", trap]
    with running([*words, *command], environment) as process:
        assert first_line(process) == b"up\n"
        process.send_signal(signal.SIGTERM)
        # Had the first been passed on, it would have come before this one.
        time.sleep(0.2)
        docker("kill", "--signal", "USR1", name)
        assert docker("wait", name).stdout == "5\n"
    assert docker("logs", name).stdout == "up\n"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self, words: list[str], environment: Mapping[str, str], rows: int = 37, columns: int = 91
    ) -> None:
        """Start it; a terminal echoes and has a size."""
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        # `setsid` makes the terminal the controlling one and becomes what it starts.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *words],
            env={**environment, "TERM": "dumb"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
        )
        self.text = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait_for(self, text: bytes) -> None:
        os.set_blocking(self.master, False)
        until(lambda: text in self.read())

    def read(self) -> bytes:
        with suppress(BlockingIOError):
            self.text += os.read(self.master, 1 << 16)
        return self.text


@EACH
def test_a_terminal_works_both_ways(
    image: Build, environment: Mapping[str, str], name: str, words: list[str]
) -> None:
    """-it: the command is on a terminal of the caller's size, sees changes of it, and reads."""
    # The size comes a moment after the start, with docker as well.
    sized = 'until [ "$(stty size)" = "{}" ]; do sleep 0.02; done; echo size {};'
    ask = f"tty; {sized.format('37 91', 1)} {sized.format('20 60', 2)} read x; echo got $x; exit 9"
    with Terminal(
        [*words, "--name", name, "-it", "--rm", image("busybox"), "sh", "-c", ask], environment
    ) as terminal:
        terminal.wait_for(b"/dev/pts/0\r\n")
        terminal.wait_for(b"size 1\r\n")
        # docker misses a change that comes before it listens for any, right after the first size.
        end = time.monotonic() + 15
        while b"size 2\r\n" not in terminal.read():
            assert time.monotonic() < end, terminal.text
            terminal.resize(20, 61)
            terminal.resize(20, 60)
            time.sleep(0.2)
        terminal.type(b"some words\r")
        terminal.wait_for(b"got some words\r\n")
        assert terminal.process.wait(30) == 9
        assert termios.tcgetattr(terminal.slave) == terminal.before


@EACH
def test_ctrl_c_ends_the_command_and_the_terminal_is_as_before(
    image: Build, environment: Mapping[str, str], name: str, words: list[str]
) -> None:
    """The key goes to the container's terminal, which makes a signal of it there."""
    wait = "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done"
    with Terminal(
        [*words, "--name", name, "-it", "--rm", image("busybox"), "sh", "-c", wait], environment
    ) as terminal:
        terminal.wait_for(b"up\r\n")
        assert termios.tcgetattr(terminal.slave) != terminal.before
        terminal.type(b"\x03")
        assert terminal.process.wait(30) == 7
        assert termios.tcgetattr(terminal.slave) == terminal.before


@EACH
def test_the_detach_keys_leave_the_container_running(
    docker: Command, image: Build, environment: Mapping[str, str], name: str, words: list[str]
) -> None:
    """ctrl-p ctrl-q: the CLI ends, the container does not."""
    command = [image("busybox"), "sh", "-c", "echo up; sleep 60"]
    with Terminal([*words, "--name", name, "-it", *command], environment) as terminal:
        terminal.wait_for(b"up\r\n")
        terminal.type(b"\x10\x11")
        assert terminal.process.wait(30) == 0
    assert docker("inspect", "--format", "{{.State.Running}}", name).stdout.strip() == "true"


def test_a_terminal_that_is_not_there_is_refused_as_docker_does(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """-it on a pipe: docker's words, docker's status."""
    command = ("-it", "--name", name, "-u", "3267", image("busybox"), "true")
    plain, ours = docker("run", *command), saferun(*command)
    assert plain.status == 1
    assert ours == plain
    assert docker("inspect", name).status == 1


def test_the_environment_reaches_the_command_as_with_docker(
    docker: Command, saferun: Command, image: Build, tmp_path: Path
) -> None:
    """-e NAME, -e NAME=VALUE, --env-file, -w and --hostname; and nothing of saferun's own."""
    listed = tmp_path / "env"
    listed.write_text("FROM_FILE=yes\nPASSED\n")
    options = ("-e", "PASSED", "-e", "ABSENT", "-e", "A=b=c", "--env-file", str(listed))
    command = ("-w", "/tmp", "-h", "there", image("busybox"), "sh", "-c", "env | sort; pwd; id")
    given = {"PASSED": "through", "FROM_FILE": "no"}
    plain = docker("run", "--rm", "-u", "3267:7", *options, *command, env=given)
    ours = saferun("--rm", "-u", "3267:7", *options, *command, env=given)
    assert "PASSED=through\n" in plain.stdout
    assert ours == plain


@pytest.mark.parametrize("reference", ["entrypoint", "entrypoint-cmd", "cmd"])
@pytest.mark.parametrize(
    "words",
    [
        ((), ()),
        ((), ("echo", "arg")),
        (("--entrypoint", "echo"), ()),
        (("--entrypoint", "echo"), ("arg",)),
        (("--entrypoint", ""), ("echo", "arg")),
    ],
)
def test_what_runs_is_composed_as_docker_composes_it(
    docker: Command,
    saferun: Command,
    image: Build,
    reference: str,
    words: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    """Entrypoint and command of image and command line, in all combinations."""
    options, arguments = words
    command = ("--rm", "-u", "3267", *options, image(reference), *arguments)
    plain, ours = docker("run", *command), saferun(*command)
    assert plain.status == 0
    assert ours == plain


@pytest.mark.parametrize(
    ("reference", "options"),
    [("neither", ()), ("entrypoint", ("--entrypoint", "")), ("cmd", ("--entrypoint", ""))],
)
def test_nothing_to_execute_is_an_error_as_for_docker(
    docker: Command, saferun: Command, image: Build, reference: str, options: tuple[str, ...]
) -> None:
    """No entrypoint and no command: 125, and no container."""
    command = ("--rm", "-u", "3267", *options, image(reference))
    plain, ours = docker("run", *command), saferun(*command)
    assert (plain.status, ours.status) == (125, 125)
    assert "no command specified" in plain.stderr.lower()
    assert ours.stderr.startswith("saferun: no command specified")
    assert ours.stderr.endswith("saferun: nothing was started\n")


def test_words_that_are_not_utf_8_pass_through(
    image: Build, environment: Mapping[str, str]
) -> None:
    """Arguments are bytes; what becomes of odd ones is between docker and the engine."""
    words = [b"--rm", os.fsencode(image("busybox")), b"printf", b"%s\n", b"a\xff\xfe", "ä".encode()]
    plain, ours = (
        subprocess.run(
            [*map(os.fsencode, each), *words], env=environment, capture_output=True, check=False
        )
        for each in (DOCKER, SAFERUN)
    )
    assert ours.stdout.endswith("\nä\n".encode())
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, b"")


# ---- What the engine records ---------------------------------------------------------------------

#: What no two containers have in common, or what is about this very run.
OWN = (
    "AppArmorProfile",
    "Created",
    "GraphDriver",
    "HostnamePath",
    "HostsPath",
    "Id",
    "LogPath",
    "NetworkSettings",
    "ResolvConfPath",
    "State",
)
#: What the gate changes: itself as the entrypoint, its volume, and the drop.
GATE = {
    "": ("Args", "Mounts", "Path"),
    "Config": ("Cmd", "Entrypoint"),
    "HostConfig": ("CapDrop", "Mounts"),
}


def record(docker: Command, name: str) -> dict[str, Any]:
    """Return what the engine recorded, without what cannot be the same twice, and remove it."""
    (found,) = json.loads(docker("inspect", name).stdout)
    docker("rm", "--force", "--volumes", name)
    found_id = found["Id"]
    for key in OWN:
        found.pop(key, None)
    # The CLI sends these in random order.
    found["Config"]["Env"] = sorted(found["Config"]["Env"] or [])
    found["HostConfig"]["Binds"] = sorted(found["HostConfig"]["Binds"] or [])
    if found_id.startswith(found["Config"]["Hostname"]):
        del found["Config"]["Hostname"]
    return dict(found)


OPTIONS = {
    "none": [],
    "identity": [
        *("-l", "a=b", "--label-file", "{labels}", "-e", "NAME", "-e", "A=1"),
        *("--env-file", "{env}", "-w", "/tmp", "-h", "there", "--domainname", "example.org"),
        *("--group-add", "7", "--stop-signal", "USR1"),
        *("--stop-timeout", "3", "-i", "--attach", "stdout", "--no-healthcheck"),
    ],
    "resources": [
        *("-m", "64m", "--memory-reservation", "32m", "--memory-swap", "128m", "-c", "100"),
        *("--cpus", "0.5", "--cpuset-cpus", "0", "--pids-limit", "50", "--shm-size", "8m"),
        *("--ulimit", "nofile=100:200", "--oom-score-adj", "5", "--blkio-weight", "0"),
        *("--restart", "on-failure:3", "--log-driver", "none", "--health-cmd", "true"),
    ],
    "places": [
        *("--tmpfs", "/scratch:size=1m", "-v", "/anonymous", "-v", "{directory}:/host:ro"),
        *("--read-only", "--add-host", "a:192.0.2.1", "--dns", "192.0.2.2"),
        *("--dns-search", "example.org", "--dns-option", "ndots:1", "--expose", "80"),
        *("-p", "127.0.0.1::80", "--sysctl", "net.ipv4.ip_forward=0", "--ipc", "private"),
        *("--security-opt", "no-new-privileges", "--network", "bridge", "--init", "--device"),
        "/dev/null:/dev/other:r",
    ],
}


@pytest.mark.parametrize("group", OPTIONS)
def test_the_engines_record_is_plain_docker_runs_but_for_the_gate(
    docker: Command, saferun: Command, image: Build, tmp_path: Path, name: str, group: str
) -> None:
    """Nothing but capabilities, entrypoint, command and the gate's mount differs."""
    (tmp_path / "labels").write_text("c=d\n")
    (tmp_path / "env").write_text("B=2\nNAME\n")
    places = {"labels": tmp_path / "labels", "env": tmp_path / "env", "directory": tmp_path}
    options = [word.format(**places) for word in OPTIONS[group]]
    command = ("--name", name, "-u", "3267", *options, image("busybox"), "true")
    ended = docker("run", *command, env={"NAME": "value"})
    assert (ended.status, ended.stderr) == (0, "")
    plain = record(docker, name)
    ended = saferun(*command, env={"NAME": "value"})
    assert (ended.status, ended.stderr) == (0, "")
    ours = record(docker, name)

    assert ours["HostConfig"]["CapDrop"] in (["ALL"], ["CAP_ALL"])  # newer CLIs complete the name
    (entrypoint,) = ours["Config"]["Entrypoint"]
    place, _, gate = entrypoint.rpartition("/")
    assert re.fullmatch("/[.]saferun/[0-9a-f]{16}", place)
    assert gate in ("gate-amd64", "gate-arm64")
    assert ours["Config"]["Cmd"][-1] == "true"
    (mount,) = ours["HostConfig"].get("Mounts") or []
    assert (mount["Target"], mount["ReadOnly"]) == (place, True)
    for section, keys in GATE.items():
        for found in (plain, ours):
            for key in keys:
                (found[section] if section else found).pop(key, None)
    assert ours == plain


def test_a_cidfile_holds_the_id(
    docker: Command, saferun: Command, image: Build, tmp_path: Path, name: str
) -> None:
    """--cidfile: written as docker writes it."""
    path = tmp_path / "cid"
    ended = saferun("-u", "3267", "--name", name, "--cidfile", str(path), image("busybox"), "true")
    assert (ended.status, ended.stderr) == (0, "")
    assert path.read_text() == docker("inspect", "--format", "{{.Id}}", name).stdout.strip()


def test_a_cidfile_that_exists_is_refused_as_docker_does(
    docker: Command, saferun: Command, image: Build, tmp_path: Path, name: str
) -> None:
    """The file stays as it is, and nothing is made."""
    path = tmp_path / "cid"
    path.write_text("something else")
    command = ("-u", "3267", "--name", name, "--cidfile", str(path), image("busybox"), "true")
    plain, ours = docker("run", *command), saferun(*command)
    assert plain.status == 125
    assert ours == plain
    assert path.read_text() == "something else"
    assert docker("inspect", name).status == 1


def test_a_name_that_is_taken_is_refused_as_docker_does(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """The container that has the name stays."""
    docker("create", "--name", name, image("busybox"), "true")
    command = ("-u", "3267", "--name", name, image("busybox"), "true")
    plain, ours = docker("run", *command), saferun(*command)
    assert plain.status == 125
    assert ours == plain
    assert f'The container name "/{name}" is already in use' in ours.stderr


def test_rm_leaves_nothing(docker: Command, saferun: Command, image: Build, name: str) -> None:
    """Neither the container nor its anonymous volumes; the gate's volume is not one of those."""
    before = docker("volume", "ls", "--quiet").stdout
    ended = saferun("-u", "3267", "--rm", "--name", name, "-v", "/v", image("busybox"), "true")
    assert (ended.status, ended.stderr) == (0, "")
    assert docker("inspect", name).status == 1
    new = set(docker("volume", "ls", "--quiet").stdout.split()) - set(before.split())
    assert not {volume for volume in new if len(volume) == 64}
    gates = docker("volume", "ls", "--quiet", "--filter", "label=saferun.gate").stdout
    assert gates.startswith("saferun-gate-")


@pytest.mark.parametrize(
    "options",
    [("--init",), ("--read-only",), ("-w", "/tmp"), ("--platform", "linux/amd64")],
    ids=lambda options: options[0],
)
def test_the_gate_works_with(saferun: Command, image: Build, options: tuple[str, ...]) -> None:
    """Options that change how a container starts."""
    ended = saferun("-u", "3267", "--rm", *options, image("busybox"), "id", "-u")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "3267\n", "")
