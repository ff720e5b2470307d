"""The law in words: what is in force and where it comes from, and how two laws differ."""

from __future__ import annotations

from saferun.formats.report import value
from saferun.judge.keys import KEYS, ROOT_OR_NOT, table_of
from saferun.judge.policy import BUILT_IN, Law
from saferun.judge.values import amounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from saferun.judge.policy import Layer, Limit, Statement, Value
    from saferun.judge.rules import Rule

#: The shape of the JSON documents; raised when a reader could be misled by a change.
SCHEMA = 1
MEASURES = {"number": amounts.number, "size": amounts.size, "decimal": amounts.processors}


def standing(layers: Iterable[Layer], whom: str) -> list[tuple[Layer, Statement]]:
    """Return every statement that may decide something for root or non-root, by key.

    Built-in limits that a file has taken the place of are not among them, nor defaults that a later
    layer has.
    """
    layers = tuple(layers)
    law = Law(layers, whom)
    last = set(law.defaults())
    found = []
    for key in KEYS:
        limit = law.limit(key)
        limits = {one for bound in limit.bounds for one in bound.base} if limit else set()
        for layer in layers:
            for one in layer.statements:
                if one.key != key or one.whom not in ("any", whom):
                    continue
                if one in limits or one in last or one.verb == "require":
                    found.append((layer, one))
    return found


def shown(layers: tuple[Layer, ...], whom: str, today: str) -> list[str]:
    """Return the law for root or non-root, a line for each statement with its origin."""
    lines = [
        f"{str(one.origin.source) + (f':{one.origin.line}' if one.origin.line else ''):<40} "
        f"{layer.name:<9} {table_of(one.verb, one.whom)}.{one.key} = {toml(one.value)}"  # type: ignore[arg-type]
        for layer, one in standing(layers, whom)
    ]
    for layer in layers:
        lines += [
            f"{f'{one.source}:{one.line}':<40} {layer.name:<9} {_rule(one, today)}"
            for one in layer.rules
        ]
    return lines


def document(layers: tuple[Layer, ...], today: str) -> dict[str, Any]:
    """Return the law as data for JSON: `statements` for each user, and `rules`."""
    return {
        "schema": SCHEMA,
        **{
            whom: [
                {
                    "layer": layer.name,
                    "table": table_of(one.verb, one.whom),  # type: ignore[arg-type]
                    "key": one.key,
                    "value": list(one.value) if isinstance(one.value, tuple) else one.value,
                    "source": one.origin.source,
                    "line": one.origin.line,
                }
                for layer, one in standing(layers, whom)
            ]
            for whom in ROOT_OR_NOT
        },
        "rules": [
            {
                "layer": layer.name,
                "effect": one.effect,
                "images": list(one.images),
                "users": list(one.users),
                "groups": list(one.groups),
                "reason": one.reason,
                "expires": one.expires or None,
                "expired": bool(one.expires) and one.expires < today,
                "says": {
                    key: list(said) if isinstance(said, tuple) else said
                    for key, said, _ in one.entries
                },
                "source": one.source,
                "line": one.line,
            }
            for layer in layers
            for one in layer.rules
        ],
    }


def warnings(layer: Layer, today: str) -> Iterator[str]:
    """Yield what is probably not meant, although it is no mistake."""
    limited = {one.key for one in (*layer.statements, *BUILT_IN.statements) if one.verb == "limits"}
    for one in layer.rules:
        place = f"{one.source}:{one.line}"
        if one.expires and one.expires < today:
            yield f"{place}: this [[{one.effect}]] expired on {one.expires}"
        for key, _, line in one.entries:
            if one.effect == "allow" and key not in limited:
                yield (
                    f"{one.source}:{line}: this [[allow]] changes nothing: "
                    f"no limit of its own layer is on {key}"
                )


def differences(ours: tuple[Layer, ...], theirs: tuple[Layer, ...]) -> list[str]:
    """Return in words what the second law allows or refuses that the first does not."""
    lines: list[str] = []
    for whom in ("root", "nonroot"):
        of_whom = [line for key in KEYS for line in _about(key, Law(ours, whom), Law(theirs, whom))]
        name = "root" if whom == "root" else "non-root"
        lines += [f"{name}: {line}" for line in of_whom]
    both = [line.partition(": ")[2] for line in lines]
    merged = [
        line if both.count(line.partition(": ")[2]) == 1 else line.partition(": ")[2]
        for line in lines
    ]
    mine = {_rule(one, "") for layer in ours for one in layer.rules}
    its = {_rule(one, "") for layer in theirs for one in layer.rules}
    return [
        *dict.fromkeys(merged),
        *(f"no longer has {one}" for one in sorted(mine - its)),
        *(f"also has {one}" for one in sorted(its - mine)),
    ]


def _about(key: str, ours: Law, theirs: Law) -> Iterator[str]:
    yield from _limit(key, ours, theirs)
    before, after = (
        {item for one in law.required(key) for item in _items(one.value)} for law in (ours, theirs)
    )
    for item in sorted(after - before):
        yield f"requires {key} = {item}"
    for item in sorted(before - after):
        yield f"no longer requires {key} = {item}"
    defaults = [{one.key: one.value for one in law.defaults()}.get(key) for law in (ours, theirs)]
    if defaults[0] != defaults[1]:
        was, becomes = (None if one is None else toml(one) for one in defaults)
        yield f"default {key}: {becomes or 'none'} instead of {was or 'none'}"


def _limit(key: str, ours: Law, theirs: Law) -> Iterator[str]:
    before, after = ours.limit(key), theirs.limit(key)
    kind = KEYS[key].limits
    if kind is None or (before is None and after is None):
        return
    if kind.form in MEASURES:
        measure = MEASURES[kind.form]
        was, becomes = (one.most(measure)[0] if one else None for one in (before, after))
        if was != becomes:
            words = [_amount(kind.form, one) for one in (was, becomes)]
            bound = "at least" if KEYS[key].floor else "at most"
            yield f"{key}: {bound} {words[1]} instead of {words[0]}"
    elif kind.form == "switch":
        was_on, is_on = (one is None or not one.against_switch() for one in (before, after))
        if was_on != is_on:
            yield f"{'allows' if is_on else 'refuses'} --{key}"
    elif key == "forbid":
        was_not, is_not = _listed(before), _listed(after)
        yield from (f"forbids {item}" for item in sorted(is_not - was_not))
        yield from (f"no longer forbids {item}" for item in sorted(was_not - is_not))
    else:
        yield from _lists(key, before, after)


def _lists(key: str, before: Limit | None, after: Limit | None) -> Iterator[str]:
    items = _listed(before) | _listed(after)
    listed = " ".join(sorted(items))
    if after is None:
        yield f"allows every {key}, instead of {listed or 'none'}"
    elif before is None:
        yield f"refuses every {key}" + (f" but {listed}" if listed else "")
    else:
        for item in sorted(items):
            had, has = _has(before, item), _has(after, item)
            if had != has:
                yield f"{'allows' if has else 'refuses'} {key} {item}"


def _listed(limit: Limit | None) -> set[str]:
    """Return every item that any of the statements of a limit names."""
    bounds = limit.bounds if limit else ()
    statements = [one for bound in bounds for one in (*bound.base, *bound.allow)]
    return {item for one in statements for item in one.names}


def _has(limit: Limit, item: str) -> bool:
    """Tell whether an item is permitted as it is written, by all that has a part in a limit."""
    return not limit.against(lambda names: not {item, "ALL", "*"}.isdisjoint(names))


def _items(said: Value) -> tuple[str, ...]:
    return said if isinstance(said, tuple) else (value(said),)


def _amount(form: str, amount: int | None) -> str:
    if amount is None:
        return "any"
    if form == "size":
        return amounts.show_size(amount)
    return amounts.show_processors(amount) if form == "decimal" else str(amount)


def toml(said: Value) -> str:
    """Return a value as a policy file writes it."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, tuple):
        return "[" + ", ".join(f'"{item}"' for item in said) + "]"
    return f'"{said}"' if isinstance(said, str) else str(said)


def _rule(rule: Rule, today: str) -> str:
    whom = [
        f"{name} {' '.join(items)}"
        for name, items in (("image", rule.images), ("users", rule.users), ("groups", rule.groups))
        if items
    ]
    says = ", ".join(f"{key} = {toml(said)}" for key, said, _ in rule.entries)
    until = f", until {rule.expires}" if rule.expires else ""
    over = " (expired)" if today and rule.expires and rule.expires < today else ""
    who = " and ".join(whom) or "everybody"
    return f"[[{rule.effect}]] for {who}: {says}{until}{over} ({rule.reason})"
