"""What is wrong in a policy file, and where, in words.

Whatever is quoted from the file is shown harmlessly: nothing that a terminal would obey, and
letters beyond ASCII, which may only look like others, as escapes.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: How much of a line is shown around a mistake.
WIDTH = 96
#: How much of a name or value is shown in a message.
SHOWN = 40


class Mistake(Record):
    """Something wrong in a policy file, and where; line and column count from 1."""

    source: str
    line: int
    column: int
    message: str
    text: str

    def __str__(self) -> str:
        """Read as `path:line:column: message`, the line, and a caret under the column."""
        start = max(0, self.column - 1 - WIDTH // 2) if len(self.text) > WIDTH else 0
        shown = "".join(
            char if char.isprintable() else " " if char == "\t" else "\ufffd"
            for char in self.text[start : start + WIDTH]
        )
        caret = " " * (self.column - 1 - start) + "^"
        return f"{self.source}:{self.line}:{self.column}: {self.message}\n  {shown}\n  {caret}"


def shown(value: object) -> str:
    """Describe a value that is not what it should be."""
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)[:SHOWN]
    if isinstance(value, list):
        return "a list" if value else "[]"
    if isinstance(value, dict):
        return "a table"
    # Named, for importing them takes long and what TOML has beyond this are dates and times.
    return {"datetime": "a date with a time", "time": "a time"}.get(type(value).__name__, "a date")


def quoted(text: str) -> str:
    """Return text in quotes."""
    return f'"{_plain(text)}"'


def dotted(path: tuple[str | int, ...]) -> str:
    """Return the place of a table or key as it is written in a file."""
    return ".".join(_plain(str(part)) for part in path)


def meant(word: str, known: Iterable[str], form: str = '"{}"') -> str:
    """Ask whether the nearest of the known names was meant; say nothing when none is near."""
    from difflib import get_close_matches  # only for somebody who has made a mistake

    spellings = {name.lower(): name for name in known}
    close = get_close_matches(word[:SHOWN].lower(), spellings, 1)
    return f"; did you mean {form.format(spellings[close[0]])}?" if close else ""


def _plain(text: str) -> str:
    escaped = text[: SHOWN + 1].encode("unicode_escape").decode("ascii")
    return escaped if len(text) <= SHOWN else f"{escaped[:SHOWN]}…"
