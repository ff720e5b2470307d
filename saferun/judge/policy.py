"""The law as data: statements, layers, where each came from, and how layers meet.

Limits intersect, requirements accumulate, of defaults the last layer's wins. Layers are given in
the order of trust: built-in, system, user, explicit. Everything here is total: a statement that no
parser would let through permits nothing.
"""

from __future__ import annotations

from saferun.judge.capabilities import NAMES
from saferun.judge.keys import kind_of, table_of
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
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


class Layer(Record):
    """One level of trust, however many files it has: built-in, system, user or explicit."""

    name: str
    statements: tuple[Statement, ...]


class Limit(Record):
    """The most that may be asked for under one key, and every statement that has a part in it.

    `value` is a switch's true or false, or the names that all statements have in common.
    """

    value: bool | tuple[str, ...]
    statements: tuple[Statement, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that may be asked for; none when this is a limit on a switch."""
        return frozenset(self.value) if isinstance(self.value, tuple) else frozenset()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Where every statement in force comes from."""
        return tuple(statement.origin for statement in self.statements)

    def witnesses(self, asked: str | None = None) -> tuple[Origin, ...]:
        """Return which statements leave no room for a name, or for a switch when none is given."""
        return tuple(
            statement.origin
            for statement in self.statements
            if (
                statement.value is not True
                if asked is None
                else not _every((asked,)) <= _every(statement.names)
            )
        )


def _built_in() -> Layer:
    rules: tuple[tuple[Verb, Whom, str, Value], ...] = (
        ("limits", "any", "verify", ("on",)),
        ("limits", "nonroot", "cap-add", ()),
        ("limits", "nonroot", "privileged", False),
        ("require", "nonroot", "cap-drop", ("ALL",)),
    )
    return Layer(
        "built-in",
        tuple(
            Statement(
                verb, whom, key, value, Origin("built-in", key=f"{table_of(verb, whom)}.{key}")
            )
            for verb, whom, key, value in rules
        ),
    )


#: What holds when no file says anything.
BUILT_IN: Layer = _built_in()


def limit(layers: Iterable[Layer], whom: str, key: str) -> Limit | None:
    """Return the most that may be asked for, or None when no layer has an opinion.

    A built-in limit is a default: it gives way to any file that states the same key in the same
    table. A general ceiling is not a grant to non-root users, so `[limits]` leaves the built-in
    `[nonroot.limits]` standing.
    """
    built_in: list[Statement] = []
    stated: list[Statement] = []
    for layer in layers:
        found = built_in if layer.name == BUILT_IN.name else stated
        found += _speaking(layer, "limits", whom, key)
    tables = {statement.whom for statement in stated}
    force = [statement for statement in built_in if statement.whom not in tables] + stated
    if not force:
        return None
    kind = kind_of("limits", "any", key)
    if kind is not None and kind.form == "switch":
        return Limit(all(statement.value is True for statement in force), tuple(force))
    common = _every(force[0].names).intersection(*(_every(one.names) for one in force))
    return Limit(tuple(sorted(common)), tuple(force))


def requirement(layers: Iterable[Layer], whom: str, key: str) -> tuple[Statement, ...]:
    """Return every statement that requires something under a key."""
    return tuple(one for layer in layers for one in _speaking(layer, "require", whom, key))


def defaults(layers: Iterable[Layer], whom: str) -> tuple[Statement, ...]:
    """Return one default for each key that has any, by key; "any" asks only the plain tables.

    The last layer that has one wins; within a layer the table for root or non-root beats the plain
    one. Where `conflicts` finds something the answer is arbitrary, but always the same.
    """
    chosen: dict[str, Statement] = {}
    for layer in layers:
        own: dict[str, Statement] = {}
        for one in sorted(_speaking(layer, "defaults", whom), key=_precedence):
            own.setdefault(one.key, one)
        chosen.update(own)
    return tuple(chosen[key] for key in sorted(chosen))


def conflicts(layer: Layer) -> tuple[tuple[Statement, Statement], ...]:
    """Return pairs of statements that give the same default different values in one layer.

    Which of two files of one layer is read first must not decide anything, so these are errors.
    """
    first: dict[tuple[str, str], Statement] = {}
    found = []
    for one in sorted(layer.statements, key=_precedence):
        if one.verb == "defaults":
            other = first.setdefault((one.whom, one.key), one)
            if other.value != one.value:
                found.append((other, one))
    return tuple(found)


def _speaking(layer: Layer, verb: str, whom: str, key: str | None = None) -> list[Statement]:
    return [
        one
        for one in layer.statements
        if one.verb == verb and one.whom in ("any", whom) and key in (None, one.key)
    ]


def _precedence(statement: Statement) -> tuple[bool, str, int, str, str]:
    origin = statement.origin
    value = repr(statement.value)
    return statement.whom == "any", origin.source, origin.line, origin.key, value


def _every(names: Iterable[str]) -> frozenset[str]:
    """Return names as a set, in which ALL stands for every capability."""
    held = frozenset(names)
    return held - {"ALL"} | frozenset(NAMES) if "ALL" in held else held
