"""The plain part of TOML that policies are written in, read without importing anything.

tomli is the reader of policies. But importing it, and the regular expressions that it needs, costs
10 ms on every run, and more than a thousand rules cost as much again: half of all that saferun adds
to a run. So this reads what nearly every policy consists of: headers with bare names, and bare keys
with plain strings, whole numbers, decimals, switches, dates, and lists of strings. Whatever it is
not sure about it does not read at all, and tomli does; also every file with a mistake in it. A test
holds that it reads nothing otherwise than tomli does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.formats.toml_positions import Path

#: Digits of a number that is certainly one of 64 bits.
DIGITS = 18
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Day:
    """A date, as text: `2027-01-31`."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Take the text of a date that there is."""
        self.text = text


class _NotPlainError(Exception):
    """Something here is for tomli to read."""


def read(text: str) -> tuple[dict[str, Any], dict[Path, int]] | None:
    """Return the document and the offset of every table and key; None if it is not plain.

    Lines end in newlines only.
    """
    # Control characters are for tomli to refuse, and escapes for it to read.
    if "\\" in text or not text.replace("\n", "").replace("\t", "").isprintable():
        return None
    try:
        return _Reading(text).document()
    except _NotPlainError:
        return None


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.number = 0  # of the line that is read next
        self.at = 0  # the offset of that line
        self.root: dict[str, Any] = {}
        self.offsets: dict[Path, int] = {}
        self.declared: set[tuple[str, ...]] = set()
        self.arrays: set[str] = set()
        # The same lines stand in one rule after the other.
        self.known: dict[str, tuple[str, Any]] = {}
        self.heads: dict[str, tuple[str, int]] = {}
        self.keys: set[str] = set()

    def document(self) -> tuple[dict[str, Any], dict[Path, int]]:
        table = self.root
        prefix: Path = ()
        lines, known, offsets = self.lines, self.known, self.offsets
        last = len(lines)
        while self.number < last:
            line = lines[self.number]
            at = self.at
            self.number += 1
            self.at += len(line) + 1
            if not line:
                continue
            pair = known.get(line)
            if pair is None:
                if line in self.heads:
                    name, start = self.heads[line]
                    table, prefix = self.array(name, at + start)
                    continue
                words = line.strip(" \t")
                if not words or words[0] == "#":
                    continue
                if words[0] == "[":
                    start = line.index("[")
                    table, prefix = self.header(words, at + start)
                    if type(prefix[-1]) is int:
                        self.heads[line] = str(prefix[0]), start + 2
                    continue
                pair = self.pair(line, words)
            key, value = pair
            if key in table:
                raise _NotPlainError
            table[key] = value
            offsets[(*prefix, key)] = at if line.startswith(key) else at + line.index(key)
        self.elements()
        return self.root, self.offsets

    def pair(self, line: str, words: str) -> tuple[str, Any]:
        """Read a key and its value, which may go on in the lines that follow."""
        key, equals, rest = words.partition("=")
        key = key.rstrip(" \t")
        if not equals:
            raise _NotPlainError
        if key not in self.keys:
            if not _is_bare(key):
                raise _NotPlainError
            self.keys.add(key)
        number = self.number
        rest = rest.lstrip(" \t")
        value = self.array_of_texts(rest[1:]) if rest[:1] == "[" else _scalar(rest)
        if number == self.number:
            self.known[line] = key, value
        return key, value

    def line(self) -> str:
        """Return the next line of a value that is not over."""
        if self.number == len(self.lines):
            raise _NotPlainError
        line = self.lines[self.number]
        self.number += 1
        self.at += len(line) + 1
        return line

    def header(self, words: str, start: int) -> tuple[dict[str, Any], Path]:
        double = words.startswith("[[")
        name, end, rest = words.lstrip("[").partition("]]" if double else "]")
        width = 2 if double else 1
        if not end or (len(words) - len(words.lstrip("["))) != width or not _is_end(rest):
            raise _NotPlainError
        parts = name.split(".")
        if not all(map(_is_bare, parts)):
            raise _NotPlainError
        return self.array(name, start + width) if double else self.table(parts, start + width)

    def array(self, name: str, start: int) -> tuple[dict[str, Any], Path]:
        if "." in name or (name in self.root) != (name in self.arrays):
            raise _NotPlainError
        self.arrays.add(name)
        tables = self.root.setdefault(name, [])
        tables.append({})
        path = (name, len(tables) - 1)
        self.offsets.setdefault((name,), start)
        self.offsets[path] = start
        return tables[-1], path

    def table(self, parts: list[str], start: int) -> tuple[dict[str, Any], Path]:
        path = tuple(parts)
        if path in self.declared:
            raise _NotPlainError
        self.declared.add(path)
        table = self.root
        for depth, part in enumerate(parts, 1):
            table = table.setdefault(part, {})
            if type(table) is not dict:
                raise _NotPlainError
            self.offsets.setdefault(path[:depth], start)
            start += len(part) + 1
        return table, path

    def array_of_texts(self, rest: str) -> list[str]:
        """Read a list of strings, which may go on in the lines that follow."""
        found: list[str] = []
        comma = True
        while True:
            rest = rest.lstrip(" \t")
            if not rest or rest[0] == "#":
                rest = self.line()
            elif rest[0] == "]":
                if not _is_end(rest[1:]):
                    raise _NotPlainError
                return found
            elif rest[0] == "," and not comma:
                rest, comma = rest[1:], True
            elif rest[0] == '"' and comma:
                item, end, rest = rest[1:].partition('"')
                # Two quotes in a row may be the beginning of a longer kind of string.
                if not end or (not item and rest[:1] == '"'):
                    raise _NotPlainError
                found.append(item)
                comma = False
            else:
                raise _NotPlainError

    def elements(self) -> None:
        """Find the laws that a file starts from: mistakes in them are found by who reads them."""
        names = self.root.get("extends")
        at = self.offsets.get(("extends",), 0)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            at = self.text.index(f'"{name}"', at)
            self.offsets["extends", index] = at
            at += len(name) + 2


def _scalar(rest: str) -> Any:  # noqa: ANN401 - whatever TOML has
    if rest[:1] == '"':
        text, end, rest = rest[1:].partition('"')
        if not end or not _is_end(rest):
            raise _NotPlainError
        return text
    word = rest.partition("#")[0].rstrip(" \t")
    if word in ("true", "false"):
        return word == "true"
    if not word.isascii():
        raise _NotPlainError
    sign = -1 if word[:1] == "-" else 1
    digits = word[1:] if sign < 0 else word
    whole, point, fraction = digits.partition(".")
    if _is_whole(whole) and (fraction.isdigit() if point else len(whole) <= DIGITS):
        return float(word) if point else sign * int(whole)
    if _is_day(word):
        return Day(word)
    raise _NotPlainError


def _is_whole(digits: str) -> bool:
    return digits.isdigit() and (digits == "0" or digits[0] != "0")


def _is_day(word: str) -> bool:
    year, month, day = word[:4], word[5:7], word[8:]
    if word[4:5] + word[7:8] != "--" or not (year + month + day).isdigit() or len(day) != 2:  # noqa: PLR2004 - 31
        return False
    leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    number = int(month)
    days = _DAYS[number - 1] + (leap and number == 2) if 1 <= number <= 12 else 0  # noqa: PLR2004 - months
    return int(year) > 0 and 1 <= int(day) <= days


def _is_bare(key: str) -> bool:
    return key.isascii() and key.replace("-", "0").replace("_", "0").isalnum()


def _is_end(rest: str) -> bool:
    rest = rest.lstrip(" \t")
    return not rest or rest[0] == "#"
