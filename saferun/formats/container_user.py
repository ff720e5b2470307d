"""Who a container's user is, by the engine's rules.

Source: moby daemon/oci_linux.go and opencontainers/runc libcontainer/user (moby/sys/user), read
together with what engines 20.10, 28 and 29 do. The engine resolves the user at start, in the
container's own /etc/passwd; the gate settles it by the kernel's answer in every case.
"""

from __future__ import annotations

#: Where the engine looks names up.
PASSWD = "/etc/passwd"  # noqa: S105 - the name of a file


def user_part(user: str) -> str:
    """Return the part of `user[:group]` that decides the uid; empty means root."""
    return user.partition(":")[0]


def number(name: str) -> int | None:
    """Return the uid that a user is by itself, or None when it is a name to be looked up.

    An empty user is uid 0. A number outside 0..2147483647 is refused by the engine at start and is
    returned as it is; one beyond 64 bits is a name to older engines.
    """
    if not name:
        return 0
    value, whole = _atoi(name)
    return value if whole else None


def look_up(name: str, passwd: bytes) -> int | None:
    """Return the uid of the first line of passwd(5) with exactly this name, or None.

    A uid that is no number reads as 0 and one beyond 32 bits is cut off, as in the engine: a
    hostile image must not look more harmless here than it is there.
    """
    wanted = name.encode("utf-8", "surrogateescape")
    for line in passwd.split(b"\n"):
        given, _, rest = line.strip().partition(b":")
        if given and given == wanted:
            uid = rest.partition(b":")[2].partition(b":")[0]
            return _atoi(uid.decode("utf-8", "replace"))[0] & 0xFFFFFFFF
    return None


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


def may_cover_passwd(targets: tuple[str | None, ...]) -> bool:
    """Tell whether a mount at one of these container paths may replace the image's passwd."""
    return any(target is None or target in ("/", "/etc", PASSWD) for target in targets)
