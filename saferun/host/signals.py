"""Signals while saferun has something on the engine that it must not leave behind.

Imported only then: `signal` is not for the timed path.
"""

from __future__ import annotations

import signal

from saferun.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from typing_extensions import Self

#: What a terminal, a supervisor or a closing session sends to make a program end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: How many signals are only noted.
PATIENCE = 2


def name_of(number: int) -> str:
    """Return a signal's name, such as `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Deferred:
    """Within `with Deferred() as signals:` an ending signal is only noted in `signals.number`.

    People press Ctrl-C twice, but who does it a third time means it: that raises Interrupted,
    whatever is left behind.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self.number: int | None = None
        self._count = 0

    def __enter__(self) -> Self:
        """Catch the ending signals, but leave ignored ones ignored (nohup)."""
        self._before = {
            number: signal.signal(number, self._note)
            for number in ENDING
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def deliver(self) -> None:
        """Raise Interrupted if a signal was noted."""
        if self.number is not None:
            raise Interrupted(self.number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > PATIENCE:
            raise Interrupted(number)
        self.number = self.number or number


class Raised(Deferred):
    """Within `with Raised():` an ending signal raises Interrupted, so that `finally` cleans up."""

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        # One is enough: the clean-up that follows must not be cut short by an impatient second.
        for each in self._before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)
