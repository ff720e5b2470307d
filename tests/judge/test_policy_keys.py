"""The table of keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.keys import KEYS, ROOT_OR_NOT, VERBS, kind_of, table_of
from saferun.judge.values.amounts import size

MIB = 1024 * 1024


def test_every_key_has_a_place_and_unknown_ones_have_none() -> None:
    """No entry of the table is dead, and nothing outside it is accepted."""
    for key in KEYS:
        assert any(kind_of(verb, "any", key) for verb in VERBS)
    for verb in VERBS:
        assert kind_of(verb, "any", "no-such-flag") is None


def test_who_is_root_cannot_depend_on_who_is_root() -> None:
    """Defaults that are needed before have a place in the plain table only."""
    for key in ("user", "pull", "platform"):
        assert kind_of("defaults", "any", key)
        for whom in ROOT_OR_NOT:
            assert kind_of("defaults", whom, key) is None
            assert kind_of("limits", whom, key)


def test_no_default_can_be_a_power_that_only_a_person_should_ask_for() -> None:
    """What can only be limited cannot be asked for by a file."""
    for key in ("privileged", "use-api-socket", "verify"):
        assert kind_of("defaults", "any", key) is None
        assert kind_of("limits", "nonroot", key)


def test_tables_are_named_as_files_write_them() -> None:
    """The name in a message is the name to type."""
    assert table_of("limits", "any") == "limits"
    assert table_of("require", "nonroot") == "nonroot.require"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("512b", 512),
        ("512m", 512 * MIB),
        ("512M", 512 * MIB),
        ("512mb", 512 * MIB),
        ("512MiB", 512 * MIB),
        ("1.5g", 1536 * MIB),
        ("0.5k", 512),
        ("1p", 1 << 50),
    ],
)
def test_sizes_are_read_in_dockers_units(text: str, expected: int) -> None:
    """Binary multiples, as every docker CLI reads them."""
    assert size(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", "512x", "512mm", "512bb", "512ib", "-1", "+1", "1e3", "0x10", "1,5g", ".5g"),
        *("5.", "1.2.3", " 512m", "512 m", "5 12m", "\u0665m", "512m\n", "1" * 21, "9" * 5000),
    ],
    ids=lambda text: repr(text[:9]),
)
def test_what_docker_clis_read_differently_is_no_size(text: str) -> None:
    """A law must not mean one thing to one CLI and another to the next."""
    assert size(text) is None


@given(st.text(alphabet="0123456789.kmgtpibKMGTPIB -+ex", max_size=12))
def test_a_size_is_a_whole_number_of_bytes_or_nothing(text: str) -> None:
    """Reading never raises."""
    found = size(text)
    assert found is None or found >= 0
