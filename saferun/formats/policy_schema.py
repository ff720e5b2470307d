"""The policy language as a JSON Schema (draft-07), for editors; made from the table of keys.

The parser is the authority: it also looks into what a schema cannot say, such as host paths with
dots in them. Whatever the schema refuses, the parser refuses as well.
"""

from __future__ import annotations

from saferun.formats.docker_run.flags import TABLE
from saferun.formats.policy_toml import AMOUNTS, EFFECTS
from saferun.formats.policy_values import EXAMPLES
from saferun.judge.keys import KEYS, ROOT_OR_NOT, SCHEMA, VERBS, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.judge.keys import Kind, Verb, Whom

    Schema = dict[str, Any]

#: What the tables are for.
ABOUT = {
    "defaults": "used when the command line is silent",
    "limits": "the most that may be asked for",
    "require": "what must hold",
    "allow": "an exception: more than the limits of this file, for some images or users",
    "deny": "what is taken away again, whatever this file allows",
}
WHOSE = {
    "any": "",
    "root": ", for containers whose user is root",
    "nonroot": ", for containers whose user is not root",
}
#: Items as regular expressions (ECMA 262), no narrower than the parser.
PATTERNS = {
    "texts": r"^.+$",
    "globs": r"^[!-~]+$",
    "settings": r"^[!-~][ -~]*$",
    "ids": r"^[0-9]{1,10}(-([0-9]{1,10})?)?$",
    "images": r"^[!-~]+$",
    "paths": r"^/",
    "volumes": r"^(/[^:]*|[!-9;-~]+)(:(ro|rw|shared|slave)(,(ro|rw|shared|slave))*)?$",
    "tmpfs": r"^/[^:]*(:(exec|suid|dev)(,(exec|suid|dev))*)?$",
    "devices": r"^(/[^:]*(:[rwm]+)?|[!-~]+/[!-~]+=[!-~]+)$",
    "rules": r"^[abc] ([0-9]{1,10}|\*):([0-9]{1,10}|\*) [rwm]+$",
    "ports": r"^[0-9a-fA-F.:/*\[\]-]+(/(tcp|udp|sctp))?$",
    "destinations": r"^(/.*|syslog|journald)$",
    "ulimits": r"^[a-z]+=([0-9]{1,19}|unlimited)$",
}


def schema() -> Schema:
    """Return the schema of a policy file."""
    tables: Schema = {verb: _table(verb, "any") for verb in VERBS}
    for whom in ROOT_OR_NOT:
        inner: Schema = {verb: _table(verb, whom) for verb in VERBS}
        tables[whom] = _object(inner, f"the same tables{WHOSE[whom]}")
    rules: Schema = {
        effect: {"type": "array", "items": _rule(effect), "description": ABOUT[effect]}
        for effect in EFFECTS
    }
    version = {
        "type": "integer",
        "minimum": 1,
        "maximum": SCHEMA,
        "description": "the version of the language",
    }
    extends = {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "description": "laws to start from: names of shipped ones, or paths with a slash",
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "saferun policy",
        **_object({"schema": version, "extends": extends, **tables, **rules}, ""),
    }


def _object(properties: Schema, description: str) -> Schema:
    shape: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "description": description} if description else shape


def _table(verb: Verb, whom: Whom) -> Schema:
    properties = {
        name: {**_value(kind, required=verb == "require"), "description": key.about}
        for name, key in KEYS.items()
        if (kind := key.kind(verb, whom)) is not None
    }
    return _object(properties, f"[{table_of(verb, whom)}]: {ABOUT[verb]}{WHOSE[whom]}")


def _rule(effect: str) -> Schema:
    names: Schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
    selectors: Schema = {
        "image": {"anyOf": [{"type": "string", "minLength": 1}, names], "description": "for these"},
        "users": {**names, "description": "names or uids of who asks"},
        "groups": {**names, "description": "names or gids of who asks"},
        "reason": {"type": "string", "minLength": 1, "description": "why"},
    }
    if effect == "allow":
        # A TOML date; editors hand it on as text.
        selectors["expires"] = {"type": "string", "description": "the last day, as 2027-01-31"}
    entries = {}
    for name, key in KEYS.items():
        kind = key.limits
        if kind is None or name in selectors or (effect == "allow" and name == "forbid"):
            continue
        if effect == "deny" and kind.form in AMOUNTS:
            continue
        entries[name] = {**_value(kind, required=True), "description": key.about}
    return {**_object({**selectors, **entries}, ABOUT[effect]), "required": ["reason"]}


def _value(kind: Kind, *, required: bool) -> Schema:
    """Return the shape of a value; one that is required must not be false or empty."""
    if kind.form == "switch":
        return {"const": True} if required else {"type": "boolean"}
    if kind.form == "number":
        return {"type": "integer", "minimum": kind.least, "maximum": kind.most}
    if kind.form == "decimal":
        return {"type": "number", "exclusiveMinimum": 0}
    if kind.form == "size":
        return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([kmgtpKMGTP]?([iI]?[bB])?)?$"}
    if kind.form == "text":
        return {"enum": list(kind.words)} if kind.words else {"type": "string", "minLength": 1}
    shape: Schema = {"type": "array", "items": _item(kind)}
    return {**shape, "minItems": 1} if required else shape


def _item(kind: Kind) -> Schema:
    if kind.form == "capabilities":
        # Any case, and with or without CAP_, as docker has it.
        return {"type": "string", "examples": list(kind.words)}
    if kind.form == "flags":
        return {"enum": sorted(flag.name for flag in TABLE if not flag.own)}
    if kind.words:
        exact = [word for word in kind.words if not word.endswith(":*")]
        patterns = [f"^{word[:-1]}.+$" for word in kind.words if word.endswith(":*")]
        choices: list[Schema] = [
            {"enum": exact},
            *({"type": "string", "pattern": one} for one in patterns),
        ]
        return {"anyOf": choices} if patterns else choices[0]
    example = EXAMPLES[kind.form].strip('[]"')
    return {"type": "string", "pattern": PATTERNS[kind.form], "examples": [example]}
