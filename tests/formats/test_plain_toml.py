"""The plain reader of TOML: it reads what tomli reads, or nothing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.formats import plain_toml
from saferun.formats.toml_positions import locate

if TYPE_CHECKING:
    from typing import Any

LAWS = sorted((Path(__file__).parents[2] / "policies").glob("*.toml"))


def typed(value: Any) -> Any:  # noqa: ANN401 - whatever TOML has
    """Return a value so that only equal types are equal, and dates are alike."""
    if isinstance(value, plain_toml.Day):
        return "date", value.text
    if isinstance(value, date) and not isinstance(value, datetime):
        return "date", value.isoformat()
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, value


def agrees(text: str) -> bool:
    """Hold a text against tomli; tell whether it was read at all."""
    found = plain_toml.read(text)
    if found is None:
        return False
    document, offsets = found
    assert typed(document) == typed(tomli.loads(text))
    positions = locate(text)
    for path, offset in offsets.items():
        assert positions[path] == offset, path
    return True


@pytest.mark.parametrize("path", LAWS, ids=lambda path: path.stem)
def test_the_shipped_laws_are_plain(path: Path) -> None:
    """Otherwise it would be of little use."""
    assert agrees(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a = 1",
        "# only\n\t # comments",
        "a = -5\nb = 0\nc = 1.5\nd = -0.25\ne = true\nf = false # off",
        'a = "x # no comment" # one',
        "a = 2024-02-29",
        'a = []\nb = [ "x" , "y", ]\nc = [ # why\n  "x", # x\n\n  "y"\n] # end',
        "[a.b]\nx = 1\n[a]\ny = 2\n[c]",
        "[[allow]]\nx = 1\n[[allow]]\nx = 1\n[[deny]]",
        "  [ limits ]",
        'a = "caf\u00e9"',
    ],
)
def test_what_it_reads(text: str) -> None:
    """As tomli does, or it leaves it to tomli."""
    agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\na = 2",
        "[a]\n[a]",
        "a = 1\n[a]",
        "[a]\n[[a]]",
        "[[a]]\n[a]",
        "[[a.b]]",
        "[a.b.c]\n[[a]]",
        "a.b = 1",
        '"a" = 1',
        "a = 'x'",
        'a = """x"""',
        'a = ["""x"""]',
        'a = "\\n"',
        "a = 01",
        "a = +1",
        "a = 1_000",
        "a = 0x1",
        "a = 1e3",
        "a = .5",
        "a = 1.",
        "a = inf",
        "a = nan",
        "a = True",
        "a = 2023-02-29",
        "a = 2023-13-01",
        "a = 0000-01-01",
        "a = 2023-1-01",
        "a = 2023-01-01T00:00:00",
        "a = \u0661",
        "a = [1]",
        'a = [["x"]]',
        'a = ["x" "y"]',
        'a = ["x",, "y"]',
        'a = [, "x"]',
        'a = ["x"',
        'a = ["x"] y',
        'a = "x" y',
        "a = {}",
        "a =",
        "a",
        "= 1",
        "[a",
        "[a]]",
        "[[a]",
        "[]",
        "[a]b",
        "a = 1\r",
        "a = 1\x00",
        "# \x07",
        "a = 99999999999999999999",
    ],
)
def test_what_it_leaves_to_tomli(text: str) -> None:
    """Whether that reads it or says what is wrong."""
    assert plain_toml.read(text) is None


PIECES = st.sampled_from(
    [
        *("a", "b-c", "_", "1", "\u00e9", ".", "=", " = ", "[", "]", "[[", "]]", "[a]", "[[b]]"),
        *('"', "'", '"x"', '""', '["x", "y"]', "[", ",", "#", " ", "\t", "\n", "\n", "\n", "\r"),
        *("true", "false", "True", "0", "-", "+", "5", "1.5", "1e5", "0x5", "_", "2027-01-31"),
        *("2027-02-30", "inf", "\\", "\x00", "\u0661", "{", "}", "a = 1\n", "a = [\n", '"""'),
    ]
)


@settings(max_examples=2000)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_pieces_in_any_order(text: str) -> None:
    """Nothing is read that tomli does not read, nor read otherwise."""
    agrees(text)


@settings(max_examples=500)
@given(st.sampled_from(LAWS), st.data())
def test_a_damaged_law(path: Path, data: st.DataObject) -> None:
    """A character more, less or other, anywhere."""
    text = path.read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.one_of(st.just(""), st.text(max_size=2), PIECES))
    agrees(text[:at] + piece + text[at + data.draw(st.integers(0, 2)) :])


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever it is."""
    agrees(text)
