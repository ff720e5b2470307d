"""The audit door against an engine made of answers: what it does with each of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from saferun.audit import Asked, audit
from saferun.errors import EngineError, SaferunError
from saferun.host import kernel
from saferun.world import World
from tests.host.fake_engine import END, FakeEngine, http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from saferun.judge.audit import Audited

ID, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
IMAGE = "sha256:" + "1" * 64
INFO = {
    "ServerVersion": "20.10.24",
    "KernelVersion": kernel.release(),
    "DefaultRuntime": "runc",
    "LoggingDriver": "json-file",
    "Runtimes": {"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc"}},
    "SecurityOptions": ["name=seccomp,profile=default"],
    "CgroupVersion": "2",
}
API = "Api-Version: 1.41"


def record(**more: object) -> dict[str, Any]:
    """An inspect answer, of a container whose first process is this one, says the engine."""
    return {
        "Id": ID,
        "Name": "/web",
        "Image": IMAGE,
        "State": {"Status": "running", "Pid": os.getpid()},
        "Config": {"Image": "busybox", "User": "3267", "Cmd": ["sleep"]},
        "HostConfig": {"CapDrop": ["ALL"], "NetworkMode": "default"},
        "Mounts": [],
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "ExecIDs": None,
        **more,
    }


class Answers(dict[str, Any]):
    """Answers by path; anything else is not there."""

    def speak(self, received: bytes) -> Iterator[bytes]:
        """Answer all questions of a connection once the last one has come."""
        if b"Connection: close" not in received or not received.endswith(END):
            return
        for question in received.split(END)[:-1]:
            path = question.split(b" ")[1].decode()
            if path in self:
                yield http(200, json.dumps(self[path]).encode(), API)
            else:
                yield http(404, b'{"message":"no such thing"}', API)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Answers:
    """One container, and no policy of the person's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Answers(
        {
            "/info": INFO,
            "/containers/json": [{"Id": ID, "Names": ["/web"]}],
            f"/containers/{ID}/json": record(),
            f"/images/{IMAGE}/json": {
                "Id": IMAGE,
                "Os": "linux",
                "Architecture": "amd64",
                "RepoTags": ["busybox:latest"],
                "Config": {},
            },
        }
    )


def audited(
    answers: Answers, tmp_path: Path, policies: tuple[str, ...] = (), wanted: tuple[str, ...] = ()
) -> tuple[Audited, ...]:
    """Audit what the engine tells of."""
    path = tmp_path / f"s{len(list(tmp_path.iterdir()))}"
    with FakeEngine(path, answers.speak) as fake:
        environ = {
            "DOCKER_HOST": fake.host,
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        world = World("/nowhere/docker", environ, lambda *_: None, lambda *_: None)
        return audit(world, Asked(policies, wanted)).containers


def test_a_process_that_is_not_provably_the_containers_is_not_judged(
    answers: Answers, tmp_path: Path
) -> None:
    """The engine's number names this very test: a process, but no container's."""
    (one,) = audited(answers, tmp_path)
    assert one.running is not None
    assert one.running.processes == ()
    assert [finding.id for finding in one.findings] == ["ungated"]
    assert one.unverified == (
        f"process {os.getpid()} here is not the container's",
        "the engine may be on another machine",
    )


def test_another_kernel_is_another_machine(answers: Answers, tmp_path: Path) -> None:
    """As with Docker Desktop: it says why nothing could be seen."""
    answers["/info"] = {**INFO, "KernelVersion": "5.15.0-linuxkit"}
    (one,) = audited(answers, tmp_path)
    assert (
        f"the engine's kernel is 5.15.0-linuxkit and this one is {kernel.release()}"
        in (one.unverified[1])
    )


@pytest.mark.parametrize("default", [False, True], ids=["its own", "the engine's default"])
def test_a_runtime_with_a_kernel_of_its_own(
    answers: Answers, tmp_path: Path, *, default: bool
) -> None:
    """The processes that are seen here are the runtime's, not the container's."""
    if default:
        answers["/info"] = {**INFO, "DefaultRuntime": "runsc"}
    else:
        host = {"CapDrop": ["ALL"], "Runtime": "runsc"}
        answers[f"/containers/{ID}/json"] = record(HostConfig=host)
    (one,) = audited(answers, tmp_path)
    assert one.unverified == (
        "its runtime runsc has a kernel of its own, of which /proc says nothing",
    )
    assert one.exposure is not None


def test_a_container_that_has_ended_meanwhile(answers: Answers, tmp_path: Path) -> None:
    """Between the list and the look: there is nothing to say of it."""
    del answers[f"/containers/{ID}/json"]
    assert audited(answers, tmp_path) == ()
    answers[f"/containers/{ID}/json"] = record(State={"Status": "exited", "Pid": 0})
    assert audited(answers, tmp_path) == ()


@pytest.mark.parametrize("answer", ["rubbish", {"Id": 1}])
def test_a_record_that_makes_no_sense_is_unverified(
    answers: Answers, tmp_path: Path, answer: object
) -> None:
    """It runs, and nothing is known of it."""
    answers[f"/containers/{ID}/json"] = answer
    (one,) = audited(answers, tmp_path)
    assert (one.name, one.verdict) == ("web", "unverified")
    assert "makes no sense" in one.unverified[0]


def test_an_image_that_is_gone(answers: Answers, tmp_path: Path) -> None:
    """It has no name any more that a law could allow, and its user's name cannot be looked up."""
    del answers[f"/images/{IMAGE}/json"]
    law = tmp_path / "law.toml"
    law.write_text('schema = 1\n[limits]\nimage = ["busybox"]\n')
    law.chmod(0o644)
    assert "law:image" in [
        one.id for one in audited(answers, tmp_path, policies=(str(law),))[0].findings
    ]


def test_an_image_that_was_started_by_its_id_goes_by_the_names_that_it_has(
    answers: Answers, tmp_path: Path
) -> None:
    """So saferun starts images where a law speaks of them."""
    config = {"Image": IMAGE, "User": "3267"}
    answers[f"/containers/{ID}/json"] = record(Config=config)
    law = tmp_path / "law.toml"
    for name, allowed in (("busybox", True), ("alpine", False)):
        law.write_text(f'schema = 1\n[limits]\nimage = ["{name}"]\n')
        law.chmod(0o644)
        (one,) = audited(answers, tmp_path, policies=(str(law),))
        assert ("law:image" not in [each.id for each in one.findings]) is allowed


def test_a_privileged_exec_by_the_engines_word(answers: Answers, tmp_path: Path) -> None:
    """Joined with the container that it was exec'd in."""
    answers[f"/containers/{ID}/json"] = record(ExecIDs=["e"])
    process = {"entrypoint": "sh", "arguments": [], "privileged": True}
    told = {"ID": "e", "ContainerID": ID, "Running": True, "Pid": 7, "ProcessConfig": process}
    answers["/exec/e/json"] = told
    (one,) = audited(answers, tmp_path)
    assert next(finding.id for finding in one.findings) == "exec-privileged"


@pytest.mark.parametrize(
    "other",
    [
        {"HostConfig": {"CapDrop": ["ALL"], "Privileged": True}},
        {"HostConfig": {"CapDrop": ["ALL"], "VolumesFrom": ["data"]}},
        {"Config": {"Image": "busybox", "User": "0"}},
        {"Mounts": [{"Type": "bind", "Source": "/etc", "Destination": "/e", "RW": True}]},
        {"NetworkSettings": {"Networks": {"host": {}}}},
    ],
    ids=str,
)
def test_only_what_is_the_same_is_judged_as_one(
    answers: Answers, tmp_path: Path, other: dict[str, Any]
) -> None:
    """Two replicas share a judgement; whatever was asked for otherwise has its own."""
    third = "a" * 64
    answers["/containers/json"] = [{"Id": each, "Names": []} for each in (ID, OTHER, third)]
    answers[f"/containers/{OTHER}/json"] = record(Id=OTHER, Name="/web2")
    answers[f"/containers/{third}/json"] = record(Id=third, Name="/web3", **other)
    one, same, another = audited(answers, tmp_path)
    assert one.running is not None
    assert same.running is not None
    assert another.running is not None
    assert one.running.spec is same.running.spec
    assert another.running.spec != one.running.spec


def test_a_record_that_cannot_be_judged_is_unverified(answers: Answers, tmp_path: Path) -> None:
    """Never passed over, never a pass."""
    answers[f"/containers/{ID}/json"] = record(HostConfig={"Privileged": "perhaps"})
    (one,) = audited(answers, tmp_path)
    assert one.verdict == "unverified"
    assert any("cannot be judged" in reason for reason in one.unverified)


def test_names_and_ids(answers: Answers, tmp_path: Path) -> None:
    """What is named is found; what is ambiguous is an error."""
    answers["/containers/json"] = [
        {"Id": ID, "Names": ["/web"]},
        {"Id": OTHER, "Names": ["/db"]},
        {"Id": OTHER[:-1] + "f", "Names": ["/db2"]},
    ]
    assert [one.name for one in audited(answers, tmp_path, wanted=("web", ID[:4]))] == ["web"]
    for word, why in (("x", "no running container"), (OTHER[:12], "2 running containers")):
        with pytest.raises(SaferunError, match=why):
            audited(answers, tmp_path, wanted=(word,))


@pytest.mark.parametrize("path", ["/info", "/containers/json"])
@pytest.mark.parametrize("answer", ["rubbish", None], ids=["rubbish", "nothing"])
def test_an_engine_that_makes_no_sense(
    answers: Answers, tmp_path: Path, path: str, answer: str | None
) -> None:
    """An error, with what was asked."""
    answers[path] = answer
    if answer is None:
        del answers[path]
    with pytest.raises(EngineError):
        audited(answers, tmp_path)
