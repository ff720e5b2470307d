"""`saferunctl doctor`: a sane engine passes, a dishonest one is found out, and nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saferun import delivery
from saferun.formats.docker_run.gate_command import LABEL
from saferun.judge.diagnosis import CHECKS
from tests.kernel.conftest import command, present
from tests.kernel.liar import Liar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]
    #: How a check came out, by its id; several lines of one id are joined.
    Outcomes = dict[str, str]

ROOT = Path(__file__).parents[2]
WORDS = (sys.executable, "-c", "from saferun.ctl import main; main()", "doctor")
#: What everything that doctor starts is marked with.
MARKED = ("ps", "--all", "--quiet", "--filter", "label=saferun.scratch")


@pytest.fixture
def doctor(environment: Mapping[str, str], docker: Command) -> Iterator[Command]:
    """The program; whatever it does, the engine is afterwards as it was."""
    before = kept(docker)
    yield command(list(WORDS), {**environment, "PYTHONPATH": str(ROOT)})
    assert kept(docker) == before


@pytest.fixture
def volume(docker: Command) -> Iterator[str]:
    """The name of the gate's volume, which is not there."""
    name = delivery.gate().volume
    docker("volume", "rm", "--force", name)
    yield name
    docker("volume", "rm", "--force", name)


def kept(docker: Command) -> set[tuple[str, str]]:
    """Return all that the engine keeps, but for the gate's volume, which comes and goes here."""
    everything = {(kind, one) for kind, all_ in present(docker).items() for one in all_}
    return everything - {("volume", delivery.gate().volume)}


def diagnosis(doctor: Command, *words: str, **variables: str) -> tuple[int, Outcomes]:
    """Return the exit status and all outcomes, with every id told, and all advice where needed."""
    ended = doctor("--json", *words, env=variables)
    assert ended.stderr == ""
    told: dict[str, Any] = json.loads(ended.stdout)
    assert (told["schema"], told["status"]) == (1, ended.status)
    lines = told["checks"]
    assert {line["id"] for line in lines} == set(CHECKS)
    assert all(line["seen"] for line in lines)
    assert all(line["advice"] for line in lines if line["outcome"] == "fail")
    return ended.status, {line["id"]: line["outcome"] for line in lines}


def those(outcomes: Outcomes, outcome: str) -> set[str]:
    """Return the ids of the checks that came out like this."""
    return {check for check, came in outcomes.items() if came == outcome}


#: What cannot be told through a proxy: its socket's other end is no engine.
PROXIED = {"outside.local"}


def test_a_sane_engine_passes_in_seconds_and_nothing_is_left(
    doctor: Command, docker: Command, volume: str
) -> None:
    """With and without the gate's volume."""
    begun = time.monotonic()
    status, outcomes = diagnosis(doctor)
    took = time.monotonic() - begun
    assert (status, set(outcomes.values())) == (0, {"pass"}), outcomes
    assert took < 30
    assert docker("volume", "inspect", volume).status != 0
    label = f"{LABEL}={delivery.gate().digest}"
    assert docker("volume", "create", "--label", label, volume).status == 0
    try:
        status, outcomes = diagnosis(doctor)
        # It is ours but empty, and doctor does not fill it.
        assert (status, those(outcomes, "fail")) == (1, {"gate.content", "gate.runs"})
    finally:
        docker("volume", "rm", volume)


def no_drop(path: str, asked: dict[str, Any]) -> str:
    """Drop the drop."""
    if "HostConfig" in asked:
        asked["HostConfig"]["CapDrop"] = []
    return path


def test_an_engine_that_forgets_the_drop_is_found_out(
    doctor: Command, engine: str, tmp_path: Path
) -> None:
    """By the kernel, at the start, in exec, after a restart, and by its own record."""
    with Liar(engine, tmp_path / "s", no_drop) as liar:
        status, outcomes = diagnosis(doctor, DOCKER_HOST=liar.host)
    wrong = {"drop", "add", "exec", "restart", "record", "no-new-privileges"}
    assert status == 1
    assert those(outcomes, "fail") == {*(f"canary.{name}" for name in wrong), "gate.runs"}
    assert those(outcomes, "cannot tell") == PROXIED


def one_drop(path: str, asked: dict[str, Any]) -> str:
    """Drop one capability where all are meant."""
    if asked.get("HostConfig", {}).get("CapDrop"):
        asked["HostConfig"]["CapDrop"] = ["CAP_MKNOD"]
    return path


def test_an_engine_whose_record_lies_is_found_out(
    doctor: Command, engine: str, tmp_path: Path
) -> None:
    """It writes down what was asked for and does something else: only the kernel tells."""
    said = ((b'"CapDrop":["CAP_MKNOD"]', b'"CapDrop":["ALL"      ]'),)
    with Liar(engine, tmp_path / "s", one_drop, said) as liar:
        status, outcomes = diagnosis(doctor, DOCKER_HOST=liar.host)
    assert (status, outcomes["canary.record"]) == (1, "pass")
    assert {"canary.drop", "canary.exec", "canary.restart"} < those(outcomes, "fail")


def much_else(path: str, asked: dict[str, Any]) -> str:
    """Leave the drop, and undo what else is asked for."""
    if "HostConfig" in asked:
        asked["HostConfig"]["SecurityOpt"] = []
        if asked["HostConfig"].get("CapAdd"):
            asked["HostConfig"]["CapAdd"] = ["NET_BIND_SERVICE", "NET_RAW"]
    elif "Cmd" in asked:
        asked["Privileged"] = True
    return path.replace("/restart?t=0", "/wait")


def test_what_is_undone_besides_the_drop_is_found_out(
    doctor: Command, engine: str, tmp_path: Path
) -> None:
    """no-new-privileges taken away, more added than was asked for, exec privileged, no restart."""
    with Liar(engine, tmp_path / "s", much_else) as liar:
        status, outcomes = diagnosis(doctor, DOCKER_HOST=liar.host)
    wrong = {"no-new-privileges", "add", "record"}
    assert status == 1
    # Where runc itself lacks a capability it cannot give all of them, and executes nothing.
    assert outcomes.pop("canary.exec") in ("fail", "cannot tell")
    assert those(outcomes, "fail") == {f"canary.{name}" for name in wrong}
    assert those(outcomes, "cannot tell") == {*PROXIED, "canary.restart"}


def all_dropped(path: str, asked: dict[str, Any]) -> str:
    """Drop everything always, so that there is nothing for a gate to see."""
    if "HostConfig" in asked:
        asked["HostConfig"]["CapDrop"] = ["ALL"]
    return path


def test_where_the_control_shows_nothing_no_canary_proves_anything(
    doctor: Command, engine: str, tmp_path: Path
) -> None:
    """A check that cannot fail does not pass."""
    with Liar(engine, tmp_path / "s", all_dropped) as liar:
        status, outcomes = diagnosis(doctor, DOCKER_HOST=liar.host)
    assert status == 1
    assert outcomes["canary.control"] == "fail"
    blind = {f"canary.{name}" for name in ("drop", "add", "exec", "restart", "inheritable")}
    assert blind < those(outcomes, "cannot tell")


def test_garbage_in_place_of_an_id_is_an_answer_and_what_is_left_is_named(
    doctor: Command, docker: Command, engine: str, tmp_path: Path
) -> None:
    """The engine made a container and did not say which: it is found by its label."""
    said = ((b'{"Id":"', b'{"Ix":"'),)
    with Liar(engine, tmp_path / "s", lambda path, _asked: path, said) as liar:
        ended = doctor(env={"DOCKER_HOST": liar.host})
    try:
        assert ended.status == 1
        assert "makes no sense: it has no Id" in ended.stdout
        assert "Traceback" not in ended.stderr
    finally:
        left = docker(*MARKED).stdout.split()
        docker("rm", "--force", "--volumes", *left)
    assert left


def test_a_volume_that_is_not_ours_fails(doctor: Command, docker: Command, volume: str) -> None:
    """Somebody else made it, and the canaries do without it."""
    assert docker("volume", "create", volume).status == 0
    try:
        status, outcomes = diagnosis(doctor)
    finally:
        docker("volume", "rm", volume)
    assert (status, those(outcomes, "fail")) == (1, {"gate.volume"})
    assert (outcomes["gate.content"], outcomes["canary.drop"]) == ("cannot tell", "pass")


@pytest.mark.parametrize("wait", [0.0, 1.0])
def test_ctrl_c_leaves_nothing(
    environment: Mapping[str, str], docker: Command, wait: float
) -> None:
    """Neither a container nor an image, whatever it was doing."""
    before = kept(docker)
    running = subprocess.Popen(
        WORDS,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while running.poll() is None and not docker(*MARKED).stdout:
        time.sleep(0.02)
    time.sleep(wait)
    running.send_signal(signal.SIGINT)
    told, complaint = running.communicate(timeout=60)
    # A fast engine may have done everything by then.
    if running.returncode != 0:
        assert (running.returncode, told) == (130, "")
        assert complaint == "saferunctl: interrupted\n"
    assert kept(docker) == before
