"""When a container is held at the door, and how it is let go: never in a way that harms it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from saferun import holding, processes
from saferun.evidence import DOOR, INVISIBLE, Holding, Sighting
from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.gate_command import AT_THE_DOOR, RELEASE
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.host import docker_cli, kernel
from saferun.judge.decision import Decision, Masks
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import Verdict
from saferun.judged import Judged, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

DOOR_SEEN = Sighting(Verdict("confirmed"), stage=DOOR, holding=Holding(7, 1))
UNSEEN = Sighting(Verdict("unverified", ("why",)), stage=INVISIBLE)
#: The engine's way, as words for docker.
ENGINE = ["kill", f"--signal={RELEASE}", "c"]


class Endpoint:
    """Where the engine is."""

    socket: str | None = "/run/docker.sock"


class Engine:
    """An engine that nobody asks."""

    endpoint = Endpoint()


class World:
    """As much of the world as is looked at."""

    engine = Engine()
    docker = "docker"
    environ: ClassVar[dict[str, str]] = {}


def judged(
    restart: str = "no", options: tuple[tuple[str, str], ...] = (), pid: str = "private"
) -> Judged:
    """A run that was allowed."""
    return Judged(
        RunCommand(options, (), "i", ()),
        Facts(ImageFacts("", "", "")),
        ContainerSpec(restart=(restart, 0), pid=(pid,)),
        Decision((), (), Masks(0, 0)),
        (),
    )


def prepared(seconds: float = 20) -> Prepared:
    """A run whose gate holds for so long."""
    return Prepared((), ContainerSpec(), ("gate",), int(time.time() + seconds))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was sent, and by which way: pids, and words for docker."""
    seen: list[object] = []

    def send(pid: int, number: int, _is_the_one: Callable[[], bool]) -> None:
        assert number == RELEASE
        seen.append(pid)

    def quietly(_docker: str, words: list[str], _environ: object) -> int:
        seen.append(words)
        return 0

    monkeypatch.setattr(kernel, "send", send)
    monkeypatch.setattr(docker_cli, "quietly", quietly)
    return seen


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody who may not signal the process."""

    def send(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(kernel, "send", send)


def let_go(sighting: Sighting, run: Judged, seconds: float = 20) -> None:
    """Let a container go."""
    holding.let_go("c", sighting, run, prepared(seconds), World())  # type: ignore[arg-type]


@pytest.mark.parametrize("restart", ["no", "always"])
def test_a_gate_that_was_seen_is_signalled_directly(sent: list[object], restart: str) -> None:
    """Which no engine notices, so that what restarts still does."""
    let_go(DOOR_SEEN, judged(restart))
    assert sent == [7]


@pytest.mark.parametrize(
    ("command", "started", "blocked", "still"),
    [
        (b"gate-amd64", 1, AT_THE_DOOR, True),
        (b"gate-amd64", 2, AT_THE_DOOR, False),
        (b"gate-amd64", 1, 0, False),
        (b"sh", 1, AT_THE_DOOR, False),
    ],
    ids=["the gate", "another that has its pid", "no more at the door", "the command"],
)
def test_only_the_gate_that_was_seen_and_still_holds_is_signalled(
    monkeypatch: pytest.MonkeyPatch, command: bytes, started: int, blocked: int, *, still: bool
) -> None:
    """A pid may be somebody else's by now, and the command would be killed by the signal."""
    asked: list[bool] = []
    status = f"Name:\tgate-amd64\nSigBlk:\t{1 << (blocked - 1) if blocked else 0:016x}\n".encode()
    reading = processes.Reading(7, processes.READ, command=command, started=started, status=status)
    monkeypatch.setattr(processes, "look", lambda _pid, _ours: reading)
    monkeypatch.setattr(kernel, "send", lambda _pid, _number, ours: asked.append(ours()))
    let_go(DOOR_SEEN, judged())
    assert asked == [still]


@pytest.mark.parametrize(("restart", "words"), [("no", [ENGINE]), ("always", [])])
def test_where_that_is_forbidden_the_engine_does_it_unless_it_would_restart_no_more(
    monkeypatch: pytest.MonkeyPatch, sent: list[object], restart: str, words: list[object]
) -> None:
    """Then the deadline does."""
    forbid(monkeypatch)
    let_go(DOOR_SEEN, judged(restart))
    assert sent == words


@pytest.mark.parametrize("seconds", [0, 0.5, -5])
def test_near_the_deadline_nothing_is_sent(sent: list[object], seconds: float) -> None:
    """It could reach the command."""
    let_go(DOOR_SEEN, judged(), seconds)
    let_go(UNSEEN, judged(), seconds)
    assert sent == []


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (judged(), [ENGINE]),
        (judged("always"), []),
        (judged(options=(("init", "true"),)), []),
        (judged(pid="host"), []),
    ],
    ids=["alone", "restarts", "init", "host's pids"],
)
def test_a_gate_that_cannot_be_seen_is_signalled_only_where_a_command_would_ignore_it(
    sent: list[object], run: Judged, words: list[object]
) -> None:
    """As PID 1; any other process would be killed by it."""
    let_go(UNSEEN, run)
    assert sent == words


def test_what_was_never_held_is_not_signalled(sent: list[object]) -> None:
    """Nor what has ended."""
    holding.let_go("c", DOOR_SEEN, judged(), Prepared((), ContainerSpec(), ()), World())  # type: ignore[arg-type]
    let_go(Sighting(Verdict("unverified", ("it ended",))), judged())
    assert sent == []


def test_who_could_not_let_it_go_does_not_have_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason; root can always, and engines elsewhere have other clocks."""

    def obstacle(restart: str, uid: int, socket: str | None = "/s") -> str:
        monkeypatch.setattr("os.geteuid", lambda: uid)
        monkeypatch.setattr(Endpoint, "socket", socket)
        run = judged(restart)
        found = holding.obstacle(run, World())  # type: ignore[arg-type]
        deadline = holding.deadline(run, World())  # type: ignore[arg-type]
        assert bool(deadline) is not bool(found)
        if deadline:
            assert 0 < deadline - time.time() <= holding.SECONDS
        return found

    assert obstacle("no", 0) == obstacle("no", 1000) == obstacle("always", 0) == ""
    assert "only root" in obstacle("always", 1000)
    assert "local socket" in obstacle("no", 0, None)
