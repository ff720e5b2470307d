"""--publish and --publish-all: which ports of the host are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.ports import ports, published
from saferun.judge.spec import Port

EVERYWHERE = ("0.0.0.0", "::")
#: What is asked for where a range is none.
ALL = (0, 65535)


@pytest.mark.parametrize(
    ("value", "addresses", "range_", "protocol"),
    [
        ("80", EVERYWHERE, (0, 0), "tcp"),
        ("80/udp", EVERYWHERE, (0, 0), "udp"),
        ("22:80", EVERYWHERE, (22, 22), "tcp"),
        ("22-30:80", EVERYWHERE, (22, 30), "tcp"),
        ("022:80", EVERYWHERE, (22, 22), "tcp"),
        ("65535:80", EVERYWHERE, (65535, 65535), "tcp"),
        (":80", EVERYWHERE, (0, 0), "tcp"),
        ("::80", EVERYWHERE, (0, 0), "tcp"),
        (":22:80", EVERYWHERE, (22, 22), "tcp"),
        ("22:80/UDP", EVERYWHERE, (22, 22), "udp"),
        ("22:80/", EVERYWHERE, (22, 22), "tcp"),
        ("22:80/udp/tcp", EVERYWHERE, (22, 22), "udp"),
        ("127.0.0.1:22:80", ("127.0.0.1",), (22, 22), "tcp"),
        ("127.0.0.1::80/sctp", ("127.0.0.1",), (0, 0), "sctp"),
        ("[::1]:22:80", ("::1",), (22, 22), "tcp"),
        ("0:0::1:22:80", ("::1",), (22, 22), "tcp"),
        ("[::ffff:10.0.0.1]:22:80", ("10.0.0.1",), (22, 22), "tcp"),
        # With an equals sign it is a list of fields.
        ("published=22,target=80", EVERYWHERE, (22, 22), "tcp"),
        ("published=22-30,target=80-88,protocol=UDP", EVERYWHERE, (22, 30), "udp"),
        ("target=80", EVERYWHERE, (0, 0), "tcp"),
        ("published=22,published=23,target=80", EVERYWHERE, (23, 23), "tcp"),
        ("published=127.0.0.1:22,target=80", ("127.0.0.1",), (22, 22), "tcp"),
        ("published=22,target=80,protocol=", EVERYWHERE, (22, 22), "tcp"),
        ("published=22,target=80,protocol=udp/tcp", EVERYWHERE, (22, 22), "udp"),
        # They are no comma-separated values: a quote and a line's end are letters like others.
        ('published=22,target=80,x="', EVERYWHERE, (22, 22), "tcp"),
        ('published=22,target=80,"x"=1', EVERYWHERE, (22, 22), "tcp"),
        ("x=\n,published=22,target=80", EVERYWHERE, (22, 22), "tcp"),
        # Docker refuses these, or reads less of them.
        ("x:80", EVERYWHERE, ALL, "tcp"),
        ("22-:80", EVERYWHERE, ALL, "tcp"),
        ("80-90-100:80", EVERYWHERE, ALL, "tcp"),
        ("000080:80", EVERYWHERE, ALL, "tcp"),
        ("100000:80", EVERYWHERE, ALL, "tcp"),
        ("\u0661:80", EVERYWHERE, ALL, "tcp"),
        ("\u00b2\u00b2:80", EVERYWHERE, ALL, "tcp"),
        ("22 :80", EVERYWHERE, ALL, "tcp"),
        ("published=2=2,target=80", EVERYWHERE, ALL, "tcp"),
        ("XX:22:80", ("XX",), (22, 22), "tcp"),
        ("fe80::X:22:80", ("fe80::X",), (22, 22), "tcp"),
    ],
)
def test_what_is_published(
    value: str, addresses: tuple[str, ...], range_: tuple[int, int], protocol: str
) -> None:
    """As the client makes it out; on every address where none is named."""
    assert published(value) == tuple(Port(one, *range_, protocol) for one in addresses)


def asked(*options: tuple[str, str], exposed: tuple[str, ...] = ()) -> tuple[Port, ...]:
    """Return the ports that options ask for, with an image that exposes some."""
    return ports(RunCommand(options, (), "img", ()), exposed)


def test_all_that_is_exposed_is_published_on_ports_of_the_engines_choice() -> None:
    """Once for each protocol, after those that are named, and only where it is asked for."""
    options = (("expose", "53/UDP"), ("publish", "127.0.0.1:22:80"), ("expose", "54/sctp/x"))
    named = Port("127.0.0.1", 22, 22)
    every = (("publish-all", "true"),)
    exposed = ("80/tcp", "81", "53/udp")
    assert asked(*options, exposed=exposed) == (named,)
    assert asked(*options, ("publish-all", "false"), exposed=exposed) == (named,)
    assert asked(*options, *every, exposed=exposed) == (
        named,
        *(Port(one, 0, 0, protocol) for protocol in ("tcp", "udp", "sctp") for one in EVERYWHERE),
    )


@given(st.text(alphabet='0123456789:-/[]=,"\n\u0661x'))
def test_whatever_is_published_is_a_range_of_ports(value: str) -> None:
    """It may be all of them; it is never none."""
    for port in published(value):
        assert 0 <= port.first <= 99999
        assert 0 <= port.last <= 99999
        assert port.address
        assert port.protocol
    assert published(value)
