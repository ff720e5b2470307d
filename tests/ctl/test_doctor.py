"""`saferunctl doctor` without an engine: the CLI, the policies, its words and its document."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saferun import ctl, doctor
from saferun.ctl import doctor as command
from saferun.doctor import client, gates, laws
from saferun.errors import PolicyError
from saferun.formats.docker_run.gate_command import Gate
from saferun.host import gate_volume, policy_files
from saferun.host.endpoint import Endpoint
from saferun.judge.diagnosis import CHECKS, Line, failed, passed, unclear
from tests.host.fake_engine import FakeEngine, always, http

if TYPE_CHECKING:
    from saferun.doctor import Diagnosis

ROOT = Path(__file__).parents[2]
DOCKER = """\
#!/bin/sh
case $1 in
--version) echo "Docker version 28.2.2, build e6534b4" ;;
run) echo "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]" ;;
esac
"""
GATE = Gate("d" * 64, ("amd64",))


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A directory for programs, which is all that is on PATH."""
    made = tmp_path / "bin"
    made.mkdir()
    return made


def program(path: Path, text: str) -> str:
    """Write a program; return its path."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def outcomes(lines: list[Line]) -> dict[str, str]:
    """Return how each check came out."""
    return {line.id: line.outcome for line in lines}


def test_a_docker_cli_is_found_and_asked(bin_: Path) -> None:
    """As saferun finds it."""
    docker, lines = client.check({"PATH": str(bin_)}, "/saferun")
    assert (docker, outcomes(lines)) == ("docker", {"cli.found": "fail"})
    path = program(bin_ / "docker", DOCKER)
    docker, lines = client.check({"PATH": str(bin_)}, "/saferun")
    assert docker == path
    assert outcomes(lines) == {"cli.found": "pass", "cli.version": "pass", "cli.loop": "pass"}


def test_a_docker_that_calls_saferun_is_a_loop(bin_: Path) -> None:
    """As a wrapper does that sends `run` there, and all else to docker."""
    saferun = program(bin_ / "saferun", '#!/bin/sh\necho "Usage:  saferun [OPTIONS] IMAGE"\n')
    wrapper = f'#!/bin/sh\n[ "$1" != run ] || exec {saferun} "$@"\n{DOCKER[10:]}'
    program(bin_ / "docker", wrapper)
    _, lines = client.check({"PATH": str(bin_)}, saferun)
    assert outcomes(lines) == {"cli.found": "pass", "cli.version": "pass", "cli.loop": "fail"}
    (bin_ / "docker").unlink()
    (bin_ / "docker").symlink_to(saferun)
    _, lines = client.check({"PATH": str(bin_), "SAFERUN_DOCKER": f"{bin_}/docker"}, saferun)
    assert outcomes(lines) == {"cli.found": "fail"}
    assert "is saferun itself" in lines[0].seen


def test_a_docker_that_cannot_be_executed_is_none(bin_: Path) -> None:
    """It is there, and no program."""
    program(bin_ / "docker", "#!/nowhere\n")
    _, lines = client.check({"PATH": str(bin_)}, "/saferun")
    assert outcomes(lines) == {"cli.found": "fail"}


def test_no_policies_are_no_fault(tmp_path: Path) -> None:
    """But it is said that there is no ceiling."""
    lines = laws.judge(*policy_files.read_layers((), {}, root=str(tmp_path)))
    assert {line.outcome for line in lines} == {"pass"}
    assert "no ceiling" in next(line.seen for line in lines if line.id == "policy.system")


def test_policies_of_every_kind_are_named(tmp_path: Path) -> None:
    """With who may write them."""
    tmp_path.chmod(0o755)
    system = tmp_path / "etc/saferun/policy.toml"
    named = tmp_path / "law.toml"
    system.parent.mkdir(parents=True)
    for file in (system, named):
        file.write_text("schema = 1\n")
        file.chmod(0o644)
    read = policy_files.read_layers([str(named)], {}, root=str(tmp_path), owner=os.getuid())
    told = {line.id: line for line in laws.judge(*read)}
    assert {line.outcome for line in told.values()} == {"pass"}
    assert str(system) in told["policy.system"].seen
    assert told["policy.files"].seen == f"{system} (system), {named} (explicit)"
    assert "root alone" in told["policy.trust"].seen
    system.parent.chmod(0o777)
    read = policy_files.read_layers([str(named)], {}, root=str(tmp_path), owner=os.getuid())
    lines = laws.judge(*read)
    assert outcomes(lines) == {
        "policy.files": "cannot tell",
        "policy.system": "cannot tell",
        "policy.trust": "fail",
        "policy.valid": "cannot tell",
    }
    (trust,) = (line for line in lines if line.id == "policy.trust")
    assert trust.advice == f"if what it says is right: chmod go-w {system.parent}"


def test_every_mistake_in_policies_has_a_line() -> None:
    """And every file that cannot be trusted."""
    lines = laws.judge([("explicit", "/p", b"a = 1\nb = 2\n")], [])
    assert [line.outcome for line in lines if line.id == "policy.valid"] == ["fail", "fail"]
    lines = laws.judge([], [PolicyError("one", "do this"), PolicyError("two")])
    assert [line.seen for line in lines if line.outcome == "fail"] == ["one", "two"]


def test_the_gates_in_the_volume_are_compared() -> None:
    """One that is missing, or another, is not ours."""
    ours: dict[str, bytes | None] = dict(gate_volume.gates())
    first = next(iter(ours))
    assert gates.content(GATE, ours, is_there=True).outcome == "pass"
    for wrong in ({}, {**ours, first: b"x"}, {**ours, first: None}):
        line = gates.content(GATE, wrong, is_there=True)
        assert (line.outcome, GATE.volume in line.advice) == ("fail", True)
    assert gates.content(GATE, None, is_there=True).outcome == "cannot tell"
    assert gates.content(GATE, None, is_there=False).outcome == "pass"


def test_what_is_left_behind_is_named() -> None:
    """And not knowing is not the same as nothing."""
    assert gates.removed(()).outcome == "pass"
    assert gates.removed(None).outcome == "cannot tell"
    left = gates.removed(("c0de",))
    assert (left.outcome, "c0de" in left.seen) == ("fail", True)


def test_who_may_open_a_socket_is_read_from_it_and_from_what_is_above(tmp_path: Path) -> None:
    """A directory that others may not enter keeps them out."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    socket = tmp_path / "s"
    socket.touch()
    socket.chmod(0o666)

    def mode(path: object) -> int | None:
        return Endpoint("docker", {"DOCKER_HOST": f"unix://{path}"}, json.loads).mode()

    outer = all(parent.stat().st_mode & 1 for parent in tmp_path.parents)
    assert mode(socket) == (0o666 if outer else 0o660)
    tmp_path.chmod(0o750)
    assert mode(socket) == 0o660
    assert mode(tmp_path / "none") is None
    assert Endpoint("docker", {"DOCKER_HOST": "ssh://x"}, json.loads).mode() is None


def examined(host: str, bin_: Path, *named: str) -> dict[str, Line]:
    """Return the last line of each check of an engine, where all else is well."""
    program(bin_ / "docker", DOCKER)
    environ = {"PATH": str(bin_), "DOCKER_HOST": host, "HOME": str(bin_)}
    return {line.id: line for line in doctor.examine(environ, "/saferun", named).lines}


def only_the_engine_fails(told: dict[str, Line]) -> None:
    """And nothing else about it is known; the CLI and the policies are looked at all the same."""
    assert set(told) == set(CHECKS)
    assert told["engine.reachable"].advice
    for name, line in told.items():
        own = name.startswith(("cli.", "policy."))
        wanted = "fail" if name == "engine.reachable" else "pass" if own else "cannot tell"
        assert line.outcome == wanted, line


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"garbage"),
        http(200, b"garbage", "Api-Version: 1.41"),
        http(200, b"[]", "Api-Version: 1.41"),
        http(200, b'{"Components": [7]}', "Api-Version: 1.41"),
        http(500, b'{"message":"no"}', "Api-Version: 1.41"),
        http(200, b"{}", "Api-Version: new"),
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
    ],
)
def test_something_that_is_no_engine_fails(tmp_path: Path, bin_: Path, answer: bytes) -> None:
    """Whatever it says."""
    with FakeEngine(tmp_path / "s", always(answer * 3, questions=3)) as fake:
        only_the_engine_fails(examined(fake.host, bin_))


def test_an_engine_that_is_down_or_silent_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bin_: Path
) -> None:
    """Without waiting for ever."""
    told = examined(f"unix://{tmp_path}/none", bin_)
    only_the_engine_fails(told)
    assert "there is no such socket" in told["engine.reachable"].seen
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.1)
    with FakeEngine(tmp_path / "s", lambda _: ()) as fake:
        told = examined(fake.host, bin_)
    only_the_engine_fails(told)
    assert "it took longer than 0.1 seconds" in told["engine.reachable"].seen


def test_an_engine_that_says_nothing_of_itself_does_not_pass(tmp_path: Path, bin_: Path) -> None:
    """It answers as an engine does, and that is all."""
    with FakeEngine(
        tmp_path / "s", always(http(200, b"{}", "Api-Version: 1.41") * 3, questions=3)
    ) as fake:
        told = examined(fake.host, bin_)
    assert told["engine.reachable"].outcome == "pass"
    others = ("version", "platform", "runtime", "storage", "cgroup")
    assert {told[f"engine.{name}"].outcome for name in others} == {"cannot tell"}
    assert told["engine.seccomp"].outcome == told["gate.architecture"].outcome == "fail"
    assert {told[name].outcome for name in CHECKS if name.startswith("canary.")} == {"cannot tell"}


def test_a_policy_that_others_may_write_fails(tmp_path: Path, bin_: Path) -> None:
    """One that is named, with what to do; and the engine has nothing to do with it."""
    law = tmp_path / "law.toml"
    law.write_text("schema = 1\n")
    law.chmod(0o666)
    told = examined("unix:///nowhere", bin_, str(law))
    assert told["policy.trust"].outcome == "fail"
    assert f"chmod go-w {law}" in told["policy.trust"].advice
    assert told["policy.valid"].outcome == "cannot tell"
    law.chmod(0o644)
    assert examined("unix:///nowhere", bin_, str(law))["policy.trust"].outcome == "pass"


def run(monkeypatch: pytest.MonkeyPatch, found: Diagnosis, *words: str) -> int:
    """Run the command with this diagnosis; return its exit status."""
    monkeypatch.setattr(doctor, "examine", lambda *_: found)
    monkeypatch.setattr(sys, "argv", ["saferunctl", "doctor", *words])
    with pytest.raises(SystemExit) as ended:
        ctl.main()
    return int(ended.value.code or 0)


WELL, BAD, UNKNOWN = passed("cli.found", "a"), failed("cli.loop", "b", "do"), unclear("x.y", "c")


@pytest.mark.parametrize(
    ("lines", "status"),
    [((WELL,), 0), ((WELL, UNKNOWN), 2), ((WELL, UNKNOWN, BAD), 1), ((), 2)],
)
def test_the_exit_status_and_the_document(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: tuple[Line, ...],
    status: int,
) -> None:
    """0 all pass, 1 some fail, 2 none fails but something cannot be told."""
    found = doctor.Diagnosis("unix:///s", lines)
    assert run(monkeypatch, found, "--json") == status
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(told) == {"schema", "saferun", "engine", "status", "checks"}
    assert (told["schema"], told["engine"], told["status"]) == (1, "unix:///s", status)
    assert [tuple(one.values()) for one in told["checks"]] == [
        (line.id, line.outcome, line.seen, line.advice) for line in lines
    ]


def test_what_is_printed_cannot_steer_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine says what it likes."""
    evil = failed("engine.version", "\x1b[2Jseen", "\x1b[2Jadvice")
    same = failed("engine.lsm", "", "\x1b[2Jadvice")
    quiet = unclear("engine.userns", doctor.NOT_REACHED)
    assert run(monkeypatch, doctor.Diagnosis("e", (WELL, evil, same, quiet))) == 1
    assert capsys.readouterr().out.splitlines() == [
        "CHECK           RESULT  SEEN",
        "cli.found       pass    a",
        r"engine.version  fail    \x1b[2Jseen",
        "engine.lsm      fail",
        r"engine.version, engine.lsm: \x1b[2Jadvice",
        "cannot tell, because an earlier check failed: engine.userns",
        "1 pass, 2 fail, 1 cannot tell",
    ]


def test_every_check_has_a_section_in_its_document() -> None:
    """Under its id, in the same order, and no others."""
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^### (\S+)$", text, re.MULTILINE)) == CHECKS
    assert f'"schema": {command.SCHEMA},' in text
