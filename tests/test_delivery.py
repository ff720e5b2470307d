"""When a volume that holds the gate is relied on without being read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from saferun import delivery
from saferun.errors import GateError
from saferun.formats.docker_run.gate_command import LABEL, Gate
from saferun.host import gate_volume
from saferun.host.engine import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

GATE = Gate("ab" * 32, ("amd64",))
MADE = "2026-01-02T03:04:05Z"
AT_ONCE, LATER = "Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:06 GMT"


def volume(date: str, made: str = MADE) -> Answer:
    """What an engine says of our volume at that time."""
    labels = {LABEL: GATE.digest}
    shape = {"Driver": "local", "Options": None, "Labels": labels, "CreatedAt": made}
    return Answer(200, {"date": date}, json.dumps(shape).encode())


class Endpoint:
    """Where the engine is."""

    name = "unix:///s"


class Engine:
    """An engine that has the volume, whenever it is asked."""

    endpoint = Endpoint()

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def get(self, _path: str) -> tuple[Answer]:
        return (self.answer,)


class Cache:
    """What a user remembers."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def recall(self, _name: str) -> bytes | None:
        return self.kept

    def remember(self, _name: str, kept: bytes) -> None:
        self.kept = kept


class World:
    """As much of the world as is looked at."""

    def __init__(self, cache: Cache, answer: Answer) -> None:
        self.cache = cache
        self.engine = Engine(answer)


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cache, Answer], bool]:
    """Deliver; tell whether the volume was read back."""

    def deliver(cache: Cache, answer: Answer) -> bool:
        filled: list[object] = []
        monkeypatch.setattr(gate_volume, "fill", lambda *words, **_: filled.append(words))
        delivery.deliver(GATE, answer, World(cache, answer), "1.41")  # type: ignore[arg-type]
        return bool(filled)

    return deliver


def test_what_was_read_back_is_relied_on_by_its_time(
    read_back: Callable[[Cache, Answer], bool],
) -> None:
    """One that was made at another time is another one, whatever its name."""
    cache = Cache()
    assert read_back(cache, volume(LATER))
    assert not read_back(cache, volume(LATER))
    assert read_back(cache, volume(LATER, MADE.replace("05Z", "04Z")))


@pytest.mark.parametrize("date", [AT_ONCE, "", "yesterday"])
def test_within_the_second_in_which_it_was_made_nothing_is_relied_on(
    read_back: Callable[[Cache, Answer], bool], date: str
) -> None:
    """It could be replaced by one that looks the same; nor where the engine tells no time."""
    cache = Cache()
    assert read_back(cache, volume(date))
    assert read_back(cache, volume(date))


@pytest.mark.parametrize("labels", [{}, {LABEL: "cd" * 32}])
def test_a_volume_without_our_label_is_refused(
    read_back: Callable[[Cache, Answer], bool], labels: dict[str, str]
) -> None:
    """Also where its time is known."""
    cache = Cache()
    assert read_back(cache, volume(LATER))
    shape = {"Driver": "local", "Options": None, "Labels": labels, "CreatedAt": MADE}
    with pytest.raises(GateError, match="not saferun's"):
        read_back(cache, Answer(200, {"date": LATER}, json.dumps(shape).encode()))
