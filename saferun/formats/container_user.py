"""Who a container's user is, by the engine's rules.

Source: moby daemon/oci_linux.go and opencontainers/runc libcontainer/user (moby/sys/user), read
together with what engines 20.10, 28 and 29 do. The engine resolves user and groups at start, in the
container's own /etc/passwd and /etc/group; the gate settles the uid by the kernel's answer in every
case.

Files are given as their content: empty when there is no such file, None when it cannot be known
what the engine will read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where the engine looks users and groups up.
PASSWD = "/etc/passwd"  # noqa: S105 - the name of a file
GROUP = "/etc/group"
#: The largest uid or gid that an engine takes.
LARGEST_ID = (1 << 31) - 1
#: What Go's bytes.TrimSpace takes away; Python's strip() takes more.
SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)


def user_part(user: str) -> str:
    """Return the part of `user[:group]` that decides the uid; empty means root."""
    return user.partition(":")[0]


def group_part(user: str) -> str:
    """Return the part of `user[:group]` that decides the gid; empty when the user does."""
    return user.partition(":")[2].partition(":")[0]


def number(name: str) -> int | None:
    """Return the uid that a user is by itself, or None when it is a name to be looked up.

    An empty user is uid 0. A number outside 0..2147483647 is returned as it is; one beyond 64 bits
    is a name to older engines.
    """
    return 0 if not name else _numeric(name)


def uid(user: str, passwd: bytes | None) -> int | None:
    """Return the uid of `user[:group]`; None when it cannot be told, or no engine would take it.

    A number that is out of range is not refused where a line of passwd has it, too; then 32 bits of
    it are taken, which may be root's.
    """
    name = user_part(user)
    value = number(name)
    if value is None:
        return None if passwd is None else look_up(name, passwd)
    return _in_range(value)


def gid(user: str, passwd: bytes | None, group: bytes | None) -> int | None:
    """Return the primary gid of `user[:group]`; None when it cannot be told.

    Without a group it is that of the user's line in passwd: the first with this name, or this uid;
    a uid without a line has gid 0.
    """
    name = group_part(user)
    if name:
        value = _numeric(name)
        if value is not None:
            return _in_range(value)
        return None if group is None else _first(name, 2, group, comments=True)
    if passwd is None:
        return None
    name = user_part(user)
    value = number(name)
    if value is None:
        return _first(name, 3, passwd)
    if _in_range(value) is None:
        return None
    of_uid = (fields for fields in _lines(passwd) if _integer(fields, 2) == value)
    return _integer(next(of_uid, []), 3) & 0xFFFFFFFF


def memberships(user: str, passwd: bytes, group: bytes) -> frozenset[int]:
    """Return the further groups that the engine gives `user[:group]` by itself.

    Only a user without a group, and with a line in passwd, gets those that list its name there
    (runc libcontainer/user GetExecUser).
    """
    name = user_part(user)
    if group_part(user):
        return frozenset()
    value = number(name)
    names = (
        fields[0]
        for fields in _lines(passwd)
        if (fields[0] == name if value is None else _integer(fields, 2) == value)
    )
    known = next(names, None)
    return frozenset(
        _integer(fields, 2) & 0xFFFFFFFF
        for fields in _lines(group)
        if known and known in "".join(fields[3:4]).split(",")
    )


def additional_gid(value: str, group: bytes | None) -> int | None:
    """Return the gid that a --group-add adds; None when that cannot be told.

    Engines up to 28 take a line of the group file for it whose name or gid it is, newer ones a
    number for what it says; and the runtime, which is handed the gid as a number, looks that up
    once more in the same way. A name that is there twice stands for the second line when it is
    asked for twice. So only where all of these agree there is an answer.
    """
    if group is None:
        return None
    lines = [
        (fields[0], _integer(fields, 2))
        for fields in _lines(group)
        if not fields[0].startswith("#")
    ]
    found = {gid for name, gid in lines if value in (name, str(gid))}
    numeric = _numeric(value)
    if numeric is not None:
        found.add(numeric)
    names = set(map(str, found))
    found.update([gid for name, gid in lines if name in names])
    return _in_range(found.pop()) if len(found) == 1 else None


def look_up(name: str, passwd: bytes) -> int | None:
    """Return the uid of the first line of passwd(5) with exactly this name, or None.

    A uid that is no number reads as 0 and one beyond 32 bits is cut off, as in the engine: a
    hostile image must not look more harmless here than it is there.
    """
    return _first(name, 2, passwd)


def may_cover(path: str, targets: tuple[str | None, ...]) -> bool:
    """Tell whether a mount at one of these container paths may replace a file of the image."""
    return any(
        target is None or target == path or path.startswith(f"{target.rstrip('/')}/")
        for target in targets
    )


def _first(name: str, field: int, content: bytes, *, comments: bool = False) -> int | None:
    """Return a number from the first line with exactly this name."""
    for fields in _lines(content):
        if fields[0] == name and name and not (comments and name.startswith("#")):
            return _integer(fields, field) & 0xFFFFFFFF
    return None


def _lines(content: bytes) -> Iterator[list[str]]:
    """Yield the fields of every line that is not blank."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        line = line.strip(SPACE)  # noqa: PLW2901 - it is the same line
        if line:
            yield line.split(":")


def _integer(fields: list[str], at: int) -> int:
    """Return a field as the engine reads a number: 0 when it is none, or not there."""
    return _atoi(fields[at])[0] if at < len(fields) else 0


def _in_range(value: int) -> int | None:
    return value if 0 <= value <= LARGEST_ID else None


def _numeric(name: str) -> int | None:
    value, whole = _atoi(name)
    return value if whole else None


def _atoi(text: str) -> tuple[int, bool]:
    """Convert as Go's strconv.Atoi: the value, and whether it is what the text says.

    Decimal digits with an optional sign, nothing else: other text is 0; what does not fit 64 bits
    is the nearest number that does.
    """
    digits = text[1:] if text[:1] in ("+", "-") else text
    # str.isdigit() alone would take digits of other scripts.
    if not (digits.isascii() and digits.isdigit()):
        return 0, False
    # No number of 64 bits has more digits, and a million of them would be slow to convert.
    least, most = -(1 << 63), (1 << 63) - 1
    value = int(digits.lstrip("0")[:20] or "0") * (-1 if text[0] == "-" else 1)
    nearest = max(least, min(value, most))
    return nearest, nearest == value
