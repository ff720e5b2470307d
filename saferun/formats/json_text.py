"""JSON in, Python out, without importing `json` on the timed path; and text as JSON has it.

`import json` costs 10 ms, nearly all of it for `re`, which its decoder uses only in the parts that
the C scanner replaces. The scanner itself is a built-in module of CPython; wherever it is missing
or unhappy, the standard module does the same work more slowly and has the last word.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class NotCanonicalError(ValueError):
    """JSON that not everybody reads alike."""


class _Context:
    """What the C scanner wants to know, with the standard decoder's own answers."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def decode(data: bytes) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return the one JSON value in `data`; raise ValueError when it is anything else."""
    text = data.decode("utf-8")
    try:
        from _json import make_scanner

        context: Any = _Context
        value, end = make_scanner(context)(text.lstrip(" \t\n\r"), 0)
    except (ImportError, RecursionError, StopIteration, SystemError, ValueError):
        # Before Python 3.13 the scanner cannot even raise its error without json.decoder.
        return _decode_slowly(text)
    return value if end == len(text.strip(" \t\n\r")) else _decode_slowly(text)


def as_sent(text: str) -> str:
    """Return text as docker sends it to the engine: Go's JSON has U+FFFD for each byte amiss.

    (encoding/json, appendString.) `text` has such bytes as lone surrogates, as `os.fsdecode` does.
    """
    if text.isascii():
        return text
    return "".join("\ufffd" if "\udc80" <= letter <= "\udcff" else letter for letter in text)


def _decode_slowly(text: str) -> Any:  # noqa: ANN401 - as above
    import json

    try:
        return json.loads(text)
    except RecursionError as error:
        message = "nested too deeply"
        raise ValueError(message) from error


def decode_once(data: bytes) -> Any:  # noqa: ANN401 - as above
    """Return the one JSON value in `data`, in which no name stands twice in an object.

    For what people hand over. Raises NotCanonicalError for a name that does, and ValueError for
    what is no JSON, in words for them.
    """
    import json

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except UnicodeDecodeError as error:
        message = "it is not UTF-8 text"
        raise ValueError(message) from error
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]}"
        message = f"it is not JSON: line {error.lineno}, column {error.colno}: {why}"
        raise ValueError(message) from error
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error


def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raises NotCanonicalError for a name that stands there twice.

    Of two values one reader takes the first, one the last, and Go merges them (encoding/json).
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            message = f"{name!r} stands there twice: some merge what others overwrite"
            raise NotCanonicalError(message)
        found[name] = value
    return found
