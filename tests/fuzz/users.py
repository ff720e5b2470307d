"""passwd and group of a hostile image: nobody looks less like root here than to the engine.

An input is a user, the two files, and the value of a --group-add, with a NUL between them.
"""

from __future__ import annotations

import re

from saferun.formats import container_user
from tests.formats.test_container_user import atoi
from tests.fuzz import mutating

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

#: White space to Go (unicode.IsSpace).
GO_SPACE = r"[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*"
LINE = re.compile(f"{GO_SPACE}(.*?){GO_SPACE}", re.DOTALL)
NUMBER = re.compile(r"[+-]?[0-9]+")
LARGEST = (1 << 31) - 1
MASK = (1 << 32) - 1


def run(data: bytes) -> None:
    """Hold one user in one image against what must be true of all."""
    parts = [*data.split(b"\0", 3), b"", b"", b""]
    user, group_add = (parts[at].decode("utf-8", "surrogateescape") for at in (0, 3))
    passwd, group = parts[1], parts[2]
    name = user.partition(":")[0]
    uid = container_user.uid(user, passwd)
    assert uid == expected(name, passwd)
    assert container_user.uid(user, None) in (None, uid)
    gid = container_user.gid(user, passwd, group)
    assert gid is None or 0 <= gid <= MASK
    assert container_user.gid(user, None, None) in (None, gid)
    assert container_user.gid(user, passwd, None) in (None, gid)
    assert container_user.gid(user, None, group) in (None, gid)
    # The first line counts: whoever can only add to a file changes nobody who is in it.
    if uid is not None:
        assert (
            container_user.uid(user, passwd + b"\n%b:x:7:7" % name.encode(errors="replace")) == uid
        )
    found = container_user.memberships(user, passwd, group)
    listed = {atoi(fields[2]) & MASK if len(fields) > 2 else 0 for fields in lines(group)}
    assert found <= listed
    assert not (found and user.partition(":")[2].partition(":")[0])
    added = container_user.additional_gid(group_add, group)
    assert added is None or 0 <= added <= LARGEST
    assert container_user.additional_gid(group_add, None) is None


def expected(name: str, passwd: bytes) -> int | None:
    """Return the uid by the rules of moby/sys/user and Go's strconv, read by other means."""
    if not name:
        return 0
    value = atoi(name)
    if NUMBER.fullmatch(name) and str(abs(value)) == (name.lstrip("+-").lstrip("0") or "0"):
        return value if 0 <= value <= LARGEST else None
    for fields in lines(passwd):
        if fields[0] == name:
            return atoi(fields[2]) & MASK if len(fields) > 2 else 0
    return None


def lines(content: bytes) -> Iterator[list[str]]:
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        found = LINE.fullmatch(line)
        assert found
        if found[1]:
            yield found[1].split(":")


#: What such files are made of.
WORDS = ("root", "app", ":x:0:0::/:\n", ":x:5:5", "4294967296", "2147483648", "+0", "-0", "#")


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (b"\0", b"\n", b":"), WORDS, random)
