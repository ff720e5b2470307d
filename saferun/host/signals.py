"""Signals while saferun has something on the engine that it must not leave behind.

Imported only then: `signal` is not for the timed path.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from typing_extensions import Self

#: What a terminal, a supervisor or a closing session sends to make a program end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked saferun to end; `number` is which."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(number)
        self.number = number


class Deferred:
    """Within `with Deferred() as signals:` an ending signal is only noted in `signals.number`."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self.number: int | None = None

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

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number


class Raised(Deferred):
    """Within `with Raised():` an ending signal raises Interrupted, so that `finally` cleans up."""

    def _note(self, number: int, _frame: FrameType | None) -> None:
        super()._note(number, _frame)
        # One is enough: the clean-up that follows must not be cut short by an impatient second.
        for each in self._before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)
