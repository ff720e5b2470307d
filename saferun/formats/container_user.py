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

    As Go's strconv.Atoi: decimal digits with an optional sign, nothing else. An empty user is uid
    0. A number outside 0..2147483647 is refused by the engine; it is returned as it is.
    """
    if not name:
        return 0
    digits = name[1:] if name[0] in "+-" else name
    # str.isdigit() alone would take digits of other scripts, which Go does not.
    if not (digits.isascii() and digits.isdigit()):
        return None
    # The engine refuses what does not fit 31 bits; ten digits are enough to see that, and a million
    # of them would be slow to convert.
    value = int(digits.lstrip("0")[:10] or "0")
    return -value if name[0] == "-" else value


def look_up(name: str, passwd: bytes) -> int | None:
    """Return the uid of the first line of passwd(5) with exactly this name, or None.

    A uid that is no number reads as 0 and one beyond 32 bits is cut off, as in the engine: a
    hostile image must not look more harmless here than it is there.
    """
    wanted = name.encode("utf-8", "surrogateescape")
    for line in passwd.split(b"\n"):
        fields = line.strip().split(b":")
        if not fields[0] or fields[0] != wanted:
            continue
        uid = number(fields[2].decode("utf-8", "replace")) if len(fields) > 2 else 0  # noqa: PLR2004 - passwd(5) has the uid third
        return (uid or 0) & 0xFFFFFFFF
    return None


def may_cover_passwd(targets: tuple[str | None, ...]) -> bool:
    """Tell whether a mount at one of these container paths may replace the image's passwd."""
    return any(target is None or target in ("/", "/etc", PASSWD) for target in targets)
