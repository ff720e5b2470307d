"""The keys of the policy language: docker run's long flags, and what a law may say of each.

This is the one table of them: the parser takes from it what may be written, the merge how
statements about one key meet.
"""

from __future__ import annotations

from saferun.judge.capabilities import NAMES
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Verb: TypeAlias = Literal["defaults", "limits", "require"]
    Whom: TypeAlias = Literal["any", "root", "nonroot"]
    Form: TypeAlias = Literal["switch", "number", "size", "text", "names", "capabilities"]

VERBS: tuple[Verb, ...] = ("defaults", "limits", "require")

#: The tables that are only for containers whose user is, or is not, root.
ROOT_OR_NOT: tuple[Whom, ...] = ("root", "nonroot")

#: The version of the language that this saferun reads.
SCHEMA = 1


class Kind(Record):
    """What may be written as a value.

    `form`: a switch is true or false, a size is text in docker's units, names and capabilities are
    lists of some of `words`. A number lies in `least` to `most`.
    """

    form: Form
    words: tuple[str, ...] = ()
    least: int = 0
    most: int = (1 << 63) - 1


class Key(Record):
    """What each verb takes for one key; None means that the verb cannot say anything of it."""

    defaults: Kind | None = None
    limits: Kind | None = None
    require: Kind | None = None
    #: Only in the plain tables, not in those for root or non-root.
    plain: bool = False

    def kind(self, verb: Verb, whom: Whom) -> Kind | None:
        """Return what may be written for this key in the table of that verb and user."""
        if self.plain and whom != "any":
            return None
        kinds = {"defaults": self.defaults, "limits": self.limits, "require": self.require}
        return kinds[verb]


SWITCH = Kind("switch")
SIZE = Kind("size")
TEXT = Kind("text")
CAPABILITIES = Kind("capabilities", (*NAMES, "ALL"))
# Dropping some would leave the others, so only dropping all of them can be relied on.
EVERY_CAPABILITY = Kind("capabilities", ("ALL",))
SECURITY_OPTIONS = Kind("names", ("no-new-privileges",))

KEYS: dict[str, Key] = {
    "cap-add": Key(limits=CAPABILITIES),
    "cap-drop": Key(defaults=CAPABILITIES, require=EVERY_CAPABILITY),
    "init": Key(defaults=SWITCH),
    "memory": Key(defaults=SIZE),
    "network": Key(defaults=TEXT),
    # -1 is docker's word for "no limit".
    "pids-limit": Key(defaults=Kind("number", least=-1)),
    "privileged": Key(limits=SWITCH),
    "read-only": Key(defaults=SWITCH, require=SWITCH),
    "security-opt": Key(defaults=SECURITY_OPTIONS, require=SECURITY_OPTIONS),
    # It decides which of the other tables apply, so it cannot depend on that itself.
    "user": Key(defaults=TEXT, plain=True),
    # saferun's own: which modes of --verify may be asked for.
    "verify": Key(limits=Kind("names", ("on", "off"))),
}


def kind_of(verb: Verb, whom: Whom, key: str) -> Kind | None:
    """Return what may be written for a key in a table, or None when it has no place there."""
    return KEYS[key].kind(verb, whom) if key in KEYS else None


def table_of(verb: Verb, whom: Whom) -> str:
    """Return the name of a table as a policy file writes it."""
    return verb if whom == "any" else f"{whom}.{verb}"


def size(text: str) -> int | None:
    """Return the bytes that a size in docker's units stands for, or None when it is not one.

    What every docker CLI reads alike: digits, perhaps a fraction, and `b`, or `k`, `m`, `g`, `t`
    or `p` with an optional `b` or `ib`, each 1024 times the one before (docker/go-units).
    """
    number = text.rstrip("bBiIkKmMgGtTpP")
    unit = text[len(number) :].lower()
    whole, point, fraction = number.partition(".")
    digits = whole + fraction if point else whole
    # Without the limits on length, converting a long number would take long.
    if not (digits.isascii() and digits.isdigit() and whole and len(number) <= 20):  # noqa: PLR2004 - 64 bits have 20 digits
        return None
    if point and not fraction:
        return None
    power = "kmgtp".find(unit[0]) + 1 if unit else 0
    if unit not in ("", "b") and (not power or unit[1:] not in ("", "b", "ib")):
        return None
    return (int(digits) << 10 * power) // int("1" + "0" * len(fraction))
