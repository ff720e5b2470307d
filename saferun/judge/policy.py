"""The law as data: statements, layers, where each came from, and how layers meet.

Limits intersect, requirements accumulate, of defaults the last layer's wins. Layers are given in
the order of trust: built-in, system, user, explicit. What one layer says of one key is

    (what all its limits have in common, or whatever a matching [[allow]] names)
    less whatever a matching [[deny]] names

and what may be asked for is what every layer permits. So no layer can widen another, and within a
layer the order of files decides nothing. Everything here is total: a statement that no parser would
let through permits nothing.
"""

from __future__ import annotations

from saferun.judge.keys import KEYS, table_of
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal, TypeAlias

    from saferun.judge.keys import Verb, Whom
    from saferun.judge.rules import Match, Rule

    Names: TypeAlias = tuple[str, ...]
    Value: TypeAlias = bool | int | float | str | Names


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

    `verb` is what the table does: "allow" and "deny" are those of rules. `key` is docker run's long
    flag; `value` has the type that `keys.KEYS` gives for it; capability names are canonical.
    """

    verb: Verb | Literal["allow", "deny"]
    whom: Whom
    key: str
    value: Value
    origin: Origin

    @property
    def names(self) -> tuple[str, ...]:
        """The items of a list; none when the value is something else."""
        return self.value if isinstance(self.value, tuple) else ()


class Layer(Record):
    """One level of trust, however many files it has: built-in, system, user or explicit.

    `rules` are its [[allow]] and [[deny]] as written, `matches` those that are in force for this
    run, see `saferun.judge.rules`. `sources` are the path and the bytes of every file that it was
    read from, in that order.
    """

    name: str
    statements: tuple[Statement, ...] = ()
    rules: tuple[Rule, ...] = ()
    matches: tuple[Match, ...] = ()
    sources: tuple[tuple[str, bytes], ...] = ()

    #: Every key that some [[allow]] names, in force or not: then the layer speaks of it.
    widened: frozenset[str] = frozenset()

    if not TYPE_CHECKING:

        def __init__(self, *values: object, **named: object) -> None:
            """Take the fields; what is widened is known from the rules."""
            super().__init__(*values, **{**named, "widened": frozenset()})
            # Asked for every key of every law, of perhaps a thousand rules.
            self.__dict__["widened"] = frozenset(
                key for rule in self.rules if rule.effect == "allow" for key, _, _ in rule.entries
            )

    def widens(self, key: str) -> bool:
        """Tell whether some [[allow]] of the layer names a key."""
        return key in self.widened


class Bound(Record):
    """What one layer says of one key: its limits, and what its rules allow and deny."""

    base: tuple[Statement, ...]
    allow: tuple[Statement, ...] = ()
    deny: tuple[Statement, ...] = ()


class Limit(Record):
    """The most that may be asked for under one key: what every one of the bounds permits."""

    key: str
    bounds: tuple[Bound, ...]

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Where every statement that has a part in it comes from."""
        return tuple(
            one.origin for bound in self.bounds for one in (*bound.base, *bound.allow, *bound.deny)
        )

    def against(
        self, covers: Callable[[Names], bool], touches: Callable[[Names], bool] | None = None
    ) -> tuple[Origin, ...]:
        """Return which statements leave no room for something asked; none when it is permitted.

        `covers` tells whether a list permits all of it, `touches` whether a list of what is denied
        names any of it; where those are the same, one is enough.
        """
        touched = touches or covers
        return self._against(
            lambda one: covers(one.names),
            lambda one: not isinstance(one.value, tuple) or touched(one.names),
        )

    def against_switch(self) -> tuple[Origin, ...]:
        """Return which statements forbid that a switch is on; none when it is permitted."""
        return self._against(lambda one: one.value is True, lambda one: one.value is not False)

    def _against(
        self, covers: Callable[[Statement], bool], touches: Callable[[Statement], bool]
    ) -> tuple[Origin, ...]:
        against: list[Origin] = []
        for bound in self.bounds:
            denied = [one.origin for one in bound.deny if touches(one)]
            beyond = [one.origin for one in bound.base if not covers(one)]
            if denied:
                against += denied
            elif beyond and not any(map(covers, bound.allow)):
                against += beyond
        return tuple(dict.fromkeys(against))

    def most(self, measure: Callable[[Value], int | None]) -> tuple[int | None, tuple[Origin, ...]]:
        """Return the most that a number may be, and which statements say so; None for no bound.

        `measure` gives the number that a value stands for; one that stands for none counts as 0.
        Of a key with a floor it is the least.
        """
        floor = KEYS[self.key].floor if self.key in KEYS else False
        sign = -1 if floor else 1
        most: int | None = None
        origins: tuple[Origin, ...] = ()
        for bound in self.bounds:
            said = [(sign * (measure(one.value) or 0), one.origin) for one in bound.base]
            if not said:
                continue
            least = min(number for number, _ in said)
            witnesses = tuple(origin for number, origin in said if number == least)
            for one in bound.allow:
                raised = sign * (measure(one.value) or 0)
                if raised > least:
                    least, witnesses = raised, (one.origin,)
            if most is None or least < most:
                most, origins = least, witnesses
            elif least == most:  # each of them alone would say so
                origins += witnesses
        return (None if most is None else sign * most), tuple(dict.fromkeys(origins))


class Law:
    """What layers say of containers whose user is, or is not, root ("any": of all of them)."""

    def __init__(self, layers: Iterable[Layer], whom: str) -> None:
        """Take the layers in the order of trust, with only those rules that are in force."""
        self.layers = tuple(layers)
        self.whom = whom
        self._said: dict[tuple[int, str, str], list[Statement]] = {}
        for number, layer in enumerate(self.layers):
            stated = (
                *layer.statements,
                *(one for rule in layer.matches for one in rule.statements),
            )
            for one in stated:
                if one.whom in ("any", whom):
                    self._said.setdefault((number, one.verb, one.key), []).append(one)

    @property
    def keys(self) -> frozenset[str]:
        """Every key that something may depend on: a default alone permits and forbids nothing."""
        return frozenset(key for _, verb, key in self._said if verb != "defaults")

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every rule in force."""
        return tuple(match for layer in self.layers for match in layer.matches)

    def _of(self, number: int, verb: str, key: str) -> tuple[Statement, ...]:
        return tuple(self._said.get((number, verb, key), ()))

    def limit(self, key: str) -> Limit | None:
        """Return the most that may be asked for, or None when no layer has an opinion.

        A built-in limit is a default: it gives way to any file that states the same key in the same
        table. A general ceiling is not a grant to non-root users, so `[limits]` leaves the built-in
        `[nonroot.limits]` standing. An [[allow]] widens its own layer, and where that has no limit
        of its own, the built-in one stands in for it.
        """
        bounds = [
            Bound(*(self._of(number, verb, key) for verb in ("limits", "allow", "deny")))
            for number in range(len(self.layers))
        ]
        built_in = [layer.name == BUILT_IN.name for layer in self.layers]
        stated = {
            one.whom
            for bound, ours in zip(bounds, built_in, strict=True)
            for one in bound.base
            if not ours
        }
        for number, ours in enumerate(built_in):
            if ours:
                standing = tuple(one for one in bounds[number].base if one.whom not in stated)
                bounds[number] = bounds[number].replace(base=())
                home = next((at for at, one in enumerate(self.layers) if one.widens(key)), number)
                bounds[home] = bounds[home].replace(base=(*standing, *bounds[home].base))
        spoken = tuple(bound for bound in bounds if bound.base or bound.deny)
        return Limit(key, spoken) if spoken else None

    def without_exception(self, key: str) -> Law:
        """Return the law of those layers that have no [[allow]] for a key in force."""
        return Law(
            (
                layer
                for number, layer in enumerate(self.layers)
                if not self._of(number, "allow", key)
            ),
            self.whom,
        )

    def required(self, key: str) -> tuple[Statement, ...]:
        """Return every statement that requires something under a key."""
        return tuple(
            one for number in range(len(self.layers)) for one in self._of(number, "require", key)
        )

    def defaults(self) -> tuple[Statement, ...]:
        """Return one default for each key that has any, by key.

        The last layer that has one wins; within a layer the table for root or non-root beats the
        plain one. Where `conflicts` finds something the answer is arbitrary, but always the same.
        """
        chosen: dict[str, Statement] = {}
        for number in range(len(self.layers)):
            for (of, verb, key), said in self._said.items():
                if of == number and verb == "defaults":
                    chosen[key] = min(said, key=_precedence)
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


def _precedence(statement: Statement) -> tuple[bool, str, int, str, str]:
    origin = statement.origin
    value = repr(statement.value)
    return statement.whom == "any", origin.source, origin.line, origin.key, value


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
