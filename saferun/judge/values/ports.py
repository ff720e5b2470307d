"""Published ports: `[ADDRESS:]PORTS[/PROTOCOL]`, as in `127.0.0.1:8000-8999` or `[::1]:53/udp`.

ADDRESS is an IPv4 address, an IPv6 one in brackets, a network of either, or `*`, as when there is
none: any. PORTS is one, a range, or `*`; `0` is one that the engine chooses. Without a protocol it
is any of tcp, udp and sctp.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from saferun.judge.spec import Port

    #: IP version, first and last address.
    Addresses: TypeAlias = tuple[int, int, int]
    #: Addresses, None for any; first and last port; protocol, empty for any.
    Pattern: TypeAlias = tuple[Addresses | None, int, int, str]
    #: The same for what is asked for, which always has addresses.
    Asked: TypeAlias = tuple[Addresses, int, int, str]

PROTOCOLS = ("tcp", "udp", "sctp")
#: What is bound on every address of the host: 0.0.0.0 and ::.
EVERYWHERE = ((4, 0, 0), (6, 0, 0))
LAST = 65535
#: Where the kernel never chooses a port from, and so the engine does not (ip(7)).
WELL_KNOWN = 1023


def problem(item: str) -> str:
    """Return what published ports must be, or nothing when it is that."""
    if _pattern(item) is None:
        return (
            'ports such as "8080", "127.0.0.1:8000-8999", "[::1]:*" or "10.0.0.0/8:53/udp", '
            "where a network has no bits beyond its length"
        )
    return ""


def covers(pattern: str, port: Port) -> bool:
    """Tell whether a pattern permits all of a published range on all of its addresses.

    What is published on all addresses is permitted only by `*` or by that very address.
    """
    permitted, asked = _pattern(pattern), _asked(port)
    if permitted is None or asked is None:
        return False
    addresses, first, last, protocol = permitted
    its, start, end, _ = asked
    if protocol not in ("", port.protocol):
        return False
    if addresses is not None and not (
        its == addresses
        if its in EVERYWHERE or addresses in EVERYWHERE
        else its[0] == addresses[0] and addresses[1] <= its[1] and its[2] <= addresses[2]
    ):
        return False
    if last == 0:
        return port.last == 0
    return first <= start and end <= last


def touches(pattern: str, port: Port) -> bool:
    """Tell whether a denied pattern names any port that would be published, on any address.

    What is published on all addresses is also published on the one that is denied; `::` may take
    in IPv4.
    """
    denied, asked = _pattern(pattern), _asked(port)
    if denied is None or asked is None:
        return True
    addresses, first, last, protocol = denied
    its, start, end, _ = asked
    if protocol not in ("", port.protocol):
        return False
    if addresses is not None and its != EVERYWHERE[1]:
        if its[0] != addresses[0]:
            return False
        if its not in EVERYWHERE and (its[2] < addresses[1] or addresses[2] < its[1]):
            return False
    if last == 0:
        return port.first == 0
    return first <= end and start <= last


def _asked(port: Port) -> Asked | None:
    addresses = _addresses(port.address)
    if addresses is None or addresses[1] != addresses[2]:
        return None
    if port.protocol not in PROTOCOLS or not 0 <= port.first <= port.last <= LAST:
        return None
    first, last = (WELL_KNOWN + 1, LAST) if port.last == 0 else (port.first, port.last)
    return addresses, first, last, port.protocol


def _pattern(item: str) -> Pattern | None:  # noqa: PLR0911 - each way not to be one
    """Return what a pattern stands for, or None when it is none."""
    if item.startswith("["):
        address, bracket, rest = item[1:].partition("]")
        if not bracket or not rest.startswith(":") or ":" not in address:
            return None
        rest = rest[1:]
    else:
        address, colon, rest = item.rpartition(":")
        if not colon:
            address = "*"
        elif ":" in address:
            return None
    ports, slash, protocol = rest.partition("/")
    if slash and protocol not in PROTOCOLS:
        return None
    addresses = None if address == "*" else _addresses(address)
    if addresses is None and address != "*":
        return None
    if ports == "*":
        return addresses, 0, LAST, protocol
    start, dash, end = ports.partition("-")
    first, last = _number(start, LAST), _number(end if dash else start, LAST)
    if first is None or last is None or first > last or (dash and first == 0):
        return None
    return addresses, first, last, protocol


def _addresses(text: str) -> Addresses | None:
    """Return the addresses of an address or a network, or None when it is neither."""
    address, slash, length = text.partition("/")
    if ":" in address:
        return _ipv6(text)
    start, bits = _ipv4(address), _number(length, 32) if slash else 32
    if start is None or bits is None:
        return None
    size = 1 << 32 - bits
    return None if start % size else (4, start, start + size - 1)


def _ipv4(text: str) -> int | None:
    numbers = [_number(part, 255) for part in text.split(".")]
    if len(numbers) != 4 or None in numbers:  # noqa: PLR2004 - bytes of an address
        return None
    return int.from_bytes(bytes(number or 0 for number in numbers), "big")


def _ipv6(text: str) -> Addresses | None:
    if text == "::":
        return EVERYWHERE[1]
    # Few laws and few command lines have one, and it costs more than this whole module.
    from ipaddress import IPv6Network

    try:
        network = IPv6Network(text)
    except ValueError:
        return None
    if "%" in text:  # a zone, which no engine takes
        return None
    first, last = int(network.network_address), int(network.broadcast_address)
    mapped = 0xFFFF << 32
    if mapped <= first and last < mapped + (1 << 32):
        # An IPv4 address in disguise; Go, in which engines are written, makes no difference.
        return 4, first - mapped, last - mapped
    return 6, first, last


def _number(text: str, most: int) -> int | None:
    """Return a decimal number without leading zeros, which would be octal to some."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5) or text != str(int(text)):  # noqa: PLR2004 - digits of a port
        return None
    return int(text) if int(text) <= most else None
