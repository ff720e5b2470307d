"""JSON without the `json` module: the same values, the same refusals."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.json_text import decode

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
BLANKS = st.text(" \t\r\n", max_size=3)


def outcome(read: Callable[[bytes], object], data: bytes) -> tuple[str, str]:
    """What reading comes to; the text of the value, because NaN is not equal to itself."""
    try:
        return "value", repr(read(data))
    except ValueError:
        return "refused", ""


def standard(data: bytes) -> object:
    """What the standard library makes of UTF-8."""
    return json.loads(data.decode())


@given(
    document=DOCUMENTS,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    before=BLANKS,
    after=BLANKS,
)
def test_documents_are_read_as_the_standard_library_reads_them(
    *, document: object, ascii_only: bool, indent: int | None, before: str, after: str
) -> None:
    """Whatever they hold, however they are written, with blanks around them."""
    text = before + json.dumps(document, ensure_ascii=ascii_only, indent=indent) + after
    data = text.encode("utf-8", "surrogatepass")
    assert outcome(decode, data) == outcome(standard, data)


@given(st.text('[]{}":,01.eE+-truefalsnNIiy \\\n\t\ufeff\u00a0\u2028\x0b\x00'))
def test_other_texts_are_refused_as_the_standard_library_refuses_them(text: str) -> None:
    """Nearly-JSON of every kind, wrong blanks and rubbish after the end included."""
    assert outcome(decode, text.encode()) == outcome(standard, text.encode())


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"\xff", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"{} {}", b"[1,]", b"{'a':1}"),
        *(b'"\n"', b'{"a":1', b"nul", b"01", b"1" * 5000, b'{"a":1}\x00', "\u00a0{}".encode()),
    ],
)
def test_refusals(data: bytes) -> None:
    """Each a ValueError, which is all that callers expect."""
    with pytest.raises(ValueError, match=r"."):
        decode(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closed", [False, True])
def test_deep_nesting_is_refused(*, opening: bytes, closed: bool) -> None:
    """An answer that is nested too deeply is a bad answer, not the end of the program."""
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]
    depth = 100_000
    with pytest.raises(ValueError, match=r"."):
        decode(opening * depth + (b"1" + closing * depth if closed else b""))


def test_constants_and_repeated_names() -> None:
    """Where the standard library is lenient, so is this."""
    nan, infinite = decode(b"[NaN, -Infinity]")
    assert math.isnan(nan)
    assert infinite == -math.inf
    assert decode(b'{"a":1,"a":2}') == {"a": 2}
