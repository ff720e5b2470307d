"""The law as data: statements, layers, where each came from, and how layers meet.

Limits intersect, requirements accumulate, of defaults the last layer's wins. Layers are given in
the order of trust: built-in, system, user, explicit. Everything here is total: what no parser
would let through permits nothing.
"""

from __future__ import annotations

from saferun.judge.capabilities import NAMES
from saferun.judge.keys import kind_of
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from saferun.judge.keys import Verb, Whom

    Value: TypeAlias = bool | int | str | tuple[str, ...]


class Origin(Record):
    """Where a value came from: a file, its line (1-based; 0 when there is none) and its key."""

    source: str
    line: int = 0
    key: str = ""

    def __str__(self) -> str:
        """Read as `path:line key`."""
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place} {self.key}".rstrip()


class Statement(Record):
    """One key of one table of one policy file.

    `key` is docker run's long flag; `value` has the type that `keys.KEYS` gives for it;
    capability names are canonical.
    """

    verb: Verb
    whom: Whom
    key: str
    value: Value
    origin: Origin

    @property
    def names(self) -> tuple[str, ...]:
        """The names in a list; none when the value is something else."""
        return self.value if isinstance(self.value, tuple) else ()

    def allows(self, asked: bool | str) -> bool:  # noqa: FBT001 - it is what was asked for
        """Tell whether this limit leaves room for a name, or for a switch that is on."""
        if isinstance(asked, bool):
            return self.value is True or not asked
        # Who may have every capability may have each one, and the other way round.
        return asked in self.names or "ALL" in self.names or self._has_all(asked)

    def _has_all(self, asked: str) -> bool:
        return asked == "ALL" and set(NAMES).issubset(self.names)


class Layer(Record):
    """One level of trust, however many files it has: built-in, system, user or explicit."""

    name: str
    statements: tuple[Statement, ...]
