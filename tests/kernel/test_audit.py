"""saferunctl audit on a real engine: each finding, in a container that shows it and in no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.forwarder import Forwarder
from tests.kernel.outcomes import fresh_name
from tests.kernel.programs import ROOT, running, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.kernel.conftest import Command, Ended

    Build = Callable[[str], str]
    Start = Callable[..., str]

LASTING = ("sleep", "300")
CTL = (sys.executable, "-c", "from saferun.ctl import main; main()")


@pytest.fixture
def start(docker: Command, saferun: Command, image: Build) -> Iterator[Start]:
    """Return a function that starts a container behind saferun's back, or with it."""
    made: list[str] = []

    def run(*words: str, gated: bool = False, command: tuple[str, ...] = LASTING) -> str:
        name = fresh_name()
        made.append(name)
        argv = ["-d", "--name", name, *words, image("busybox"), *command]
        ended = saferun(*argv) if gated else docker("run", *argv)
        assert ended.status == 0, ended.stderr
        return name

    yield run
    if made:
        docker("rm", "--force", "--volumes", *made)


@pytest.fixture
def audit(saferunctl: Command) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Return a function that audits one container; exit status and what is said of it."""

    def look(name: str, *words: str) -> tuple[int, dict[str, Any]]:
        ended = saferunctl("audit", "--json", *words, name)
        return ended.status, the_one(ended)

    return look


def the_one(ended: Ended) -> dict[str, Any]:
    """What was said of the only container that was asked for."""
    assert ended.stderr == ""
    told = json.loads(ended.stdout)
    assert told["schema"] == 1
    (one,) = told["containers"]
    return dict(one)


def ids(container: dict[str, Any]) -> set[str]:
    """The ids of what was found."""
    return {one["id"] for one in container["findings"]}


def of(container: dict[str, Any], identity: str) -> dict[str, Any]:
    """The one finding of an id."""
    (found,) = [one for one in container["findings"] if one["id"] == identity]
    return dict(found)


def first_process(docker: Command, name: str) -> int:
    """The engine's word for a container's first process."""
    return int(docker("inspect", "--format", "{{.State.Pid}}", name).stdout)


def cgroups(pid: int) -> list[str]:
    """The directories of a process's cgroups that are mounted here."""
    bases = ["/sys/fs/cgroup", *(str(path) for path in Path("/sys/fs/cgroup").iterdir())]
    paths = {
        line.split(":", 2)[2]
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        if not line.endswith(":/")
    }
    found = [f"{base}{path}" for base in bases for path in paths]
    return [one for one in found if os.path.exists(f"{one}/cgroup.procs")]


@contextmanager
def planted(pid: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program of the host in the cgroup of a process, as `docker exec` would."""
    script = (
        'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; '
        'shift; echo; exec "$@"'
    )
    argv = ["sh", "-c", script, "sh", *cgroups(pid), "--", *words]
    with running(argv, {"PATH": os.environ["PATH"]}) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"\n"
        until(lambda: comm(program.pid) == Path(words[-2]).name)
        yield program


def comm(pid: int) -> str:
    """What a process is called."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_what_saferun_started_is_clean(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Five empty sets, behind the gate, filtered."""
    status, told = audit(start("-u", "3267", gated=True))
    assert (status, told["verdict"], told["findings"], told["unverified"]) == (0, "pass", [], [])
    assert told["gated"]
    assert told["user"] == {"asked": "3267", "uid": 3267, "root": False}
    (process,) = told["processes"]
    assert (process["role"], process["command"], process["seccomp"]) == ("first", "sleep", "filter")
    assert process["uids"] == [3267] * 4
    assert process["CapBnd"] == "0" * 16
    assert process["user_namespace"] is False


def test_what_was_started_behind_saferuns_back(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """docker run -u: not gated, and everything within reach of a setuid file."""
    status, told = audit(start("-u", "3267"))
    assert (status, told["verdict"]) == (1, "fail")
    assert ids(told) == {"bounding", "ungated", "law:cap-drop"}
    assert of(told, "bounding")["text"] == (
        "uid 3267 holds 14 capabilities in its bounding set: a setuid file wins them back"
    )
    assert of(told, "bounding")["processes"] == [told["processes"][0]["pid"]]
    assert told["exposure"]["bounding_set_from"] == "kernel"


def test_dropping_by_hand_leaves_only_that_nothing_was_checked(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """The kernel says the same as for saferun's."""
    _, told = audit(start("-u", "3267", "--cap-drop=ALL"))
    assert ids(told) == {"ungated"}


def test_root_is_nobodys_business_until_a_law_speaks_of_it(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    """With --policy, the same container is judged by another law."""
    name = start()
    assert audit(name)[0] == 0
    law = tmp_path / "law.toml"
    law.write_text('schema = 1\n[root.require]\ncap-drop = ["ALL"]\n[limits]\npid = ["private"]\n')
    law.chmod(0o644)
    status, told = audit(name, "--policy", str(law))
    assert status == 1
    assert ids(told) == {"capabilities", "law:cap-drop", "ungated"}
    assert of(told, "law:cap-drop")["origins"][0]["source"] == str(law)
    _, told = audit(start("--pid=host"), "--policy", str(law))
    assert "law:pid" in ids(told)
    assert "joined" not in ids(told)


def test_every_process_is_seen(
    docker: Command, start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Children, and what is exec'd, which is no child of any of them."""
    name = start("-u", "3267", gated=True, command=("sh", "-c", "sleep 301 & sleep 302; true"))
    assert docker("exec", "-d", "-u", "1000", name, *LASTING).status == 0
    until(lambda: len(audit(name)[1]["processes"]) == 4)
    status, told = audit(name)
    assert status == 0
    assert sorted(one["uids"][0] for one in told["processes"]) == [1000, 3267, 3267, 3267]
    assert [one["role"] for one in told["processes"]] == ["first", "member", "member", "member"]


def test_root_by_exec_in_a_container_whose_user_is_not(
    docker: Command, start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Powerless, but root's files are root's."""
    name = start("-u", "3267", gated=True)
    assert docker("exec", "-d", "-u", "0", name, *LASTING).status == 0
    until(lambda: len(audit(name)[1]["processes"]) == 2)
    assert ids(audit(name)[1]) == {"became-root"}


def test_a_setuid_file_at_work(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """docker run -u leaves it everything; behind the gate it is root without capabilities."""
    command = ("/bin/sets-setuid", *LASTING)
    name = start("-u", "3267", command=command)
    assert {"capabilities", "became-root"} <= ids(audit(name)[1])
    assert of(audit(name)[1], "capabilities")["severity"] == "HIGH"
    assert ids(audit(start("-u", "3267", gated=True, command=command))[1]) == {"became-root"}


def test_more_than_the_record_grants(
    docker: Command, start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """What stands in the cgroup with the host's power: no filter, no flag, every capability."""
    name = start("-u", "3267", "--security-opt=no-new-privileges", gated=True)
    assert audit(name)[0] == 0
    with planted(first_process(docker, name), *LASTING) as program:
        status, told = audit(name)
        assert status == 1
        assert ids(told) == {
            "beyond-record",
            "became-root",
            "no-new-privileges-missing",
            "seccomp-missing",
        }
        beyond = of(told, "beyond-record")
        assert (beyond["severity"], beyond["processes"]) == ("CRITICAL", [program.pid])
        assert beyond["text"].startswith("record says dropped, kernel says not: uid 0 holds ")
        seen = next(one for one in told["processes"] if one["pid"] == program.pid)
        assert (seen["seccomp"], seen["no_new_privileges"]) == ("none", False)


def test_no_filter_where_none_was_asked_for(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """It raises the score, and contradicts nothing."""
    words = ("-u", "3267", "--cap-drop=ALL")
    _, told = audit(start(*words, "--security-opt=seccomp=unconfined"))
    assert told["processes"][0]["seccomp"] == "none"
    assert "seccomp-missing" not in ids(told)
    assert told["exposure"]["score"] > audit(start(*words))[1]["exposure"]["score"]


def test_a_user_namespace_of_its_own(
    docker: Command, start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Its capabilities are not the container's: neither the findings' nor the score's."""
    name = start("--security-opt=seccomp=unconfined")
    before = audit(name)[1]["exposure"]["score"]
    with planted(first_process(docker, name), "unshare", "--user", "--map-root-user", *LASTING):
        _, told = audit(name)
        assert ids(told) == {"user-namespace"}
        assert [one["user_namespace"] for one in told["processes"]] == [False, True]
        assert told["exposure"]["score"] == before


def test_who_joined_from_the_host(
    docker: Command, start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """nsenter leaves no record at the engine, but it is in the namespaces."""
    name, other = start("-u", "3267", gated=True), start("-u", "3267", gated=True)
    pid = first_process(docker, name)
    environment = {"PATH": os.environ["PATH"]}
    with running(["nsenter", f"--target={pid}", "--mount", *LASTING], environment) as guest:
        until(lambda: comm(guest.pid) == "sleep")
        status, told = audit(name)
        assert (status, ids(told)) == (1, {"joined"})
        joined = of(told, "joined")
        assert joined["processes"] == [guest.pid]
        assert joined["text"].startswith("joined from the host: sleep (uid 0)")
        assert audit(other)[0] == 0
    assert audit(name)[0] == 0


def test_the_runtimes_own_process_is_not_judged(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Nor is anybody believed who calls himself so: unverified, and exit status 2."""
    script = "printf 'runc:[2:INIT]' >/proc/$$/comm; while sleep 1; do :; done"
    name = start(command=("sh", "-c", script))
    until(lambda: audit(name)[1]["unverified"])
    status, told = audit(name)
    assert (status, told["verdict"], told["findings"]) == (2, "unverified", [])
    assert "calls itself so (runc:[2:INIT])" in told["unverified"][0]


@pytest.mark.parametrize("threshold", ["0", "9.9"])
def test_a_score_above_a_threshold_is_a_finding(
    start: Start, audit: Callable[..., tuple[int, dict[str, Any]]], threshold: str
) -> None:
    """And one below it is not."""
    name = start("-u", "3267", gated=True)
    status, told = audit(name, "--fail-above", threshold)
    assert status == (1 if threshold == "0" else 0)
    assert ids(told) == ({"exposure"} if threshold == "0" else set())


def elsewhere(environment: Mapping[str, str], *prefix: str, name: str) -> tuple[int, Any]:
    """Audit a container from a place where not every process can be seen."""
    done = subprocess.run(
        [*prefix, *CTL, "audit", "--json", name],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["containers"][0]


def test_an_engine_whose_processes_are_not_here(
    start: Start, environment: Mapping[str, str]
) -> None:
    """As with one on another machine or in a virtual one: the record is judged, nothing guessed."""
    prefix = ("unshare", "--pid", "--fork", "--mount-proc")
    status, told = elsewhere(environment, *prefix, name=start("-u", "3267", gated=True))
    assert (status, told["verdict"], told["findings"]) == (2, "unverified", [])
    assert told["processes"] == []
    assert told["exposure"]["bounding_set_from"] == "record"
    # What the record itself shows is a finding all the same, and wins.
    status, told = elsewhere(environment, *prefix, name=start("-u", "3267"))
    assert (status, told["verdict"]) == (1, "fail")
    assert ids(told) == {"law:cap-drop", "ungated"}
    assert told["unverified"]


def test_a_proc_that_hides_processes(start: Start, environment: Mapping[str, str]) -> None:
    """Whoever may not see them all does not say that there are no others."""
    prefix = (
        *("unshare", "--mount", "sh", "-c"),
        'mount -t proc -o hidepid=2 proc /proc && exec "$@"',
        "sh",
    )
    name = start("-u", "3267", gated=True)
    assert elsewhere(environment, *prefix, name=name)[0] == 0
    blind = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    status, told = elsewhere(environment, *prefix, *blind, name=name)
    assert (status, told["verdict"]) == (2, "unverified")
    assert any("hidepid" in reason for reason in told["unverified"])


def test_containers_are_named_as_docker_names_them(
    docker: Command, start: Start, saferunctl: Command
) -> None:
    """By name, by id, by its beginning; what does not run is an error."""
    name, other = start("-u", "3267", gated=True), start("-u", "3267", gated=True)
    identity = docker("inspect", "--format", "{{.Id}}", name).stdout.strip()
    for word in (name, identity, identity[:12]):
        assert the_one(saferunctl("audit", "--json", word))["name"] == name
    told = json.loads(saferunctl("audit", "--json", name, other).stdout)
    assert {one["name"] for one in told["containers"]} == {name, other}
    ended = saferunctl("audit", "no-such-container")
    assert (ended.status, ended.stdout) == (2, "")
    assert "no running container is called 'no-such-container'" in ended.stderr


def test_what_people_read(start: Start, saferunctl: Command) -> None:
    """A table of containers, of findings, what to do, and what would lower the score."""
    name = start("-u", "3267")
    ended = saferunctl("audit", name)
    lines = ended.stdout.splitlines()
    assert (ended.status, ended.stderr) == (1, "")
    assert lines[0].split() == [
        *("CONTAINER", "IMAGE", "USER", "PROCESSES", "BOUNDING", "SET", "SCORE", "BAND", "VERDICT")
    ]
    assert lines[1].startswith(name)
    assert lines[1].endswith("fail")
    assert any(
        "uid 3267 holds 14 capabilities in its bounding set" in line and "MODERATE" in line
        for line in lines
    )
    assert "bounding: start it with saferun, or with --cap-drop=ALL" in lines
    assert any("no-new-privileges is not set (-" in line for line in lines)


def test_what_is_found_is_logged(start: Start, saferunctl: Command, tmp_path: Path) -> None:
    """One line of JSON a finding, appended, for its owner only."""
    log = tmp_path / "log"
    name = start("-u", "3267", "--cap-drop=ALL")
    for _ in range(2):
        assert saferunctl("audit", "--log", str(log), name).status == 1
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["finding"]["id"] for one in entries] == ["ungated", "ungated"]
    assert {one["container"]["name"] for one in entries} == {name}
    assert log.stat().st_mode & 0o777 == 0o600
    ended = saferunctl("audit", "--log", str(tmp_path / "no" / "log"), name)
    assert (ended.status, ended.stdout) == (2, "")
    assert "cannot write the log" in ended.stderr


@contextmanager
def watching(
    environment: Mapping[str, str], log: Path, *words: str
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[str, str], bool]]]:
    """Watch; and a function that tells whether a finding of a container has been logged."""

    def logged(name: str, identity: str) -> bool:
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        return any(
            (one["container"]["name"], one["finding"]["id"]) == (name, identity) for one in entries
        )

    log.touch()
    argv = [*CTL, "audit", "--watch", "--log", str(log), *words]
    with running(argv, {**environment, "PYTHONPATH": str(ROOT)}) as process:
        yield process, logged


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_sees_what_starts_and_ends_cleanly(
    start: Start, environment: Mapping[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Without a word on stderr, with the status of what was seen last."""
    start("-u", "3267", gated=True)
    with watching(environment, tmp_path / "log", "--json") as (process, logged):
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["schema"] == 1
        name = start("-u", "3267", "--cap-drop=ALL")
        until(lambda: logged(name, "ungated"))
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, b"")
    assert any(
        one["name"] == name for line in out.splitlines() for one in json.loads(line)["containers"]
    )


def test_a_watch_outlives_the_engine(
    engine: str, start: Start, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """It says that nobody answers, asks again, and goes on."""
    path = tmp_path / "socket"
    there = {**environment, "DOCKER_HOST": f"unix://{path}"}
    with Forwarder(engine, path):
        name = start("-u", "3267", "--cap-drop=ALL")
        watch = watching(there, tmp_path / "log")
        process, logged = watch.__enter__()
        until(lambda: logged(name, "ungated"))
    try:
        path.unlink(missing_ok=True)
        with Forwarder(engine, path):
            other = start("-u", "3267", "--cap-drop=ALL")
            until(lambda: logged(other, "ungated"))
            process.terminate()
            out, err = process.communicate(timeout=30)
    finally:
        watch.__exit__(None, None, None)
    assert (process.returncode, err) == (1, b"")
    assert b"asking again" in out


def test_a_watch_sees_a_privileged_exec(
    docker: Command, start: Start, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """By the engine's word, also when it has ended at once, or the engine could not start it."""
    name = start("-u", "3267", gated=True)
    with watching(environment, tmp_path / "log", "--every", "60", name) as (process, logged):
        assert process.stdout is not None
        process.stdout.readline()
        docker("exec", name, "true")
        docker("exec", "--privileged", name, "true")
        until(lambda: logged(name, "exec-privileged"))
        process.terminate()
        process.communicate(timeout=30)
    entries = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {one["finding"]["id"] for one in entries} == {"exec-privileged"}
