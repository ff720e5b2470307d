"""One CSV record, as Go reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.csv_record import fields

READABLE = {
    "a": ("a",),
    "a,b": ("a", "b"),
    ",": ("", ""),
    "a,": ("a", ""),
    " a , b ": (" a ", " b "),
    '"a,b",c': ("a,b", "c"),
    '"a""b"': ('a"b',),
    '""': ("",),
    '"",""': ("", ""),
    '""""': ('"',),
    '"a\nb",c': ("a\nb", "c"),
    '"a\r\nb"': ("a\nb",),
    "a\nb": ("a",),
    "a\nb\nc": ("a",),
    "Xa": ("Xa",),
    "a\r\nb": ("a",),
    "a,\nb": ("a", ""),
    "\n\r\n\na": ("a",),
    "a\r": ("a",),
    "a\r\r": ("a\r",),
    "a\rb": ("a\rb",),
    '"a"\nb"': ("a",),
    '"a"\r': ("a",),
    "'a,b'": ("'a", "b'"),
    "é,\udcff": ("é", "\udcff"),
}
UNREADABLE = (
    "",
    "\n",
    "\r",
    "\r\n",
    '"',
    '"a',
    '"a\n',
    'a"b',
    'a,b"',
    'src="/a,b"',
    '"a"b',
    '"a" ,b',
    '"a"\r\r',
    ' "a"',
    '"a""',
)


@pytest.mark.parametrize("text", READABLE)
def test_the_first_record_is_read(text: str) -> None:
    """Quotes enclose whole fields, and only the first line that is not empty counts."""
    assert fields(text) == READABLE[text]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_go_refuses_is_refused(text: str) -> None:
    """A stray quote, text after a closing one, an open one, or no record at all."""
    assert fields(text) is None


@given(st.lists(st.text(alphabet='a,"\n\u00e9 ='), min_size=1))
def test_quoted_fields_come_back_as_they_were(values: list[str]) -> None:
    """A writer that quotes every field is understood."""
    record = ",".join('"' + value.replace('"', '""') + '"' for value in values)
    assert fields(record) == tuple(values)


@given(st.text(alphabet='ab,"\r\n='))
def test_any_text_is_a_record_or_none(text: str) -> None:
    """Nothing raises, and a record has at least one field."""
    assert fields(text) != ()
