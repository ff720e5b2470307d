"""Values in a policy file: what each form of them has to look like, and what it becomes.

Nothing is coerced: `"false"` is no switch, `1` no text, and a name no list of one.
"""

from __future__ import annotations

from saferun.formats.docker_run.flags import TABLE
from saferun.formats.policy_mistake import meant, quoted, shown
from saferun.judge.capabilities import canonical
from saferun.judge.values import amounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from saferun.judge.keys import Kind
    from saferun.judge.policy import Value

#: Up to this many choices are listed; of more only the nearest is named.
FEW = 6

#: What an item of each form of list looks like, for people.
EXAMPLES = {
    "texts": '["…"]',
    "names": "[]",
    "capabilities": '["CHOWN"]',
    "flags": '["link"]',
    "globs": '["name-*"]',
    "settings": '["name"]',
    "ids": '["1000-"]',
    "images": '["registry.example.com/*"]',
    "paths": '["/path"]',
    "volumes": '["/srv/data:ro"]',
    "tmpfs": '["/tmp"]',
    "devices": '["/dev/null:rw"]',
    "rules": '["c 1:3 rwm"]',
    "ports": '["127.0.0.1:8080"]',
    "ulimits": '["nofile=1024"]',
    "destinations": '["/var/log/saferun"]',
}


def value(key: str, kind: Kind, given: object) -> tuple[Value | None, tuple[tuple[int, str], ...]]:
    """Return what a value means, or None and what is wrong with it.

    Each fault comes with the index of the item that has it, -1 for the value as a whole.
    """
    if not kind.is_list:
        demand = _demand(kind, given)
        if demand:
            return None, ((-1, f'"{key}" must be {demand}, not {shown(given)}'),)
        return given, ()  # type: ignore[return-value]
    if not isinstance(given, list):
        example = f'["{kind.words[0]}"]' if kind.words else EXAMPLES[kind.form]
        return None, ((-1, f'"{key}" must be a list, such as {example}, not {shown(given)}'),)
    found: dict[str, None] = {}
    faults = []
    for index, item in enumerate(given):
        if not isinstance(item, str):
            faults.append((index, f'"{key}" is a list of texts in quotes, not of {shown(item)}'))
            continue
        name = canonical(item) if kind.form == "capabilities" else item
        fault = _fault(key, kind, name, item)
        if fault:
            faults.append((index, fault))
        found[name] = None
    return (None if faults else tuple(found)), tuple(faults)


def _demand(kind: Kind, given: object) -> str:
    """Return what a single value must be, or nothing when it is that."""
    form, right = kind.form, False
    if form == "switch":
        right, demand = isinstance(given, bool), "true or false"
    elif form == "number":
        # In Python, but not in TOML, true and false are numbers.
        right = type(given) is int and kind.least <= given <= kind.most
        most = "or more" if kind.most >= 1 << 62 else f"to {kind.most}"
        demand = f"a whole number, {kind.least} {most}"
    elif form == "size":
        right = bool(amounts.size(given)) if isinstance(given, str) else False
        demand = 'a size in docker\'s units, such as "512m"'
    elif form == "decimal":
        right = type(given) in (int, float) and amounts.processors(given) is not None  # type: ignore[arg-type]
        demand = "a number of processors, such as 1.5"
    elif kind.words:
        right = given in kind.words
        demand = " or ".join(map(quoted, kind.words))
    else:
        right = isinstance(given, str) and given != "" and given.isprintable()
        demand = "text of one or more printable characters"
    return "" if right else demand


def _fault(key: str, kind: Kind, name: str, item: str) -> str:
    """Return what is wrong with an item of a list, or nothing."""
    if kind.form == "texts":
        return "" if item.isprintable() and item else f'"{key}" holds text that can be printed'
    if kind.form == "flags":
        flag = TABLE.named(item)
        known = [flag.name for flag in TABLE if not flag.own]
        if flag is not None and flag.name == item and not flag.own:
            return ""
        return f"docker run has no flag {quoted(item)}{meant(item, known)}"
    if kind.words:
        return _not_a_word(key, kind, name, item)
    demand = _shape(kind)(item)
    return f'"{key}" cannot hold {quoted(item)}: it must be {demand}' if demand else ""


def _not_a_word(key: str, kind: Kind, name: str, item: str) -> str:
    if name in kind.words and not name.endswith(":*"):
        return ""
    if any(word.endswith(":*") and _fits(word, name) for word in kind.words):
        return ""
    if kind.form == "capabilities" and len(kind.words) > FEW:
        return f"unknown capability {quoted(item)}{meant(item, kind.words)}"
    choices = " and ".join(map(quoted, kind.words))
    return f'"{key}" can only hold {choices}, not {quoted(item)}{meant(item, kind.words)}'


def _fits(template: str, name: str) -> bool:
    prefix = template[:-1]
    rest = name[len(prefix) :]
    return name.startswith(prefix) and rest.isascii() and rest.isprintable() and rest != ""


def _shape(kind: Kind) -> Callable[[str], str]:
    """Return the function that tells what an item of a form must be."""
    # Each law uses few forms, and each of these is a module of its own.
    if kind.form == "globs":
        from saferun.judge.values import globs

        return lambda item: globs.problem(item, kind.separator)
    if kind.form == "settings":
        from saferun.judge.values import settings

        return lambda item: settings.problem(item, kind.separator)
    name = {"rules": "device_rules"}.get(kind.form, kind.form)
    module = __import__(f"saferun.judge.values.{name}", fromlist=("problem",))
    shape: Callable[[str], str] = module.problem
    return shape
