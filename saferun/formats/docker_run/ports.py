"""--publish: which ports of the host, on which addresses (go-connections nat.ParsePortSpec)."""

from __future__ import annotations

from saferun.judge.spec import Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from saferun.formats.docker_run.command import RunCommand

#: What no address stands for: every one of this machine.
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - what it is called
LAST_PORT = 65535


def ports(command: RunCommand, exposed: Iterable[str]) -> tuple[Port, ...]:
    """Return every port of the host that is asked for; `exposed` are the image's.

    --publish-all asks for one port, of the engine's choice, for each that is exposed.
    """
    found = [port for value in command.all("publish") for port in published(value)]
    if command.is_true("publish-all"):
        for one in dict.fromkeys([*exposed, *command.all("expose")]):
            found += (Port(address, 0, 0, _protocol(one)) for address in EVERY_ADDRESS)
    return tuple(dict.fromkeys(found))


def published(value: str) -> tuple[Port, ...]:
    """Return what one --publish asks for; all ports when it cannot be understood.

    With an equals sign it is a list of fields, and a quote is a letter like any other (docker/cli
    convertToStandardNotation).
    """
    if "=" in value:
        said = dict(field.partition("=")[::2] for field in value.split(","))
        value = f"{said.get('published', '')}:/{said.get('protocol', '')}"
    *host, container = value.split(":")
    first, last = _range(host.pop() if host else "")
    address = _address(":".join(host))
    addresses = (address,) if address else EVERY_ADDRESS
    return tuple(Port(one, first, last, _protocol(container)) for one in addresses)


def _protocol(port: str) -> str:
    """Return the protocol of `PORT[/PROTOCOL]`; nobody reads what follows another slash."""
    _, _, text = port.partition("/")
    return text.partition("/")[0].lower() or "tcp"


def _address(text: str) -> str:
    """Return an address in its one canonical form, as text; as it is when it is none."""
    text = text.removeprefix("[").removesuffix("]")
    if ":" not in text:
        return text
    import ipaddress  # few name one that can be written in several ways

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return str(address.ipv4_mapped or address)


def _range(text: str) -> tuple[int, int]:
    """Return the first and the last port; all of them for what is no range."""
    if not text:
        return 0, 0
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if all(one.isascii() and one.isdigit() and len(one) <= len("65535") for one in numbers):
        return int(numbers[0]), int(numbers[1])
    return 0, LAST_PORT
