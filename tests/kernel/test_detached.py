"""In the background: confirmed from outside and only then named, or killed and removed."""

from __future__ import annotations

import json
import re
import secrets
import signal
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

from saferun.judge import capabilities
from tests.kernel.forwarder import Forwarder
from tests.kernel.outcomes import NET_BIND_SERVICE, gone
from tests.kernel.programs import rest, running, saferun_words, script, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from tests.kernel.conftest import Command, Ended
    from tests.kernel.outcomes import Grants

    Build = Callable[[str], str]

ID = re.compile(r"[0-9a-f]{64}\n")
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@pytest.fixture
def name(docker: Command) -> Iterator[str]:
    """Return a name for one container, which is removed afterwards."""
    chosen = f"saferun-test-{secrets.token_hex(6)}"
    yield chosen
    docker("rm", "--force", "--volumes", chosen)


@pytest.fixture
def start(saferun: Command, name: str, tmp_path: Path) -> Callable[..., tuple[Ended, Any]]:
    """Return a function that starts `-d -u 3267` under the name, and reads the report."""

    def run(*words: str, env: Mapping[str, str] | None = None) -> tuple[Ended, Any]:
        path = tmp_path / "report.json"
        ended = saferun("-d", "-u", "3267", "--name", name, "--report", str(path), *words, env=env)
        return ended, json.loads(path.read_text() or "null")

    return run


@pytest.mark.parametrize(
    "options",
    [(), ("--init",), ("-t",), ("-it",), ("--restart=always",), ("--rm",), ("--log-driver=none",)],
    ids=" ".join,
)
def test_a_long_running_command_is_confirmed_and_named(
    docker: Command,
    image: Build,
    grants: Grants,
    name: str,
    start: Callable[..., tuple[Ended, Any]],
    options: tuple[str, ...],
) -> None:
    """The id, and nothing else, on stdout; five empty sets of every process in the report."""
    ended, report = start(*options, image("busybox"), "sleep", "60")
    assert ended.status == 0
    if grants.warns_of_terminal and "-it" in options:
        assert re.fullmatch(".*The input device is not a TTY.*\n", ended.stderr)
    else:
        assert ended.stderr == ""
    assert ID.fullmatch(ended.stdout)
    assert docker("inspect", "--format", "{{.Id}}", name).stdout == ended.stdout
    verdict = report["verdict"]
    assert (verdict["outcome"], verdict["reasons"]) == ("confirmed", [])
    assert report["container"] == ended.stdout.strip()
    assert len(verdict["evidence"]) == (2 if "--init" in options else 1)
    for process in verdict["evidence"]:
        assert {process[each] for each in SETS} == {"0" * 16}
        assert process["uids"] == [3267] * 4


def test_what_was_given_back_is_in_the_evidence(
    image: Build, grants: Grants, start: Callable[..., tuple[Ended, Any]], tmp_path: Path
) -> None:
    """An allowed capability is where the engine puts it, with Docker in the bounding set alone."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE"]\n')
    options = ("--policy", str(policy), "--cap-add", "NET_BIND_SERVICE")
    ended, report = start(*options, image("busybox"), "sleep", "60")
    assert (ended.status, ended.stderr) == (0, "")
    assert report["verdict"]["outcome"] == "confirmed"
    (process,) = report["verdict"]["evidence"]
    assert tuple(int(process[each], 16) for each in SETS) == grants.added(NET_BIND_SERVICE)


@pytest.mark.parametrize("status", [0, 1, 126, 127])
@pytest.mark.parametrize("options", [(), ("--rm",), ("--log-driver=none",)], ids=" ".join)
def test_a_short_command_is_named_whatever_its_status(
    image: Build,
    start: Callable[..., tuple[Ended, Any]],
    options: tuple[str, ...],
    status: int,
) -> None:
    """Status 0 and the id, as docker run -d: too short to be seen, so "unverified" at worst."""
    ended, report = start(*options, image("busybox"), "sh", "-c", f"exit {status}")
    assert (ended.status, ended.stderr) == (0, "")
    assert ID.fullmatch(ended.stdout)
    assert report["verdict"]["outcome"] in ("confirmed", "unverified")
    assert report["verdict"]["reasons"] or report["verdict"]["evidence"]


NOT_FOUND = ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH')
FORBIDDEN = ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied')
DIRECTORY = ("/tmp", 126, 'exec: "/tmp": is a directory')


@pytest.mark.parametrize(
    ("case", "options"),
    [
        (NOT_FOUND, ()),
        (FORBIDDEN, ()),
        (DIRECTORY, ()),
        (NOT_FOUND, ("--rm",)),
        (FORBIDDEN, ("--rm",)),
        (NOT_FOUND, ("--init",)),
        (NOT_FOUND, ("-t",)),
        (FORBIDDEN, ("--log-driver=none",)),
        (NOT_FOUND, ("--rm", "--log-driver=none")),
    ],
)
def test_a_command_that_cannot_be_executed_gives_dockers_status(
    docker: Command,
    saferun: Command,
    image: Build,
    name: str,
    case: tuple[str, int, str],
    options: tuple[str, ...],
) -> None:
    """As docker: no id, 126 or 127; the reason where the log can be read; nothing runs."""
    command, status, message = case
    words = ("-d", "-u", "3267", "--name", name, *options, image("busybox"), command)
    plain = docker("run", *words)
    docker("rm", "--force", name)
    ended = saferun(*words)
    if "--init" not in options:
        # Under --init it is init that fails, later, and docker run says nothing of it.
        assert plain.status == status
    assert ended.status == status
    assert ended.stdout == ""
    if "--log-driver=none" not in options:
        assert ended.stderr == f"saferun: {message}\n"
    assert ended.stderr.startswith("saferun: ")
    seen = docker("inspect", "--format", "{{.State.Running}}", name)
    assert seen.stdout in ("false\n", "\n", "")


def test_a_command_that_cannot_be_executed_is_not_restarted(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """With --restart=always docker would not have started it even once."""
    ended = saferun(
        "-d", "-u", "3267", "--name", name, "--restart=always", image("busybox"), "nosuch"
    )
    assert (ended.status, ended.stdout) == (127, "")
    assert ended.stderr == 'saferun: exec: "nosuch": executable file not found in $PATH\n'
    state = "{{.State.Status}} {{.RestartCount}}"
    before = docker("inspect", "--format", state, name).stdout
    time.sleep(0.5)
    assert docker("inspect", "--format", state, name).stdout == before
    assert before.startswith("exited ")


def test_a_restart_is_checked_again(docker: Command, saferun: Command, image: Build) -> None:
    """The gate is the entrypoint: whatever starts the container starts the check."""
    ended = saferun("-d", "-u", "3267", image("busybox"), "sh", "-c", "sets; sleep 60")
    container = ended.stdout.strip()
    try:
        until(lambda: "takes" in docker("logs", container).stdout)
        docker("restart", "--time=0", container)
        until(lambda: docker("logs", container).stdout.count("takes") == 2)
        assert docker("logs", container).stdout.count("CapBnd:\t0000000000000000") == 4
    finally:
        docker("rm", "--force", container)


#: What a docker CLI could change behind saferun's back, as sed commands on its words, and what
#: saferun then says of it. The words reach the container's start; the gate never sees them.
TAMPERING = {
    "no drop": (r"/^--cap-drop=/d", "cap-drop is empty, not ALL"),
    "more": (r"s/^--cap-drop=.*/&\n--cap-add=NET_RAW/", "cap-add is NET_RAW, not empty"),
    "root": (r"s/^--user=.*/--user=0/", "user is 0, not 3267"),
    "unmasked": (r"s/^0000000000000000$/ffffffffffffffff/", None),
    "no gate": (
        r"s/^--entrypoint=.*/--entrypoint=sleep/; /^0000/d; /^-$/d; /^--$/d; /^sleep$/d",
        None,
    ),
}


def says(grants: Grants, what: str) -> str:
    """Return a pattern of what saferun says: the record's word, or, where it has none, its own."""
    if what == "no drop" and not grants.records_drop:
        held = " ".join(capabilities.names_of(grants.default))
        return f"process [0-9]+ \\(uid 3267\\) holds {held} in CapBnd"
    return f"the engine's record says {TAMPERING[what][1]}"


def tampering(directory: Path, edit: str) -> str:
    """Return a docker CLI that edits the words of `docker run`, one word a line."""
    return script(
        directory / "docker",
        f"""[ "$1" = run ] || exec "$DOCKER" "$@"
words=$(printf '%s\\n' "$@" | sed '{edit}')
IFS='
'
exec "$DOCKER" $words""",
    )


@pytest.mark.parametrize("what", ["no drop", "more", "root"])
@pytest.mark.parametrize("options", [(), ("--restart=always",), ("--rm",)], ids=" ".join)
def test_a_container_that_is_not_what_was_allowed_is_killed_and_removed(
    docker: Command,
    saferun: Command,
    image: Build,
    grants: Grants,
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    what: str,
) -> None:
    """Something changed the words on their way: no id, 126, the reason, and nothing left."""
    cli = tampering(tmp_path, TAMPERING[what][0])
    words = ("-d", "-u", "3267", "--name", name, *options, image("busybox"), "sleep", "60")
    ended = saferun(*words, env={"SAFERUN_DOCKER": cli})
    assert (ended.status, ended.stdout) == (126, "")
    said = ended.stderr.splitlines()
    assert said[0] == "saferun: denied: the running container is not what was allowed"
    assert any(re.fullmatch(f"saferun:   {says(grants, what)}", line) for line in said)
    assert re.fullmatch("saferun: the container [0-9a-f]{12} was killed and removed", said[-1])
    gone(docker, name)


def test_a_gate_that_was_told_other_masks_or_left_out_is_noticed_from_outside(
    docker: Command, saferun: Command, image: Build, tmp_path: Path, name: str
) -> None:
    """No drop and masks that allow everything: the gate is content, the kernel's figures are not.

    The same without any gate.
    """
    for what in ("unmasked", "no gate"):
        edit = f"{TAMPERING['no drop'][0]}; {TAMPERING[what][0]}"
        cli = tampering(tmp_path / what, edit)
        words = ("-d", "-u", "3267", "--name", name, image("busybox"), "sleep", "60")
        ended = saferun(*words, env={"SAFERUN_DOCKER": cli})
        assert (ended.status, ended.stdout) == (126, ""), what
        gone(docker, name)


def test_a_contradiction_is_in_the_report(
    image: Build, grants: Grants, start: Callable[..., tuple[Ended, Any]], tmp_path: Path
) -> None:
    """Programs read there what people read on stderr."""
    cli = tampering(tmp_path, TAMPERING["no drop"][0])
    ended, report = start(image("busybox"), "sleep", "60", env={"SAFERUN_DOCKER": cli})
    assert ended.status == 126
    assert report["verdict"]["outcome"] == "contradicted"
    (reason,) = report["verdict"]["reasons"]
    assert re.fullmatch(says(grants, "no drop"), reason)


@pytest.mark.parametrize("what", ["no drop", "more"])
def test_in_the_foreground_the_gate_refuses(
    saferun: Command, image: Build, grants: Grants, tmp_path: Path, what: str
) -> None:
    """One line that names set and capabilities, 126, and the command never runs."""
    cli = tampering(tmp_path, TAMPERING[what][0])
    if what == "more":
        cli = tampering(tmp_path, r"s/^--cap-drop=.*/&\n--cap-add=NET_RAW/")
    words = ("-u", "3267", "--rm", image("busybox"), "echo", "ran")
    ended = saferun(*words, env={"SAFERUN_DOCKER": cli})
    assert (ended.status, ended.stdout) == (126, "")
    held = "NET_RAW" if what == "more" else " ".join(capabilities.names_of(grants.default))
    begin = "saferun: denied: uid 3267 holds capabilities it must not: "
    assert ended.stderr.startswith(begin)
    *found, end = ended.stderr.removeprefix(begin).split("; ")
    assert f"CapBnd {held}" in found
    assert end == "the command was not started\n"


def test_in_the_foreground_the_gate_refuses_another_user(
    saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Root instead of 3267, with everything: the mask for root is just as narrow."""
    cli = tampering(tmp_path, "s/^--user=.*/--user=0/; /^--cap-drop=/d")
    words = ("-u", "3267", "--rm", image("busybox"), "echo", "ran")
    ended = saferun(*words, env={"SAFERUN_DOCKER": cli})
    assert (ended.status, ended.stdout) == (126, "")
    assert ended.stderr.startswith("saferun: denied: uid 0 holds capabilities it must not: ")


def test_dockers_own_refusal_passes_through(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """A taken name: docker's words, docker's status, and the one that has it stays."""
    docker("create", "--name", name, image("busybox"), "true")
    words = ("-d", "-u", "3267", "--name", name, image("busybox"), "true")
    assert saferun(*words) == docker("run", *words)
    assert docker("inspect", name).status == 0


def test_a_cidfile_and_rm_work_in_the_background(
    docker: Command, saferun: Command, image: Build, name: str, tmp_path: Path
) -> None:
    """The id is in the file; once ended, the container is gone."""
    path = tmp_path / "cid"
    ended = saferun(
        *("-d", "--rm", "-u", "3267", "--name", name, "--cidfile", str(path)),
        *(image("busybox"), "sleep", "60"),
    )
    assert (ended.status, ended.stderr) == (0, "")
    assert path.read_text() == ended.stdout.strip()
    docker("kill", name)
    until(lambda: docker("inspect", name).status)


def test_root_in_the_background_runs_as_with_docker(
    docker: Command, start: Callable[..., tuple[Ended, Any]], image: Build, name: str
) -> None:
    """No law speaks of root: the id, and docker's own capabilities."""
    ended, report = start("-u", "0", image("busybox"), "sleep", "60")
    assert (ended.status, ended.stderr) == (0, "")
    assert report["verdict"]["outcome"] == "confirmed"
    assert docker("inspect", "-f", "{{.HostConfig.CapDrop}}", name).stdout in (
        "[]\n",
        "<no value>\n",
    )


def test_a_report_that_cannot_be_written_stops_everything_beforehand(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """It is opened before anything is started."""
    for path in ("/no/such/directory/report", "/"):
        words = ("-u", "3267", "--name", name, "--report", path, image("busybox"), "true")
        for detach in ((), ("-d",)):
            ended = saferun(*detach, *words)
            assert (ended.status, ended.stdout) == (125, "")
            assert ended.stderr.startswith(f"saferun: cannot write the report {path}: ")
            assert ended.stderr.endswith("saferun: nothing was started\n")
            gone(docker, name)


# ---- Interrupted, or abandoned by the engine -----------------------------------------------------


@dataclass
class Attempt:
    """A start in the background during which something happens at one request to the engine."""

    happened: bool
    #: The request that it happened at, and those after it.
    requests: list[str]
    status: int
    out: str
    err: str
    #: What it left on the engine; removed by now.
    left: list[str]


@pytest.fixture
def attempt(
    docker: Command, image: Build, environment: Mapping[str, str], engine: str, tmp_path: Path
) -> Callable[..., Attempt]:
    """Return a function that starts a container, and does something at the request of a number.

    The user is a name and HOME is new, so that both helper containers are on the way.
    """

    def start(
        number: int, act: Callable[[subprocess.Popen[bytes], Forwarder], None], *options: str
    ) -> Attempt:
        requests: list[str] = []
        mark = f"saferun-test={secrets.token_hex(6)}"
        processes: list[subprocess.Popen[bytes]] = []

        def watch(head: str) -> None:
            requests.append(head.partition("\r\n")[0])
            if len(requests) == number:
                act(until(lambda: processes)[0], way)

        with Forwarder(engine, tmp_path / f"{number}.sock", watch) as way:
            home = str(tmp_path / f"home-{number}")
            given = {**environment, "DOCKER_HOST": way.host, "HOME": home}
            words = ["-d", "-u", "app", "-l", mark, *options, image("busybox"), "sleep", "60"]
            with running([*saferun_words(), *words], given) as process:
                processes.append(process)
                status, out, err = rest(process)
        # What the CLI makes need not go this way: Podman's asks nobody.
        marked = docker("ps", "-aq", "--no-trunc", "--filter", f"label={mark}").stdout.split()
        made = dict.fromkeys([*way.made, *marked])
        left = [each for each in made if docker("inspect", each).status == 0]
        for each in left:
            docker("rm", "--force", "--volumes", each)
            docker("rmi", "--force", each)
        happened, requests = len(requests) >= number, requests[number - 1 :]
        return Attempt(happened, requests, status, out.decode(), err.decode(), left)

    return start


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_signal_at_any_stage_leaves_nothing(
    attempt: Callable[..., Attempt], signal_: signal.Signals
) -> None:
    """Whichever request to the engine it meets: no id, and what was made is removed again.

    Every round it comes one request later, until it does not come any more.
    """
    wrong = []
    for number in count(1):
        tried = attempt(number, lambda process, _way: process.send_signal(signal_))
        if not tried.happened:
            assert (tried.status, tried.err) == (0, "")
            assert tried.left == [tried.out.strip()]
            assert number > 10
            break
        if (
            tried.status not in (-signal_, 128 + signal_)
            or tried.out
            or tried.left
            or "Traceback" in tried.err
        ):
            tried.requests[1:] = []
            wrong.append(tried)
    assert wrong == []


def test_an_engine_that_dies_at_any_stage_is_told(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    """From one request on nobody answers any more.

    Before docker has started the container: an error. After that: named, but unverified.
    """
    outcomes = []
    for number in count(1):
        report = tmp_path / f"report-{number}"
        tried = attempt(number, lambda _process, way: way.cut(), "--report", str(report))
        assert "Traceback" not in tried.err, tried
        if tried.status == 0:
            assert ID.fullmatch(tried.out), tried
            outcomes.append(json.loads(report.read_text())["verdict"]["outcome"])
        else:
            assert tried.err, tried
        if not tried.happened:
            break
    assert outcomes[-1] == "confirmed"
    assert "unverified" in outcomes
    assert "contradicted" not in outcomes
