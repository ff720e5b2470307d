"""Users as the engine reads them: which are numbers, and what passwd makes of a name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saferun.formats.container_user import (
    PASSWD as FILE,
)
from saferun.formats.container_user import (
    additional_gid,
    gid,
    look_up,
    may_cover,
    memberships,
    number,
    user_part,
)

PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:3267:3267::/home/app:/bin/sh\ntoor:x:0:0::/:\n"

MOST = (1 << 63) - 1


def atoi(text: str) -> int:
    """Go's strconv.Atoi as passwd(5) is read with it: errors ignored, its value kept."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return 0
    return max(-MOST - 1, min(MOST, int(text)))


@pytest.mark.parametrize(
    "user", ["", "0", "00", "000", "+0", "-0", ":", ":0", ":3267", "0:3267", "0:99999", "0:+0"]
)
def test_spellings_of_uid_0(user: str) -> None:
    """What the engine runs as root whatever the image is."""
    assert number(user_part(user)) == 0


@pytest.mark.parametrize(
    ("user", "uid"),
    [
        ("3267", 3267),
        ("+3267", 3267),
        ("03267", 3267),
        ("3267:0", 3267),
        ("3267:3267:3267", 3267),
        ("2147483647", 2147483647),
        ("2147483648", 2147483648),
        ("4294967296", 4294967296),
        ("-1", -1),
    ],
)
def test_numbers_are_uids(user: str, uid: int) -> None:
    """Numbers are never looked up, and those the engine refuses are not root either."""
    assert number(user_part(user)) == uid


@pytest.mark.parametrize(
    "user",
    [
        *("0x0", "0b0", "0o0", "0_0", " 0", "0 ", "1e0", "0.0", "=", "ROOT", "root", "toor", "a,b"),
        *("+", "-", "--0", "+-0", "0\n", "\u0660", "\uff10", "\u00b2", "\u2070", "0\u0300"),
    ],
)
def test_everything_else_is_a_name(user: str) -> None:
    """What Go's Atoi does not take, digits of other scripts among it."""
    assert number(user_part(user)) is None


@given(st.one_of(st.text(), st.from_regex(r"[+-]?[0-9]{1,40}", fullmatch=True)))
@example("10000000000")
def test_numbers_agree_with_atoi(text: str) -> None:
    """The same texts are numbers, the same ones 0, and the same ones beyond what engines take."""
    found = number(text)
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        assert found == (0 if text == "" else None)
    elif -(1 << 63) <= int(text) < 1 << 63:
        assert found == int(text)
    else:
        # Older engines take it for a name; newer ones refuse it.
        assert found is None


def test_a_million_digits_are_read_at_once() -> None:
    """A long number neither takes long nor hits Python's own limit."""
    assert number("0" * 1_000_000) == 0
    assert number("9" * 1_000_000) is None


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("root", 0),
        ("toor", 0),
        ("app", 3267),
        ("ROOT", None),
        ("ap", None),
        ("x", None),
        ("", None),
    ],
)
def test_names_are_looked_up(name: str, uid: int | None) -> None:
    """Exactly this name, with its case."""
    assert look_up(name, PASSWD) == uid


@pytest.mark.parametrize(
    ("line", "name", "uid"),
    [
        (b"badnum:x:abc:0::/:", "badnum", 0),
        (b"short", "short", 0),
        (b"two:x", "two", 0),
        (b"hex:x:0x0:7", "hex", 0),
        (b"empty:x::9::/:", "empty", 0),
        (b"zero:x:000:0", "zero", 0),
        (b"plus:x:+0:0", "plus", 0),
        (b"wrap:x:4294967296:0::/:", "wrap", 0),
        (b"wrap:x:34359738368:0::/:", "wrap", 0),
        (b"wrap:x:42949672961:0::/:", "wrap", 1),
        (b"beyond:x:99999999999999999999:0::/:", "beyond", 4294967295),
        (b"big2:x:4294968563:5::/:", "big2", 1267),
        (b"neg:x:-1:0::/:", "neg", 4294967295),
        (b"big:x:4294967295:0::/:", "big", 4294967295),
        (b"  \t spaced:x:1234:1234::/:", "spaced", 1234),
        (b"crlf:x:77:77::/:\r", "crlf", 77),
        (b"\xff\xfe:x:78:78::/:", "\udcff\udcfe", 78),
        (b"twice:x:5:5\ntwice:x:0:0", "twice", 5),
        (b"\n\n:x:0:0\nlate:x:6:6", "late", 6),
        (b"spaced :x:0:0", "spaced", None),
    ],
)
def test_hostile_lines(line: bytes, name: str, uid: int | None) -> None:
    """Broken lines mean what they mean to the engine, which is often root."""
    assert look_up(name, b"other:x:9:9\n" + line + b"\nroot:x:0:0\n") == uid


@given(
    st.one_of(
        st.from_regex(r"[+-]?[0-9]{0,25}", fullmatch=True),
        st.text(st.characters(codec="ascii", exclude_characters=":\n\r")),
    )
)
def test_uids_in_passwd_agree_with_atoi(text: str) -> None:
    """No text may look more harmless here than it is to the engine, which keeps 32 bits of it."""
    line = f"app:x:{text}:0:"
    assert look_up("app", line.encode()) == atoi(text) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("target", "covers"),
    [
        ("/", True),
        ("/etc", True),
        ("/etc/passwd", True),
        (None, True),
        ("/etcetera", False),
        ("/etc/group", False),
        ("/etc/passwd-", False),
        ("/data/etc", False),
    ],
)
def test_mounts_over_passwd(*, target: str | None, covers: bool) -> None:
    """Only these replace the file; what is not understood may do so."""
    assert may_cover(FILE, ("/data", target)) is covers
    assert not may_cover(FILE, ())


ETC_PASSWD = b"root:x:0:0::/:\napp:x:3267:3300::/:\n"
ETC_GROUP = b"root:x:0:\napp:x:3300:\n777:x:0:\ndisk:x:6:\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("3267", 3300),
        ("app", 3300),
        ("1000", 0),
        ("", 0),
        ("3267:5", 5),
        ("3267:disk", 6),
        ("app:", 3300),
        ("nobody", None),
        ("3267:nobody", None),
        ("3267:4294967296", None),
    ],
)
def test_the_gid_of_a_user(user: str, expected: int | None) -> None:
    """A number without a line in passwd has root's group."""
    assert gid(user, ETC_PASSWD, ETC_GROUP) == expected


def test_without_the_files_no_gid_can_be_told() -> None:
    """Only a number that is given says enough."""
    assert gid("3267", None, None) is None
    assert gid("3267:disk", None, None) is None
    assert gid("3267:5", None, None) == 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [("5", 5), ("disk", 6), ("nobody", None), ("777", None), ("6", 6), ("-1", None)],
)
def test_a_further_group(value: str, expected: int | None) -> None:
    """A number that is the name of another group means two things, and so nothing."""
    assert additional_gid(value, ETC_GROUP) == expected
    assert additional_gid(value, None) is None


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("app", {5, 6}),
        ("3267", {5, 6}),
        ("+3267", {5, 6}),
        ("other", {6}),
        ("root", set()),
        ("app:5", set()),
        ("app:", {5, 6}),
        ("1234", set()),
        ("nobody", set()),
        ("", set()),
    ],
)
def test_groups_that_list_the_user(user: str, expected: set[int]) -> None:
    """Of a user with a line in passwd and without a group of its own choice."""
    passwd = b"root:x:0:0::/:\napp:x:3267:3267::/:\nother:x:1:1::/:\n"
    group = b"root:x:0:\naudio:x:5:app\ndisk:x:6:other,app\nshort:x:7\nlike:x:8:apple\n"
    assert memberships(user, passwd, group) == expected
