"""Where each key and each array element stands in a TOML text.

tomli gives values without positions, and a law whose origin cannot be named cannot be argued with.
This reads only the shape of the text: it accepts everything that is TOML and some that is not,
stops at the first thing it does not understand, and leaves it to tomli to say what is wrong there.
"""

from __future__ import annotations

# Only reached when there is a policy file, and then tomli imports `re` as well.
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: Names of tables and keys, and indexes into arrays, as in `document["allow"][0]["image"]`.
    Path: TypeAlias = tuple[str | int, ...]

#: More levels than any policy needs. Parsers recurse into values, compiled ones without a guard,
#: and take quadratic time for keys of many parts.
DEPTH = 16
#: Converting a long number to an integer takes quadratic time, or is an error of its own.
LENGTH = 1000

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"[ \t\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Excess(Exception):  # noqa: N818 - it is not wrong TOML, only too much of it
    """More than is reasonable at an offset: it should not be given to a parser at all."""

    def __init__(self, message: str, offset: int) -> None:
        """Take what is too much, and where."""
        super().__init__(message)
        self.offset = offset


class _NotUnderstoodError(Exception):
    """What stands here is not TOML."""


def locate(text: str) -> dict[Path, int]:
    """Return the offset of everything that can be named in a text whose lines end in newlines.

    Raises Excess when the text is nested too deeply, or holds too long a number, to be parsed.
    """
    reader = _Reader(text)
    try:
        reader.document()
    except _NotUnderstoodError:
        # tomli will not get further than that either.
        return reader.offsets
    return reader.offsets


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Path, int] = {}
        # For each array of tables, the index of the table that is being written.
        self.latest: dict[Path, int] = {}

    def document(self) -> None:
        header: Path = ()
        while True:
            self.blank()
            if self.at == len(self.text):
                return
            if self.accept("[["):
                header = self.array_header()
                self.expect("]]")
            elif self.accept("["):
                header = self.resolve((), self.key())
                self.expect("]")
            else:
                self.pair(header)
            self.take(_SPACE)
            if self.peek() not in ("", "\n", "#"):
                raise _NotUnderstoodError

    def array_header(self) -> Path:
        *parents, (name, start) = self.key()
        path = (*self.resolve((), parents), name)
        self.mark(path, start)
        self.latest[path] = self.latest.get(path, -1) + 1
        path = (*path, self.latest[path])
        self.mark(path, start)
        return path

    def pair(self, table: Path) -> None:
        path = self.resolve(table, self.key())
        self.expect("=")
        self.take(_SPACE)
        self.value(path)

    def key(self) -> list[tuple[str, int]]:
        """Read a dotted key: its parts, each with its offset."""
        parts = []
        while True:
            self.take(_SPACE)
            start = self.at
            if self.peek() in ("'", '"'):
                self.string()
                parts.append((_unquoted(self.text[start : self.at]), start))
            else:
                parts.append((self.take(_BARE_KEY), start))
            self.take(_SPACE)
            if not self.accept("."):
                return parts

    def resolve(self, path: Path, parts: list[tuple[str, int]]) -> Path:
        """Walk from a table along a dotted key, into the latest table of an array of tables."""
        for name, start in parts:
            path = (*path, name)
            self.mark(path, start)
            if path in self.latest:
                path = (*path, self.latest[path])
        return path

    def value(self, path: Path) -> None:
        start = self.at
        if self.peek() in ("'", '"'):
            self.string()
        elif self.accept("["):
            self.array(path)
        elif self.accept("{"):
            self.inline_table(path)
        elif len(self.take(_SCALAR)) > LENGTH:
            message = f"a value of more than {LENGTH} characters"
            raise Excess(message, start)

    def array(self, path: Path) -> None:
        self.blank()
        index = 0
        while not self.accept("]"):
            element = (*path, index)
            self.mark(element, self.at)
            self.value(element)
            index += 1
            self.separator("]")

    def inline_table(self, path: Path) -> None:
        self.blank()
        while not self.accept("}"):
            self.pair(path)
            self.separator("}")

    def separator(self, end: str) -> None:
        self.blank()
        if self.accept(","):
            self.blank()
        elif self.peek() != end:
            raise _NotUnderstoodError

    def string(self) -> None:
        quote = self.peek()
        triple = self.text.startswith(quote * 3, self.at)
        end = quote * 3 if triple else quote
        self.at += len(end)
        stop = -1
        while True:
            if stop < self.at:
                stop = self.text.find(end, self.at)
            if stop < 0:
                raise _NotUnderstoodError
            escape = self.text.find("\\", self.at, stop) if quote == '"' else -1
            if escape < 0:
                break
            self.at = escape + 2
        if not triple and self.text.find("\n", self.at, stop) >= 0:
            raise _NotUnderstoodError
        self.at = stop + len(end)
        # One or two quotes may stand before the three that end a string.
        if triple and self.accept(quote):
            self.accept(quote)

    def blank(self) -> None:
        """Skip white space, line ends and comments."""
        self.take(_BLANK)
        while self.accept("#"):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            self.take(_BLANK)

    def mark(self, path: Path, offset: int) -> None:
        """Remember where something is first named."""
        if len(path) > DEPTH:
            message = f"nested more than {DEPTH} levels deep"
            raise Excess(message, offset)
        self.offsets.setdefault(path, offset)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def accept(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise _NotUnderstoodError

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _NotUnderstoodError
        self.at = found.end()
        return found[0]


def _unquoted(token: str) -> str:
    import tomli

    if token[1:3] == token[0] * 2:
        raise _NotUnderstoodError  # keys are single-line strings
    try:
        return str(tomli.loads(f"key = {token}")["key"])
    except tomli.TOMLDecodeError:
        raise _NotUnderstoodError from None
