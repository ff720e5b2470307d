"""Frozen values with named fields."""

from __future__ import annotations

import pytest

from saferun.judge.record import Record


class Point(Record):
    """Two numbers."""

    x: int
    y: int = 0


class Named(Point):
    """A point with a name."""

    name: str = "origin"


def test_fields_are_taken_by_position_by_name_and_by_default() -> None:
    """All three ways of giving a field end in the same value."""
    assert Point(1, 2) == Point(1, y=2) == Point(y=2, x=1)
    assert Point(1) == Point(1, 0)


def test_a_subclass_adds_its_fields_after_those_of_its_base() -> None:
    """Positions of a base class stay what they were."""
    named = Named(1, 2, "here")
    assert (named.x, named.y, named.name) == (1, 2, "here")
    assert Named(1).name == "origin"


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 1})],
    ids=["missing", "too many", "twice", "unknown", "only a default"],
)
def test_wrong_fields_are_a_type_error(values: tuple[int, ...], named: dict[str, int]) -> None:
    """A value is never made with a field missing, unknown or given twice."""
    with pytest.raises(TypeError, match="Point"):
        Point(*values, **named)


def test_a_value_cannot_be_changed() -> None:
    """What was judged stays what it was when it was judged."""
    point = Point(1, 2)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del point.y
    assert point == Point(1, 2)


def test_replace_makes_a_changed_copy_and_leaves_the_value_alone() -> None:
    """A copy differs in the named fields only; unknown names are refused."""
    point = Point(1, 2)
    assert point.replace(y=5) == Point(1, 5)
    assert point == Point(1, 2)
    with pytest.raises(TypeError):
        point.replace(z=1)


def test_values_are_equal_by_type_and_fields_and_hash_alike() -> None:
    """Two types with the same fields are not the same value."""
    assert Point(1, 2) != Point(2, 1)
    assert Point(1, 2) != Named(1, 2)
    assert Point(1, 2) != (1, 2)
    assert len({Point(1, 2), Point(1, 2), Named(1, 2)}) == 2


def test_a_value_shows_its_fields() -> None:
    """What a failing test prints can be read."""
    assert repr(Point(1)) == "Point(x=1, y=0)"
