"""Names, bits, and what an engine grants for given flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import (
    ALL,
    ANY,
    BITS,
    DEFAULT,
    NAMES,
    canonical,
    granted,
    is_known,
    mask_of,
    names_of,
)

NAME = st.sampled_from((*NAMES, "ALL"))
SOME = st.lists(NAME, max_size=5).map(tuple)

# What engines 20.10, 28 and 29 were seen to grant (CapBnd of the first process), with every
# capability of Linux 5.9 and later standing for "everything the engine has".
GRANTED: list[tuple[str, str, bool, int]] = [
    ("", "", False, 0xA80425FB),
    ("", "ALL", False, 0),
    ("ALL", "", False, ALL),
    ("", "", True, ALL),
    ("", "ALL", True, ALL),
    ("", "NET_RAW", True, ALL),
    ("ALL", "ALL", False, ALL),
    ("ALL", "SYS_ADMIN", False, ALL & ~(1 << 21)),
    ("ALL SYS_ADMIN", "SYS_ADMIN", False, ALL & ~(1 << 21)),
    ("CHOWN", "ALL", False, 0x1),
    ("CHOWN", "ALL CHOWN", False, 0x1),
    ("NET_BIND_SERVICE", "ALL", False, 0x400),
    ("SETPCAP", "ALL", False, 0x100),
    ("", "NET_RAW", False, 0xA80405FB),
    ("NET_ADMIN", "", False, 0xA80435FB),
    ("NET_RAW", "NET_RAW", False, 0xA80425FB),
    ("SYS_ADMIN", "SYS_ADMIN", False, 0xA82425FB),
    ("NET_ADMIN", "NET_RAW", False, 0xA80415FB),
    ("", "SYS_ADMIN", False, 0xA80425FB),
    ("BPF", "", False, 0x80A80425FB),
]


@pytest.mark.parametrize(("add", "drop", "privileged", "expected"), GRANTED)
def test_an_engine_grants_what_was_measured(
    add: str,
    drop: str,
    privileged: bool,  # noqa: FBT001 - a column of the table
    expected: int,
) -> None:
    """The arithmetic is the engines' own, also where an added and a dropped one meet."""
    assert granted(tuple(add.split()), tuple(drop.split()), privileged=privileged) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("NET_RAW", "NET_RAW"),
        ("net_raw", "NET_RAW"),
        ("Cap_Net_Raw", "NET_RAW"),
        ("all", "ALL"),
        ("CAP_ALL", "CAP_ALL"),
        (" NET_RAW", " NET_RAW"),
        ("NET_RAW,CHOWN", "NET_RAW,CHOWN"),
        ("CAP_CAP_CHOWN", "CAP_CAP_CHOWN"),
        ("\u0405YS_ADMIN", "\u0405YS_ADMIN"),
        ("sy\u017f_admin", "sy\u017f_admin"),
        ("K\u0131LL", "K\u0131LL"),
        ("", ""),
    ],
)
def test_names_are_read_as_engines_read_them(written: str, expected: str) -> None:
    """Case and prefix do not matter; spaces, commas and letters that look alike do."""
    assert canonical(written) == expected
    assert is_known(canonical(written)) == (expected in ("NET_RAW", "ALL"))


def test_the_names_are_the_kernels() -> None:
    """Bits of linux/capability.h at both ends and in between, and the default fourteen."""
    assert len(NAMES) == len(BITS) == 41
    assert [BITS[name] for name in ("CHOWN", "SYS_ADMIN", "CHECKPOINT_RESTORE")] == [0, 21, 40]
    assert len(names_of(DEFAULT)) == 14
    assert ALL | ANY == ANY


def test_a_bit_without_a_name_is_called_by_its_number() -> None:
    """A newer kernel's capability is still reported."""
    assert names_of(1 << 63 | 1 << 41 | 1) == ("CHOWN", "CAP_41", "CAP_63")


@pytest.mark.parametrize("name", ["", "NONSENSE", "all", "CAP_ALL", "CAP_CHOWN", "chown"])
def test_a_name_that_is_none_adds_nothing(name: str) -> None:
    """Neither by itself, nor to others, nor as one that is dropped."""
    assert mask_of((name,)) == 0
    assert mask_of(("KILL", name)) == mask_of(("KILL",))
    assert granted((name,), ("ALL",)) == 0
    assert granted((), (name,)) == DEFAULT


@given(st.integers(0, ALL))
def test_masks_and_names_say_the_same(mask: int) -> None:
    """There and back is the same mask."""
    assert mask_of(names_of(mask)) == mask


@given(st.text())
def test_reading_a_name_twice_changes_nothing(text: str) -> None:
    """A canonical name is its own canonical name."""
    assert canonical(canonical(text)) == canonical(text)


@given(SOME, SOME, st.permutations(range(5)))
def test_order_and_repetition_mean_nothing(
    add: tuple[str, ...], drop: tuple[str, ...], order: list[int]
) -> None:
    """Flags are sets to an engine."""
    shuffled = tuple(add[index] for index in order if index < len(add))
    assert granted(shuffled, drop * 2) == granted(add, drop)


@given(SOME, SOME, NAME)
def test_adding_never_takes_away(add: tuple[str, ...], drop: tuple[str, ...], more: str) -> None:
    """One more --cap-add can only grant more, unless ALL lets a drop count that did not before."""
    before, after = granted(add, drop), granted((*add, more), drop)
    assert after | before == after or (more == "ALL" and before & ~after & ~mask_of(drop) == 0)


@given(SOME)
def test_only_what_was_added_survives_a_dropped_all(add: tuple[str, ...]) -> None:
    """That is the rule that saferun stands on."""
    assert granted(add, ("ALL",)) == mask_of(add)
