"""Ending signals: noted or raised, never lost, and given back afterwards."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from saferun.errors import Interrupted
from saferun.host.signals import ENDING, Deferred, Raised

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Every test leaves the handlers as they were, or fails."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    after = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before


def send(number: int, times: int = 1) -> None:
    """Send a signal to this process."""
    for _ in range(times):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ENDING)
def test_a_deferred_signal_is_noted(number: int) -> None:
    """The work goes on, and the first signal is remembered; a third is in earnest."""
    with Deferred() as signals:
        assert signals.number is None
        send(number)
        send(signal.SIGTERM)
    # mypy takes it that nothing changes in between.
    noted: object = vars(signals)["number"]
    assert noted == number
    with pytest.raises(Interrupted), Deferred():
        send(number, 3)


@pytest.mark.parametrize("number", ENDING)
def test_a_raised_signal_lets_finally_clean_up(number: int) -> None:
    """The clean-up itself is not cut short by a second and a third."""
    cleaned = []
    with pytest.raises(Interrupted) as caught, Raised():  # noqa: PT012 - what happens is the point
        try:
            send(number)
        finally:
            send(signal.SIGINT)
            send(signal.SIGTERM)
            cleaned.append(True)
    assert caught.value.number == number
    assert cleaned


def test_interrupted_is_not_swallowed_by_a_broad_except() -> None:
    """Retrying code catches Exception."""
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize("kind", [Deferred, Raised])
def test_ignored_signals_stay_ignored(kind: type[Deferred]) -> None:
    """nohup means it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with kind() as signals:
            send(signal.SIGHUP)
        assert signals.number is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("kind", [Deferred, Raised])
def test_handlers_are_given_back_after_an_error(kind: type[Deferred]) -> None:
    """Whatever happens inside."""
    with pytest.raises(KeyError), kind():
        raise KeyError


def test_deferring_within_raising() -> None:
    """A step that must not be cut in two waits, and the signal is not lost."""
    with Raised(), Deferred() as signals:
        send(signal.SIGTERM)
    assert signals.number == signal.SIGTERM
