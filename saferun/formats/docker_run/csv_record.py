"""One record of comma-separated values, as Go's encoding/csv reads it.

`docker run` reads --mount with it. Python's csv module differs where it matters here: it accepts
a quote in the middle of a field, and text after a closing quote.
"""

from __future__ import annotations


def fields(text: str) -> tuple[str, ...] | None:
    """Return the fields of the first record; None where Go finds a fault, or no record."""
    # A line ends in \n or \r\n, the last one perhaps in \r; empty ones are skipped (readLine).
    text = text.replace("\r\n", "\n").removesuffix("\r").lstrip("\n")
    if not text:
        return None
    record: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            quoted = _quoted(text, at + 1)
            if quoted is None:
                return None
            field, at = quoted
        else:
            end = _end(text, at)
            field, at = text[at:end], end
            if '"' in field:
                return None
        record.append(field)
        if not text.startswith(",", at):
            return tuple(record)
        at += 1


def lowered(text: str) -> str:
    """Return a text in lower case, letter by letter as Go's strings.ToLower does it.

    To Python a capital I with a dot becomes two letters, the first of which is i.
    """
    return text.replace("\u0130", "i").lower()


def _end(text: str, at: int) -> int:
    """Return where an unquoted field ends: at a comma, a line's end, or the end of the text."""
    found = (text.find(",", at), text.find("\n", at), len(text))
    return min(end for end in found if end >= 0)


def _quoted(text: str, at: int) -> tuple[str, int] | None:
    """Return the field whose opening quote is before `at`, and where it ends."""
    field = ""
    while True:
        quote = text.find('"', at)
        if quote == -1:
            return None
        field += text[at:quote]
        at = quote + 1
        if not text.startswith('"', at):
            # Only the end of the field may follow the closing quote.
            return (field, at) if text[at : at + 1] in ("", ",", "\n") else None
        field += '"'
        at += 1
