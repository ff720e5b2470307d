"""Items of lists: what they may look like, what they permit, and what they deny."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.spec import UNLIMITED, Device, Mount, Port
from saferun.judge.values import (
    destinations,
    device_rules,
    devices,
    globs,
    ids,
    images,
    paths,
    ports,
    settings,
    tmpfs,
    ulimits,
    volumes,
)
from saferun.judge.values.amounts import number, processors, show_processors, show_size, size

MODULES = {
    "globs": globs,
    "ids": ids,
    "images": images,
    "paths": paths,
    "volumes": volumes,
    "tmpfs": tmpfs,
    "devices": devices,
    "rules": device_rules,
    "ports": ports,
    "settings": settings,
    "ulimits": ulimits,
    "destinations": destinations,
}
DIGEST, ALL = "sha256:" + "a" * 64, "sha256:" + "0123456789abcdef" * 4
RIGHT = {
    "globs": ["runc", "io.*", "*", "a*b*c"],
    "ids": ["0", "1000", "1-", "5-7", "2147483647"],
    "images": [
        "busybox",
        "corp/*",
        "r.io:5000/a/b:1.*",
        f"a@{DIGEST}",
        DIGEST,
        "**",
        "r.io/**/x",
        ALL,
    ],
    "paths": ["/", "/a/b", "/home/*"],
    "volumes": ["/", "/a:ro", "/a:rw,shared", "data", "cache-*:ro", "/a:slave"],
    "tmpfs": ["/", "/tmp", "/tmp:exec", "/tmp:exec,suid,dev"],
    "devices": ["/dev/null", "/dev/dri/*:rw", "nvidia.com/gpu=all", "v/c=*"],
    "rules": ["c 1:3 rwm", "a *:* r", "b 8:* w", "c 4294967295:4294967295 r"],
    "ports": ["80", "*", "1-5/udp", "127.0.0.1:*", "[::1]:80", "10.0.0.0/8:1-2/tcp", "*:80"],
    "settings": ["net.ipv4.*", "net.**", "kernel.msgmax=5", "kernel/msgmax"],
    "ulimits": ["nofile=5", "core=unlimited", "core=9223372036854775807"],
    "destinations": ["syslog", "journald", "/var/log/saferun"],
}
WRONG = {
    "globs": ["", "a b", "caf\u00e9", "a\n"],
    "ids": ["", "-1", "1-0", "a", "1-2-3", "+1", "2147483648", "\u0661", "9" * 30],
    "images": ["", "/a", "a/", "a//b", "a:", "a@sha256:12", "sha256:12", "corp/**x", "A\u0410"],
    "paths": ["", "a", "/a/../b", "/a/./b", "/a/**", "/a\n"],
    "volumes": ["", ":ro", "/a:", "/a:x", "a/b", "/a/../b", "**", "/a:ro,"],
    "tmpfs": ["", "tmp", "/tmp:", "/tmp:noexec", "/tmp/.."],
    "devices": ["", "null", "/dev/null:", "/dev/null:x", "a/b/c=d", "a=b", "/dev/../x"],
    "rules": [
        "",
        "c 1:3",
        "x 1:3 r",
        "c 1 r",
        "c 1:3 x",
        "c  1:3 r",
        "c -1:3 r",
        "c 1:12345678901 r",
    ],
    "ports": [
        "",
        "a",
        "65536",
        "5-1",
        "0-5",
        "127.0.0.1",
        "::1:80",
        "[::1]80",
        "80/x",
        "10.0.0.1/8:1",
    ],
    "settings": ["", "=x", "a..b", "caf\u00e9"],
    "ulimits": ["", "nofile", "nofile=", "nofile=-1", "what=5", "nofile=5:6", "core=" + "9" * 20],
    "destinations": ["", "log", "/", "/var/log/", "/var/log/*", "/a/../b", "/a\n", "syslog "],
}


@pytest.mark.parametrize(
    ("form", "item"), [(form, item) for form, items in RIGHT.items() for item in items]
)
def test_what_may_be_written(form: str, item: str) -> None:
    """Each form in its own words."""
    assert MODULES[form].problem(item) == ""


@pytest.mark.parametrize(
    ("form", "item"), [(form, item) for form, items in WRONG.items() for item in items]
)
def test_what_may_not(form: str, item: str) -> None:
    """And what it must be instead."""
    assert MODULES[form].problem(item)


@given(st.sampled_from(sorted(MODULES)), st.text(max_size=20))
def test_no_text_is_too_strange(form: str, item: str) -> None:
    """There is an answer for every one."""
    assert isinstance(MODULES[form].problem(item), str)


@pytest.mark.parametrize(
    ("pattern", "text", "separator", "covered"),
    [
        ("a", "a", "", True),
        ("a*", "abc", "", True),
        ("*c", "abc", "", True),
        ("a*c*e", "abcde", "", True),
        ("a*a", "a", "", False),
        ("*", "", "", True),
        ("corp/*", "corp/x", "/", True),
        ("corp/*", "corp/x/y", "/", False),
        ("corp/*", "corp-evil/x", "/", False),
        ("**", "a/b/c", "/", True),
        ("a/**/z", "a/z", "/", True),
        ("a/**/z", "a/b/c/z", "/", True),
        ("a/**", "b/a", "/", False),
    ],
)
def test_globs(*, pattern: str, text: str, separator: str, covered: bool) -> None:
    """The whole text has to match, and `*` stays between two separators."""
    assert globs.covers(pattern, text, separator) is covered


def bind(
    source: str, mode: str = "rw", propagation: str = "private", *, exact: bool = True
) -> Mount:
    """Return a bind."""
    return Mount("bind", source, "/x", mode == "ro", propagation, exact=exact)


@pytest.mark.parametrize(
    ("pattern", "mount", "covers", "touches"),
    [
        ("/srv", bind("/srv"), True, True),
        ("/srv", bind("/srv/a/b"), True, True),
        ("/srv", bind("/srvx"), False, False),
        ("/srv", bind("/"), False, True),
        ("/home/*", bind("/home"), False, True),
        ("/home/*", bind("/home/a"), True, True),
        ("/home/*/.ssh", bind("/home/a"), False, True),
        ("/home/*/.ssh", bind("/home/a/work"), False, False),
        ("/srv:ro", bind("/srv"), False, False),
        ("/srv:ro", bind("/srv", "ro"), True, True),
        ("/srv:rw", bind("/srv", "ro"), True, False),
        ("/srv", bind("/srv", propagation="shared"), False, True),
        ("/srv:shared", bind("/srv", propagation="shared"), True, True),
        ("/srv:shared", bind("/srv"), True, False),
        ("/srv:ro,rw", bind("/srv"), True, True),
        ("/srv:ro,rw", bind("/srv", "ro"), True, True),
        ("/srv:ro,shared", bind("/srv", "ro", "shared"), True, True),
        ("/srv:ro,shared", bind("/srv", propagation="shared"), False, False),
        ("/srv:slave,shared", bind("/srv", propagation="slave"), True, True),
        ("/srv:slave", bind("/srv", propagation="shared"), False, False),
        ("/:shared", bind("/a/b", propagation="shared"), True, True),
        ("/srv", bind("/srv", exact=False), True, True),
        ("/srv", bind("/srv/a", exact=False), False, True),
        ("/etc", bind("/srv/a", exact=False), False, True),
        ("*", bind("/srv"), False, False),
        ("data", Mount("volume", "data", "/x"), True, True),
        ("d*", Mount("volume", "data", "/x"), True, True),
        ("d*:ro", Mount("volume", "data", "/x"), False, False),
        ("/", Mount("volume", "data", "/x"), False, False),
        ("/*", Mount("volume", "/data", "/x"), False, False),
        ("logs", Mount("volume", "data", "/x"), False, False),
    ],
)
def test_mounts(*, pattern: str, mount: Mount, covers: bool, touches: bool) -> None:
    """A limit permits what lies below; a denial also means what lies above."""
    assert volumes.covers(pattern, mount) is covers
    assert volumes.touches(pattern, mount) is touches


NAMES = st.lists(st.sampled_from(["a", "b", "*", "c"]), min_size=1, max_size=4)


@given(NAMES, NAMES)
def test_what_is_covered_is_touched(pattern: list[str], path: list[str]) -> None:
    """And so is everything below and above it."""
    item, asked = "/" + "/".join(pattern), "/" + "/".join(path).replace("*", "x")
    if paths.covers(item, asked):
        assert paths.touches(item, asked)
        assert paths.covers(item, asked + "/below")
        assert paths.touches(item, asked.rpartition("/")[0] or "/")


@pytest.mark.parametrize(
    ("pattern", "device", "covers", "touches"),
    [
        ("/dev/null", Device("/dev/null"), True, True),
        ("/dev/null:rw", Device("/dev/null"), False, True),
        ("/dev/null:rw", Device("/dev/null", "r"), True, True),
        ("/dev/null:r", Device("/dev/null", "w"), False, False),
        ("/dev/null", Device("/dev"), False, True),
        ("/dev/dri/*", Device("/dev/dri/card0"), True, True),
        ("/dev/null", Device("/dev/x", exact=False), False, True),
        ("v.com/gpu=*", Device("v.com/gpu=0"), True, True),
        ("v.com/gpu=*", Device("/dev/null"), False, False),
        ("/", Device("v.com/gpu=0"), False, False),
    ],
)
def test_devices(*, pattern: str, device: Device, covers: bool, touches: bool) -> None:
    """With everything that may be done with them."""
    assert devices.covers(pattern, device) is covers
    assert devices.touches(pattern, device) is touches


@pytest.mark.parametrize(
    ("pattern", "rule", "covers", "touches"),
    [
        ("c 1:3 rwm", "c 1:3 rw", True, True),
        ("c 1:* rwm", "c 1:3 r", True, True),
        ("a *:* rwm", "b 8:0 rwm", True, True),
        ("c 1:3 r", "c 1:3 rw", False, True),
        ("c 1:3 r", "c 1:3 w", False, False),
        ("c 1:3 rwm", "c *:* r", False, True),
        ("c 1:3 rwm", "b 1:3 r", False, False),
        ("c 1:3 rwm", "a 1:3 r", False, True),
        ("c 1:3 rwm", "c 2:3 r", False, False),
        ("c 1:3 rwm", "c 1:4 r", False, False),
        ("c 1:3 rwm", "c 1:* r", False, True),
        ("c 1:3 rwm", "c 01:003 r", True, True),
        ("b *:* m", "a 1:3 m", False, True),
        ("c 1:3 rwm", "nonsense", False, True),
    ],
)
def test_rules_of_devices(*, pattern: str, rule: str, covers: bool, touches: bool) -> None:
    """No more than is permitted; what is not understood is denied."""
    assert device_rules.covers(pattern, rule) is covers
    assert device_rules.touches(pattern, rule) is touches


@pytest.mark.parametrize(
    ("pattern", "asked", "covers", "touches"),
    [
        ("1-", 0, False, False),
        ("1-", 5, True, True),
        ("5-7", 8, False, False),
        ("0", 0, True, True),
        ("0-", None, False, True),
    ],
)
def test_ids(*, pattern: str, asked: int | None, covers: bool, touches: bool) -> None:
    """One that is not known is never permitted, and may be denied."""
    assert ids.covers(pattern, asked) is covers
    assert ids.touches(pattern, asked) is touches


@pytest.mark.parametrize(
    ("pattern", "port", "covers", "touches"),
    [
        ("8080", Port("0.0.0.0", 8080, 8080), True, True),
        ("127.0.0.1:*", Port("127.0.0.1", 80, 80), True, True),
        ("127.0.0.1:*", Port("0.0.0.0", 80, 80), False, True),
        ("0.0.0.0:*", Port("127.0.0.1", 80, 80), False, False),
        ("0.0.0.0:*", Port("0.0.0.0", 80, 80), True, True),
        ("[::]:*", Port("::", 80, 80), True, True),
        ("[::1]:*", Port("::", 80, 80), False, True),
        ("10.0.0.0/8:*", Port("10.1.2.3", 80, 80), True, True),
        ("10.0.0.0/8:*", Port("11.0.0.1", 80, 80), False, False),
        ("[fd00::/8]:*", Port("fd00::1", 80, 80), True, True),
        ("*:8000-8999", Port("::1", 8000, 8999), True, True),
        ("*:8000-8999", Port("::1", 8990, 9010), False, True),
        ("*:80/udp", Port("::1", 80, 80), False, False),
        ("*:80", Port("::1", 80, 80, "udp"), True, True),
        ("*", Port("0.0.0.0", 0, 0), True, True),
        ("*:0", Port("0.0.0.0", 0, 0), True, True),
        ("*:80", Port("0.0.0.0", 0, 0), False, False),
        ("*", Port("nonsense", 80, 80), False, True),
    ],
)
def test_ports(*, pattern: str, port: Port, covers: bool, touches: bool) -> None:
    """All addresses are more than any one of them."""
    assert ports.covers(pattern, port) is covers
    assert ports.touches(pattern, port) is touches


@given(st.ip_addresses(), st.ip_addresses(v=4), st.integers(0, 32))
def test_networks_agree_with_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    network: ipaddress.IPv4Address,
    length: int,
) -> None:
    """For addresses that are one address."""
    within = ipaddress.ip_network(f"{network}/{length}", strict=False)
    port = Port(str(address), 80, 80)
    if int(address) and getattr(address, "ipv4_mapped", None) is None:
        assert ports.covers(f"{within}:80", port) is (address in within)


@pytest.mark.parametrize(
    ("pattern", "asked", "separator", "covered"),
    [
        ("net.ipv4.*", ("net.ipv4.x", "1"), "", True),
        ("net.ipv4.*", ("net.ipv4.conf.x", "1"), "", False),
        ("net.**", ("net/ipv4/conf/x", "1"), "", True),
        ("kernel.x=1", ("kernel.x", "1"), "", True),
        ("kernel.x=1", ("kernel.x", "2"), "", False),
        ("kernel.x=16", ("kernel.x", "0x10"), "", True),
        ("kernel.x=16", ("kernel.x", "0X10"), "", True),
        ("kernel.x=16", ("kernel.x", "020"), "", True),
        ("kernel.x=16", ("kernel.x", "10"), "", False),
        ("kernel.x=10", ("kernel.x", "010"), "", False),
        ("kernel.x=9", ("kernel.x", "010"), "", False),
        ("kernel.x=-16", ("kernel.x", "-0x10"), "", True),
        ("kernel.x=-16", ("kernel.x", "0x10"), "", False),
        ("kernel.x=16", ("kernel.x", "-020"), "", False),
        ("kernel.x=4 0x10", ("kernel.x", "04\t16"), "", True),
        ("kernel.x=8", ("kernel.x", "0" * 18 + "10"), "", True),
        ("kernel.x=8", ("kernel.x", "0" * 19 + "10"), "", False),
        ("kernel.x=10", ("kernel.x", "1_0"), "", False),
        ("kernel.x=1", ("kernel.x", "\u0661"), "", False),
        ("kernel.x=08", ("kernel.x", "08"), "", True),
        ("kernel.x=8", ("kernel.x", "08"), "", False),
        ("kernel.x=", ("kernel.x", ""), "", True),
        ("seccomp", ("seccomp", "unconfined"), "=", True),
        ("seccomp=sha256:*", ("seccomp", "unconfined"), "=", False),
        ("*:10.0.0.*", ("db", "10.0.0.5"), ":", True),
        ("db", ("dbx", "1"), ":", False),
    ],
)
def test_settings(*, pattern: str, asked: tuple[str, str], separator: str, covered: bool) -> None:
    """A name alone stands for every value."""
    assert settings.covers(pattern, asked, separator) is covered


@pytest.mark.parametrize(
    ("pattern", "asked", "covered"),
    [
        ("nofile=5", ("nofile", 5, 5), True),
        ("nofile=5", ("nofile", 5, 6), False),
        ("nofile=5", ("nproc", 1, 1), False),
        ("nofile=5", ("nofile", UNLIMITED, UNLIMITED), False),
        ("core=unlimited", ("core", UNLIMITED, UNLIMITED), True),
        ("core=0", ("core", 0, 0), True),
        ("core=5", ("core", 0, 5), True),
        ("core=5", ("core", 6, 5), False),
        ("core=5", ("core", -1, -1), False),
        ("core=5=6", ("core", 6, 6), False),
        ("core", ("core", 0, 0), False),
    ],
)
def test_ulimits(*, pattern: str, asked: tuple[str, int, int], covered: bool) -> None:
    """Both the soft and the hard limit; what is denied must not be set at all."""
    assert ulimits.covers(pattern, asked) is covered
    assert ulimits.touches(pattern, asked) is pattern.startswith(asked[0])


def test_file_systems_in_memory() -> None:
    """What undoes the engine's own options has to be named."""
    plain = Mount("tmpfs", "", "/tmp/x", options=(("size", "1m"),))
    executable = plain.replace(options=(("exec", ""),))
    assert tmpfs.covers("/tmp", plain)
    assert not tmpfs.covers("/tmp", executable)
    assert tmpfs.covers("/tmp:exec,suid", executable)
    assert not tmpfs.covers("/tmp", plain.replace(target="/run"))
    assert not tmpfs.covers("/", plain.replace(target=None))
    assert tmpfs.touches("/run", plain.replace(target=None))
    assert not tmpfs.touches("/tmp:suid", executable)
    assert tmpfs.touches("/tmp:dev,exec", executable)
    assert not tmpfs.touches("/tmp:dev,exec", plain)
    assert tmpfs.touches("/tmp", plain)
    assert not tmpfs.touches("/run:exec", executable)


@given(st.integers(1, 1 << 62))
def test_sizes_are_shown_as_they_are_read(count: int) -> None:
    """In docker's units, exactly."""
    assert size(show_size(count)) == count


@given(st.integers(1, 10**13))
def test_processors_are_shown_as_they_are_meant(billionths: int) -> None:
    """To the last billionth."""
    assert round(float(show_processors(billionths)) * 10**9) == billionths


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("/a/../b", "/b"),
        ("a", "/a"),
        ("//a/", "/a"),
        ("../..", "/"),
        ("", "/"),
        (" /a", "/ /a"),
        ("/X", "/X"),
    ],
)
def test_paths_are_cleaned_against_the_root(path: str, cleaned: str) -> None:
    """As the engine does: nothing is above it."""
    assert paths.clean(path) == cleaned


@pytest.mark.parametrize(("value", "read"), [(0, 0), (-5, -5), (True, None), ("1", None)])
def test_what_is_a_number(value: object, read: int | None) -> None:
    """A switch is none."""
    assert number(value) == read  # type: ignore[arg-type]


def test_there_are_fewer_than_a_million_processors() -> None:
    """In a number that the engine can take."""
    assert processors((1 << 20) - 1) == ((1 << 20) - 1) * 10**9
    assert processors(1 << 20) is None


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "1", 1e30])
def test_what_is_no_number_of_processors(value: object) -> None:
    """TOML has numbers that are no amounts."""
    assert processors(value) is None  # type: ignore[arg-type]
