"""Amounts: bytes in docker's units, and processors, in billionths of one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.policy import Value

#: The engine counts processors in billionths (HostConfig.NanoCpus).
BILLION = 1_000_000_000


def number(value: Value) -> int | None:
    """Return a whole number, None for anything else."""
    return value if type(value) is int else None


def size(value: Value) -> int | None:
    """Return the bytes that a size in docker's units stands for, or None when it is not one.

    What every docker CLI reads alike: digits, perhaps a fraction, and `b`, or `k`, `m`, `g`, `t`
    or `p` with an optional `b` or `ib`, each 1024 times the one before (docker/go-units).
    """
    if not isinstance(value, str):
        return None
    text = value
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


def show_size(count: int) -> str:
    """Return a number of bytes as docker reads it, in the largest unit that is exact."""
    for power, unit in ((50, "p"), (40, "t"), (30, "g"), (20, "m"), (10, "k")):
        if count and count % (1 << power) == 0:
            return f"{count >> power}{unit}"
    return f"{count}b"


def processors(value: Value) -> int | None:
    """Return a number of processors in billionths of one, None for what is no number above 0."""
    if type(value) is int or isinstance(value, float):
        # NaN and infinity are numbers in TOML, but no amounts.
        return round(value * BILLION) if 0 < value < 1 << 20 else None
    return None


def show_processors(billionths: int) -> str:
    """Return a number of processors as docker reads it."""
    whole, rest = divmod(billionths, BILLION)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")
