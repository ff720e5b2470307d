"""docker run -d where a receipt is kept: what is seen at the door, and what after it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from saferun import detached, evidence, holding
from saferun.evidence import Holding, Sighting
from saferun.formats.docker_run.command import RunCommand
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.host import docker_cli
from saferun.judge.decision import Decision, Masks
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import Verdict
from saferun.judged import Judged, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

AT_THE_DOOR = Sighting(Verdict("confirmed"), stage=evidence.DOOR, holding=Holding(7, 1))
RUNNING = Sighting(Verdict("confirmed"), stage=evidence.COMMAND)
WRONG = Sighting(Verdict("contradicted", ("it holds too much",)), stage=evidence.COMMAND)
WRONG_AT_THE_DOOR = AT_THE_DOOR.replace(verdict=WRONG.verdict)
UNSEEN = Sighting(Verdict("unverified", ("why",)))
CONTAINER = "c" * 64
REMOVED = ["rm", "--force", "--volumes", CONTAINER]


class World:
    """As much of the world as is looked at, and what was said in it."""

    docker = "docker"
    environ: ClassVar[dict[str, str]] = {}
    engine = None

    def __init__(self) -> None:
        self.said: list[str] = []
        self.printed = ""

    def say(self, *lines: str) -> None:
        self.said += lines

    def out(self, text: str) -> None:
        self.printed += text


@pytest.fixture
def started(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, World, list[object]]]:
    """Start a container that is held at the door and looks like this, one look after the other."""

    def start(*looks: Sighting) -> tuple[int, World, list[object]]:
        done: list[object] = []
        left = iter(looks)

        def quietly(_docker: str, words: list[str], _environ: object) -> int:
            done.append(words)
            return 0

        monkeypatch.setattr(docker_cli, "start_detached", lambda *_: (0, f"{CONTAINER}\n".encode()))
        monkeypatch.setattr(docker_cli, "quietly", quietly)
        monkeypatch.setattr(evidence, "observe", lambda *_: next(left))
        monkeypatch.setattr(holding, "let_go", lambda *_: done.append("let go"))
        judged = Judged(
            RunCommand((), (), "i", ()),
            Facts(ImageFacts("", "", "")),
            ContainerSpec(),
            Decision((), (), Masks(0, 0)),
            (),
        )
        prepared = Prepared((), ContainerSpec(), ("gate",), int(time.time()) + 20)
        world = World()
        status = detached.start(judged, prepared, None, world)  # type: ignore[arg-type]
        return status, world, done

    return start


@pytest.mark.parametrize("after", [RUNNING, UNSEEN])
def test_what_was_confirmed_at_the_door_is_let_go_and_named(
    started: Callable[..., tuple[int, World, list[object]]], after: Sighting
) -> None:
    """However little of the command is seen then."""
    status, world, done = started(AT_THE_DOOR, after)
    assert (status, world.printed, done) == (0, f"{CONTAINER}\n", ["let go"])


def test_what_contradicts_at_the_door_is_removed_and_not_let_go(
    started: Callable[..., tuple[int, World, list[object]]],
) -> None:
    """Its command never starts."""
    status, world, done = started(WRONG_AT_THE_DOOR)
    assert (status, world.printed, done) == (126, "", [REMOVED])
    assert "  it holds too much" in world.said


def test_what_contradicts_only_after_the_door_is_removed(
    started: Callable[..., tuple[int, World, list[object]]],
) -> None:
    """To have been confirmed before is no excuse."""
    status, world, done = started(AT_THE_DOOR, WRONG)
    assert (status, world.printed, done) == (126, "", ["let go", REMOVED])
    assert "  it holds too much" in world.said
