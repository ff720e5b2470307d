"""Each position really points at the key or the element that it is said to be of."""

from __future__ import annotations

import re

import pytest
import tomli
from hypothesis import assume, example, given
from hypothesis import strategies as st

from saferun.formats.toml_positions import DEPTH, LENGTH, Excess, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from saferun.formats.toml_positions import Path

EVERYTHING = '''\
# a comment = [1]
top = "# no comment" # but this is one
"quoted key" = 1
'literal "key"' = { "in" = 1, line.dotted = [1, {x = 2}] }
a . "b" .  c = 'dotted'
"\\u0061bc" = """multi
[not.a.table]
not = "a key" \\""" """""
raw = \'\'\'one ' two '' \\ three\'\'\'\'\'

[ table . "sub.table" ]   # with a comment
date = 1979-05-27 07:32:00
array = [ # opening
  "one", # first ]
  [ 2, "]" ],

  { three = 3 }
]
[[tables]]
name = "first"
[tables.below]
x = 0x1
[[tables]]
name = "second"
[[tables.inner]]
[[tables.inner]]
y = true
'''

KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - TOML
    """Yield everything in a document that has a place, with its value."""
    inner = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        inner = dict(enumerate(value))
    for name, item in inner.items():
        yield (*path, name), item
        yield from paths(item, (*path, name))


def renamed(value: Any, path: Path, name: str) -> Any:  # noqa: ANN401 - TOML
    """Return a document in which one key has another name."""
    if not path:
        return value
    if isinstance(value, list):
        return [
            renamed(item, path[1:], name) if index == path[0] else item
            for index, item in enumerate(value)
        ]
    last = len(path) == 1
    return {
        (name if last and key == path[0] else key): (
            renamed(item, path[1:], name) if key == path[0] else item
        )
        for key, item in value.items()
    }


def assert_located(text: str) -> None:
    document = tomli.loads(text)
    found = locate(text)
    assert found.keys() == {path for path, _ in paths(document)}
    for path, value in paths(document):
        rest = text[found[path] :]
        if isinstance(path[-1], int):
            assert_element(text, found[path], value, of_tables=found[path[:-1]] == found[path])
            continue
        token = KEY.match(rest)
        assert token
        assert tomli.loads(f"{token[0]} = 0") == {path[-1]: 0}
        if not isinstance(value, dict | list):
            # Whoever changes the text there changes this key and nothing else.
            changed = text[: found[path]] + "fresh" + rest[token.end() :]
            assert tomli.loads(changed) == renamed(document, path, "fresh")


def assert_element(text: str, offset: int, value: object, *, of_tables: bool) -> None:
    if of_tables or "[[" in text[:offset].rpartition("\n")[2]:
        return  # the position of an array of tables is a header's, checked with its keys
    ends = range(offset + 1, len(text) + 1)
    assert any(is_element(text[offset:end], value) for end in ends), f"{value!r} at {offset}"


def is_element(text: str, value: object) -> bool:
    try:
        return tomli.loads(f"x = [{text}]") == {"x": [value]}
    except tomli.TOMLDecodeError:
        return False


def test_every_kind_of_key_and_value_is_located() -> None:
    """Dotted, quoted and inline keys, strings that look like tables, comments, arrays."""
    assert_located(EVERYTHING)


def test_positions_are_where_a_person_would_look() -> None:
    """A few of them by hand."""
    found = locate(EVERYTHING)

    def line(*path: str | int) -> tuple[int, str]:
        offset = found[path]
        return EVERYTHING.count("\n", 0, offset) + 1, EVERYTHING[offset:].partition("\n")[0]

    assert line("top") == (2, 'top = "# no comment" # but this is one')
    assert line("a", "b", "c") == (5, "c = 'dotted'")
    assert line("table", "sub.table") == (11, '"sub.table" ]   # with a comment')
    assert line("table", "sub.table", "array", 1) == (15, '[ 2, "]" ],')
    assert line("tables", 0, "below", "x") == (22, "x = 0x1")
    assert line("tables") == line("tables", 0) == (19, "tables]]")
    assert line("tables", 1) == (23, "tables]]")
    assert line("tables", 1, "inner", 1, "y") == (27, "y = true")


SPACE = st.sampled_from(("", " ", "\t", "  "))
BLANK = st.sampled_from(("", " ", "\n", "\n\n", ' # ] } , = "\n', "#'''\n"))
NAME = st.sampled_from(("a", "b", "a-b", "1", "é", "a.b", "[x]", "#", "=", " ", ""))
SCALAR = st.sampled_from(
    (
        *("0", "-1", "1.5e3", "true", "inf", "1979-05-27 07:32:00", "07:32:00", '""', "''"),
        *('"a\\"b]"', "'\\'", '"""\n]\n"""', '"""a"""""', "'''b''''", '"""\\""""', '"\\\\"', '"#"'),
    )
)


@st.composite
def key(draw: st.DrawFn, fresh: int) -> str:
    """Return a dotted key whose last part is used once."""
    parts = []
    for name in (*draw(st.lists(NAME, max_size=2)), f"k{fresh}"):
        written = [f"'{name}'", f'"{name}"']
        if KEY.fullmatch(name):
            written.append(name)
        if name.isascii() and len(name) == 1:
            written.append(f'"\\u{ord(name):04x}"')
        parts.append(draw(SPACE) + draw(st.sampled_from(written)) + draw(SPACE))
    return ".".join(parts).strip(" \t")


@st.composite
def value(draw: st.DrawFn, depth: int = 0) -> str:
    form = draw(st.sampled_from(("scalar", "scalar", "array", "table"))) if depth < 3 else "scalar"
    if form == "scalar":
        return draw(SCALAR)
    if form == "array":
        items = draw(st.lists(value(depth + 1), max_size=3))
        comma = draw(st.sampled_from(("", ","))) if items else ""
        inner = ",".join(draw(BLANK) + item + draw(BLANK) for item in items)
        return f"[{inner}{comma}{draw(BLANK)}]"
    pairs = [
        f"{draw(SPACE)}{draw(key(number))}{draw(SPACE)}={draw(SPACE)}{draw(value(depth + 1))}"
        for number in range(draw(st.integers(0, 3)))
    ]
    return "{" + ",".join(pairs) + "}"


@st.composite
def document(draw: st.DrawFn) -> str:
    lines = []
    for number in range(draw(st.integers(1, 6))):
        form = draw(st.sampled_from(("pair", "pair", "table", "array of tables", "same array")))
        if form == "pair":
            line = f"{draw(key(number))}{draw(SPACE)}={draw(SPACE)}{draw(value())}"
        elif form == "table":
            line = f"[{draw(SPACE)}{draw(key(number))}{draw(SPACE)}]"
        elif form == "array of tables":
            line = f"[[{draw(SPACE)}{draw(key(number))}{draw(SPACE)}]]"
        else:
            line = "[[ same ]]"
        comment = draw(st.sampled_from(("", "# x = [", "#")))
        lines.append(f"{draw(SPACE)}{line}{draw(SPACE)}{comment}\n{draw(BLANK)}")
    return "".join(lines)


@given(document())
def test_whatever_is_written_is_located(text: str) -> None:
    """Any mixture of tables, keys, spaces, comments and values."""
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        assume(False)  # noqa: FBT003 - such a document is no example
    assert_located(text)


SOUP = st.lists(
    st.sampled_from(
        (
            *("[", "]", "[[", "]]", "{", "}", ",", ".", "=", "\n", " ", "#", "\\", "'", '"', "'''"),
            *('"""', "a", "b", "a", "1", "true", "a=1\n", "[a]\n", "[[b]]\n", "a=[", "x={", "\r"),
        )
    ),
    max_size=14,
).map("".join)


@given(SOUP)
@example("")
@example("a.a=1\na.b=2\n[[b]]\n[[b]]\na=1\n[b.a]")
def test_everything_that_tomli_reads_is_located(text: str) -> None:
    """What is not TOML is read without complaint as far as it can be understood."""
    found = locate(text)
    try:
        read = tomli.loads(text)
    except ValueError:
        return
    assert found.keys() == {path for path, _ in paths(read)}


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 100_000 + "]" * 100_000,
        "a = " + "{a=" * 100_000,
        "a" + ".a" * 100_000 + " = 1",
        "[a" + ".a" * 100_000 + "]",
        "[[a" + ".a" * 100_000 + "]]",
        "a = [" + "[{a=" * (DEPTH // 2),
        "a = " + "1" * (LENGTH + 1),
    ],
    ids=["arrays", "closed", "tables", "key", "header", "array header", "mixed", "number"],
)
def test_what_no_parser_should_be_given_is_refused(text: str) -> None:
    """Parsers recurse, or take quadratic time, on these."""
    with pytest.raises(Excess):
        locate(text)


def test_what_is_merely_long_is_not_refused() -> None:
    """Long strings and long lists are no harm."""
    text = f'a = """{"x" * 500_000}"""\nb = [{"1," * 50_000}]\nc = "{chr(92) * 2 * 50_000}"'
    assert locate(text)[("c",)] == text.index("c = ")
