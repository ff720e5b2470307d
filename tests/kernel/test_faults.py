"""Bad input and faults: each a clear message and the right status, and nothing is started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.programs import (
    rest,
    running,
    saferun_as,
    saferun_words,
    script,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.kernel.conftest import Command, Ended

    Build = Callable[[str], str]

NOTHING = "saferun: nothing was started\n"
#: An image that no test has: whoever looks for it has gone too far.
NOWHERE = "saferun-test-no-such-image"
#: Nobody.
UID = 65534


def refused(ended: Ended, *said: str) -> None:
    """Check that saferun, and not docker, refused: in its own voice, and in these words."""
    assert (ended.status, ended.stdout) == (125, ""), ended.stderr
    lines = ended.stderr.splitlines()
    assert all(line.startswith("saferun: ") for line in lines), ended.stderr
    assert lines[-1] == "saferun: nothing was started"
    for words in said:
        assert words in ended.stderr


# ---- The command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-u", "3267"),
        ("--rm", "--"),
        ("--nonsense", "image"),
        ("--nonsense=1", "image", "command"),
        ("-Z", "image"),
        ("-itZ", "image"),
        ("---x", "image"),
        ("--=x", "image"),
        ("--user",),
        ("-u",),
        ("--rm=maybe", "image"),
        ("-i=", "image"),
    ],
    ids=" ".join,
)
def test_words_that_docker_cannot_read_get_dockers_own_answer(
    docker: Command, saferun: Command, words: tuple[str, ...]
) -> None:
    """Status, stderr and stdout are those of the real CLI."""
    plain = docker("run", *words)
    assert plain.status in (1, 125)
    assert saferun(*words) == plain


@pytest.mark.parametrize(
    "options",
    [
        ("--memory=abc",),
        ("--cpus", "many"),
        ("-p", "x:y:z:1"),
        ("--ulimit", "x"),
        ("--mount", "nonsense"),
        ("--network", "container:"),
        ("--pids-limit", "1e3"),
    ],
    ids=" ".join,
)
def test_a_bad_value_gets_dockers_own_answer(
    docker: Command, saferun: Command, image: Build, options: tuple[str, ...]
) -> None:
    """The status is docker's, and so are the words that say what is wrong."""
    words = ("--rm", "-u", "3267", *options, image("busybox"), "true")
    plain, ours = docker("run", *words), saferun(*words)
    assert plain.status not in (0, 127)
    assert ours.status == plain.status
    assert ours.stdout == ""
    if "--mount" not in options:
        assert ours.stderr == plain.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--policy",), "--policy needs a file name, as in --policy=FILE"),
        (("--policy=", "image"), "--policy needs a file name, as in --policy=FILE"),
        (("--report",), "--report needs a file name, as in --report=FILE"),
        (("--verify=perhaps", "image"), "--verify takes on or off"),
        (("--explain=yaml", "image"), "--explain takes "),
    ],
)
def test_saferuns_own_options_are_checked(
    saferun: Command, words: tuple[str, ...], said: str
) -> None:
    """125 and what would be right."""
    refused(saferun(*words), f"saferun: {said}")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/../b", "/", "UPPER", "a:b:c", "-x", "\xff", "ä"]
)
def test_what_can_be_no_image_is_refused(docker: Command, saferun: Command, name: str) -> None:
    """Whatever the engine's API would have made of it in a path."""
    words = ("--pull=never", "-u", "3267", "--", name)
    assert docker("run", *words).status == 125
    refused(saferun(*words), "saferun: ")


def test_an_image_that_is_not_there_is_an_error(saferun: Command) -> None:
    """Without a registry to ask, at once."""
    ended = saferun("--pull", "never", "-u", "3267", NOWHERE, "id")
    assert ended.stderr == f"saferun: no such image: {NOWHERE}\n{NOTHING}"
    refused(ended)


@pytest.mark.parametrize(
    "options",
    [
        ("-v", "/tmp:/.saferun"),
        ("-v", "/tmp:/.saferun/"),
        ("-v", "/tmp:/x/../.saferun/gate-amd64"),
        ("-v", "/.saferun"),
        ("--mount", "type=bind,src=/tmp,dst=/.saferun"),
        ("--mount", "type=tmpfs,target=/.saferun/x"),
        ("--tmpfs", "/.saferun"),
        ("--tmpfs", "/.saferun:size=1m"),
    ],
    ids=" ".join,
)
def test_a_mount_over_the_gate_is_refused(
    saferun: Command, image: Build, options: tuple[str, ...]
) -> None:
    """It could put a program there that checks nothing."""
    ended = saferun("-u", "3267", *options, image("busybox"), "id")
    refused(
        ended, "saferun: denied: a mount at /.saferun", "/.saferun is where saferun's gate lives"
    )


def test_volumes_from_a_container_that_is_not_there(saferun: Command, image: Build) -> None:
    """Its mounts cannot be known, so nothing can be judged."""
    ended = saferun("-u", "3267", "--volumes-from", "no-such-container", image("busybox"), "id")
    refused(ended, "saferun: --volumes-from no-such-container: ")


# ---- The docker CLI ------------------------------------------------------------------------------


def test_without_a_docker_cli_saferun_says_so(saferun: Command, tmp_path: Path) -> None:
    """Nothing on PATH, or nothing that can be executed."""
    (tmp_path / "docker").write_text("not executable")
    for path in ("/no/such/directory", str(tmp_path), ""):
        ended = saferun("-u", "3267", NOWHERE, env={"PATH": path})
        refused(ended, "saferun: no docker on PATH\n", "saferun: hint: install the docker CLI")


def test_saferun_docker_must_name_a_program(saferun: Command, tmp_path: Path) -> None:
    """Not there, a directory, or not executable."""
    plain = tmp_path / "plain"
    plain.write_text("")
    for path in ("/no/such/docker", str(tmp_path), str(plain)):
        ended = saferun("-u", "3267", NOWHERE, env={"SAFERUN_DOCKER": path})
        refused(ended, f"saferun: SAFERUN_DOCKER={path} cannot be executed\n")
    ended = saferun("-u", "3267", NOWHERE, env={"SAFERUN_DOCKER": "no-such-docker"})
    refused(ended, "saferun: no no-such-docker on PATH\n")


def test_saferun_docker_that_is_saferun_is_refused(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """By its own path or by a link."""
    words = saferun_words()
    link = tmp_path / "docker"
    link.symlink_to(words[-1])
    for path in (words[-1], str(link)):
        given = {**environment, "SAFERUN_DOCKER": path}
        with running([*words, "-u", "3267", NOWHERE], given) as process:
            status, out, err = rest(process)
        assert (status, out) == (125, b"")
        assert err.decode().startswith(f"saferun: SAFERUN_DOCKER={path} is saferun itself\n")


def test_a_docker_that_is_a_link_to_saferun_is_passed_over(
    environment: Mapping[str, str], image: Build, tmp_path: Path
) -> None:
    """Whoever puts saferun in docker's place still gets the real one."""
    words = saferun_words()
    (tmp_path / "docker").symlink_to(words[-1])
    given = {**environment, "PATH": f"{tmp_path}:{environment['PATH']}"}
    command = [*words, "--rm", "-u", "3267", image("busybox"), "id", "-u"]
    with running(command, given) as process:
        assert rest(process) == (0, b"3267\n", b"")


def test_a_docker_that_calls_saferun_again_ends_at_the_second_turn(
    environment: Mapping[str, str], image: Build, tmp_path: Path
) -> None:
    """No fork bomb: every start leaves a line, and there are few of them."""
    starts = tmp_path / "starts"
    again = " ".join(f"'{word}'" for word in saferun_words())
    cli = script(tmp_path / "docker", f'echo >>"{starts}"; shift; exec {again} "$@"')
    given = {**environment, "PATH": f"{tmp_path}:{environment['PATH']}"}
    for options in ([], ["-d"]):
        starts.unlink(missing_ok=True)
        words = [*saferun_words(), *options, "-u", "3267", image("busybox"), "id"]
        with running(words, given) as process:
            status, out, err = rest(process)
        assert (status, out) == (125, b"")
        assert f"saferun: {cli} calls saferun again, so no docker CLI was reached\n" in err.decode()
        assert "set SAFERUN_DOCKER to the path of the real docker CLI" in err.decode()
        assert len(starts.read_text().splitlines()) == 1


# ---- The engine ----------------------------------------------------------------------------------


def test_an_engine_that_is_down_is_named(saferun: Command, tmp_path: Path) -> None:
    """No socket, and a socket that nobody listens on."""
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    for path, why in (("/no/such.sock", "there is no such socket"), (dead, "connection refused")):
        ended = saferun("-u", "3267", NOWHERE, "id", env={"DOCKER_HOST": f"unix://{path}"})
        refused(ended, f"saferun: cannot connect to the docker engine at unix://{path}: {why}\n")
        assert "saferun: hint: is the docker engine running?" in ended.stderr


def test_a_socket_that_is_not_permitted_is_named(
    environment: Mapping[str, str], engine: str, image: Build
) -> None:
    """As another user: who may, and that nothing was started."""
    words = [*saferun_as(UID), "-u", "3267", image("busybox"), "id"]
    with running(words, {**environment, "HOME": "/nonexistent"}) as process:
        status, out, err = rest(process)
    assert (status, out) == (125, b"")
    assert err.decode() == (
        f"saferun: permission denied while trying to connect to the docker engine at {engine}\n"
        "saferun: hint: the engine's socket is open to root and to its group (usually docker)\n"
        f"{NOTHING}"
    )


ANSWERS = {
    "nothing": b"",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "no JSON": b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 3\r\n\r\n<a>" * 2,
    "other JSON": b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n[]" * 2,
    "an error": b"HTTP/1.1 500 X\r\nApi-Version: 1.41\r\nContent-Length: 18\r\n\r\n"
    b'{"message":"full"}' * 2,
    "a length without end": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_engine_that_answers_nonsense_is_an_error(
    saferun: Command, tmp_path: Path, answer: str
) -> None:
    """One line of what went wrong, never a traceback."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def speak() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(1 << 16)
                caller.sendall(ANSWERS[answer])

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        ended = saferun("-u", "3267", NOWHERE, "id", env={"DOCKER_HOST": f"unix://{path}"})
        thread.join()
    refused(ended)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
@pytest.mark.parametrize("options", [(), ("-d",)], ids=" ".join)
def test_a_signal_while_waiting_for_the_engine_ends_saferun(
    environment: Mapping[str, str],
    tmp_path: Path,
    options: tuple[str, ...],
    number: signal.Signals,
    status: int,
) -> None:
    """An engine that never answers: docker has not been started, and will not be."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        cli = script(tmp_path / "docker", f"touch '{tmp_path}/started'")
        given = {**environment, "DOCKER_HOST": f"unix://{path}", "SAFERUN_DOCKER": cli}
        with running([*saferun_words(), *options, "-u", "3267", NOWHERE], given) as process:
            caller, _ = listener.accept()
            with caller:
                assert caller.recv(1 << 16).startswith(b"GET ")
                process.send_signal(number)
                ended = rest(process)
    said = b"saferun: interrupted; nothing was started\n" if number == signal.SIGINT else b""
    assert ended == (status, b"", said)
    assert not (tmp_path / "started").exists()


def test_a_missing_home_is_no_obstacle(
    environment: Mapping[str, str], image: Build, tmp_path: Path
) -> None:
    """Unset, empty, or not there: only the cache is lost."""
    file = tmp_path / "file"
    file.write_text("")
    bare = {name: value for name, value in environment.items() if name != "HOME"}
    for added in ({"HOME": "/no/such/home"}, {"HOME": ""}, {}):
        given = {**bare, **added, "XDG_CACHE_HOME": str(file)}
        words = [*saferun_words(), "--rm", "-u", "app", image("busybox"), "id", "-u"]
        with running(words, given) as process:
            assert rest(process) == (0, b"3267\n", b"")


def test_a_volume_that_is_not_ours_is_refused(
    docker: Command, environment: Mapping[str, str], image: Build, tmp_path: Path
) -> None:
    """Our name without our label: somebody else made it, and nothing in it can be trusted.

    A copy of saferun with another gate's digest has a volume of its own.
    """
    copy = tmp_path / "saferun"
    shutil.copytree(Path(__file__).parents[2] / "saferun", copy)
    built = copy / "gate" / "built.py"
    digest = os.urandom(32).hex()
    lines = [
        f'DIGEST = "{digest}"' if line.startswith("DIGEST") else line
        for line in built.read_text().splitlines()
    ]
    built.write_text("\n".join(lines) + "\n")
    volume = f"saferun-gate-{digest[:12]}"
    docker("volume", "create", volume)
    try:
        given = {**environment, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        words = [sys.executable, "-m", "saferun", "-u", "3267", image("busybox"), "id"]
        done = subprocess.run(
            words, env=given, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (125, "")
        said = f"saferun: the volume {volume} exists on the engine but is not saferun's\n"
        assert done.stderr.startswith(said)
        assert done.stderr.endswith(NOTHING)
    finally:
        docker("volume", "rm", volume)


# ---- Policy files --------------------------------------------------------------------------------

BAD = {
    "invalid": (b"[limits\n", "policy.toml:1:8: not valid TOML: "),
    "binary": (b"\x00\x01\x02", "policy.toml:1:1: this is not a text file: it holds a NUL byte"),
    "not UTF-8": (b'[defaults]\nuser = "\xff"\n', "policy.toml:2:9: this is not UTF-8 text"),
    "unknown table": (
        b"[limit]\n",
        "policy.toml:1:2: unknown table [limit]; did you mean [limits]?",
    ),
    "unknown key": (
        b"[nonroot.limits]\ncap-ad = []\n",
        'policy.toml:2:1: unknown key "cap-ad" in [nonroot.limits]; did you mean "cap-add"?',
    ),
    "unknown capability": (
        b'[nonroot.limits]\ncap-add = ["NET_BIND_SERVCE"]\n',
        'unknown capability "NET_BIND_SERVCE"; did you mean "NET_BIND_SERVICE"?',
    ),
    "wrong type": (b"[limits]\nprivileged = 1\n", '"privileged" must be true or false, not 1'),
    "wrong place": (b"[require]\nnetwork = '1g'\n", '"network" has no place in [require]'),
    "newer": (b"schema = 99\n", "schema 99 is newer than this saferun"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_policy_with_a_mistake_is_refused(saferun: Command, tmp_path: Path, what: str) -> None:
    """The file, the line, the column, and what was probably meant."""
    content, said = BAD[what]
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    refused(saferun("--policy", str(path), "-u", "3267", NOWHERE), said)


def test_all_mistakes_of_all_files_come_at_once(saferun: Command, tmp_path: Path) -> None:
    """Whoever mends one should not find the next by trying."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[limits]\nprivilege = true\n[nonroot.limits]\ncap-add = ["NOPE"]\n')
    second.write_text("[[[\n")
    words = ("--policy", str(first), "--policy", str(second), "--policy", "/no/such.toml")
    refused(
        saferun(*words, "-u", "3267", NOWHERE),
        f"{first}:2:1: ",
        f"{first}:4:12: ",
        f"{second}:1:",
        "cannot read policy /no/such.toml: no such file or directory",
    )


def test_a_policy_that_is_no_file_is_refused(saferun: Command, tmp_path: Path) -> None:
    """A directory, a FIFO, a device, a socket, nothing; none of them makes saferun wait."""
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to(tmp_path / "nothing")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path, why in (
            (tmp_path, "it is a directory"),
            (fifo, "it is a FIFO"),
            ("/dev/zero", "it is a device"),
            (tmp_path / "socket", "it is a socket"),
            (tmp_path / "nothing", "no such file or directory"),
            (link, "no such file or directory"),
        ):
            ended = saferun("--policy", str(path), "-u", "3267", NOWHERE)
            refused(ended, f"saferun: cannot read policy {path}: {why}\n")


def test_a_huge_policy_is_refused_without_being_read(saferun: Command, tmp_path: Path) -> None:
    """100 MB of nothing."""
    path = tmp_path / "policy.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    ended = saferun("--policy", str(path), "-u", "3267", NOWHERE)
    refused(ended, f"saferun: cannot read policy {path}: it is larger than 1 MiB\n")


def test_a_policy_that_others_may_write_is_refused(saferun: Command, tmp_path: Path) -> None:
    """World-writable, or another user's: what it says proves nothing."""
    path = tmp_path / "policy.toml"
    path.write_text("")
    path.chmod(0o666)
    ended = saferun("--policy", str(path), "-u", "3267", NOWHERE)
    refused(ended, f"saferun: policy {path} can be written by others (mode 0666)")
    path.chmod(0o644)
    os.chown(path, UID, UID)
    ended = saferun("--policy", str(path), "-u", "3267", NOWHERE)
    refused(ended, f"saferun: policy {path} belongs to uid {UID}, not to root")


def test_a_policy_that_cannot_be_read_is_refused(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Half a law is no law: as another user, with root's private file."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == 0 and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    path = tmp_path / "policy.toml"
    path.write_text("")
    path.chmod(0o600)
    words = [*saferun_as(UID), "--policy", str(path), "-u", "3267", NOWHERE]
    with running(words, {**environment, "HOME": "/nonexistent"}) as process:
        status, out, err = rest(process)
    assert (status, out) == (125, b"")
    assert err.decode().startswith(f"saferun: cannot read policy {path}: permission denied\n")
    assert err.decode().endswith(NOTHING)


def test_a_bad_policy_stops_also_what_it_would_not_forbid(
    docker: Command, saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Root included; and every way to name a file counts."""
    path = tmp_path / "policy.toml"
    path.write_text("nonsense")
    home = tmp_path / "home"
    (home / ".config" / "saferun").mkdir(parents=True)
    shutil.copy(path, home / ".config" / "saferun")
    before = docker("ps", "--all", "--quiet", "--filter", f"ancestor={image('busybox')}").stdout
    for words, env in (
        (("--policy", str(path)), {}),
        ((), {"SAFERUN_POLICY": str(path)}),
        ((), {"SAFERUN_POLICY": f"{path}:"}),
        ((), {"HOME": str(home)}),
        ((), {"XDG_CONFIG_HOME": str(home / ".config")}),
    ):
        refused(saferun(*words, "-u", "0", "--rm", image("busybox"), "id", env=env))
    after = docker("ps", "--all", "--quiet", "--filter", f"ancestor={image('busybox')}").stdout
    assert after == before
