"""The law as data: statements, layers, where each came from, and how layers meet."""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias, Union

    Verb: TypeAlias = Literal["defaults", "limits", "require"]
    Whom: TypeAlias = Literal["any", "root", "nonroot"]
    Value: TypeAlias = Union[bool, int, str, tuple[str, ...]]


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


class Layer(Record):
    """One level of trust, however many files it has: built-in, system, user or explicit."""

    name: str
    statements: tuple[Statement, ...]
