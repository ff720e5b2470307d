"""Namespaces that are shared, and networks by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.networks import (
    SYSCTLS,
    cgroupns,
    ipc,
    network,
    network_name,
    networks,
    pid,
    sysctls,
)
from saferun.formats.engine_api import ContainerFacts, EngineFacts, ImageFacts, NetworkFacts
from saferun.formats.facts import Facts

FACTS = Facts(
    ImageFacts("sha256:1", "linux", "amd64"),
    containers={
        "c" * 12: ContainerFacts("c" * 64, "web", "host", "private", "bridge", ()),
        "e" * 64: ContainerFacts("e" * 64, "", "", "host", "host", ()),
        "gone": None,
    },
    networks={
        "corp": NetworkFacts("corp", "bridge"),
        "1234": NetworkFacts("corp", "bridge"),
        "lan": NetworkFacts("lan", "host"),
        "host": NetworkFacts("something", "else"),
        "gone": None,
    },
)


@pytest.mark.parametrize(
    ("mode", "of_pid", "of_ipc", "of_network"),
    [
        ("", ("private",), ("private",), ("bridge",)),
        ("host", ("host",), ("host",), ("host",)),
        ("other", ("other",), ("other",), ("other",)),
        (
            f"container:{'c' * 12}",
            ("container:web", "host"),
            ("container:web",),
            ("container:web",),
        ),
        (
            f"container:{'e' * 64}",
            (f"container:{'e' * 64}",),
            (f"container:{'e' * 64}", "host"),
            (f"container:{'e' * 64}", "host"),
        ),
        # What nobody knows counts as the host's.
        ("container:gone", *[("container:gone", "host")] * 3),
        ("container:new", *[("container:new", "host")] * 3),
        ("container:", *[("container:", "host")] * 3),
    ],
)
def test_whose_namespace_a_mode_stands_for(
    mode: str, of_pid: tuple[str, ...], of_ipc: tuple[str, ...], of_network: tuple[str, ...]
) -> None:
    """Another container is named as it is called, whichever way it was asked for."""
    assert (pid(mode, FACTS), ipc(mode, FACTS)) == (of_pid, of_ipc)
    assert network(mode, FACTS) == of_network


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("default", ("bridge",)),
        ("bridge", ("bridge",)),
        ("none", ("none",)),
        # Whatever is on record under such a name: the engine knows it without looking.
        ("host", ("host",)),
        ("corp", ("corp",)),
        ("1234", ("corp",)),
        ("lan", ("lan", "host")),
        ("gone", ("gone",)),
        ("unheard-of", ("unheard-of",)),
        ("HOST", ("HOST",)),
    ],
)
def test_a_network_is_what_the_engine_has_under_its_name(name: str, words: tuple[str, ...]) -> None:
    """One that the host's driver serves is the host's, whatever it is called."""
    assert network(name, FACTS) == words


def test_each_network_counts_once() -> None:
    """Silence is the default one."""
    options = tuple(("network", name) for name in ("1234", "name=corp", "lan", "host"))
    assert networks(RunCommand(options, (), "i", ()), FACTS) == ("corp", "lan", "host")
    assert networks(RunCommand((), (), "i", ()), FACTS) == ("bridge",)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Corp", "Corp"),
        (" Corp ", " Corp "),
        ("name=Corp", "corp"),
        ("NAME=Corp", "corp"),
        ("alias=x, name=Corp ,ip=1", "corp"),
        ("name=a,name=b", "b"),
        ('"name=a",alias=b', "a"),
        ("name=a=b", "a=b"),
        ("alias=x,name", ""),
        ("alias=x,name=", ""),
        ("a_=_b", ""),
        ("0=9", ""),
        ('name=a"b', ""),
        # To Go, U+0130 is a capital i.
        ("name=br\u0130dge", "bridge"),
        # Here no word stands on both sides of an equals sign, so that all of it is a name.
        ("", ""),
        ("=", "="),
        ("name=", "name="),
        ("=corp", "=corp"),
        ("name= corp", "name= corp"),
        ("name =corp", "name =corp"),
        ("name=-corp", "name=-corp"),
        ("name=,corp", "name=,corp"),
        ("a==b", "a==b"),
        ("name=\u212aorp", "name=\u212aorp"),
        ("nam\u00e9=corp", "nam\u00e9=corp"),
    ],
)
def test_the_name_in_a_network_option(value: str, name: str) -> None:
    """It is read as the client reads it."""
    assert network_name(value) == name


SET = f"driver-opt={SYSCTLS}"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"name=x,{SET}=a.b=1", [("a.b", "1")]),
        (f'name=x,"{SET}=a/b=1=2, c =3,d"', [("a.b", "1=2"), ("c", "3"), ("d", "")]),
        (f"name=x,{SET}=a=1,{SET}=b=2", [("a", "1"), ("b", "2")]),
        (f"{SET} =a=1", [("a", "1")]),
        (f"name=x, driver-opt = {SYSCTLS} =a=1", [("a", "1")]),
        (f"name=x,{SET.upper()}=NET.IPV4.A=1", [("net.ipv4.a", "1")]),
        (f"name=x,dr\u0130ver-opt={SYSCTLS}=a=1", [("a", "1")]),
        (f"name=x,driver-opt=other=a=1,alias={SYSCTLS}=b=2", []),
        (f"name=x,{SYSCTLS}=a=1", []),
        (f"driver-opt= {SYSCTLS}= a= 1", []),
        ("corp", []),
        ("", []),
        (f"name=x,alias=y,{SET}", [("", "")]),
    ],
)
def test_kernel_parameters_of_a_network(value: str, found: list[tuple[str, str]]) -> None:
    """In lower case, for so the client hands them on."""
    assert list(sysctls(value)) == found


@pytest.mark.parametrize(
    ("version", "privileged", "found"),
    [("2", False, "private"), ("2", True, "host"), ("1", False, "host"), (None, False, "host")],
)
def test_the_cgroup_namespace_of_silence(
    version: str | None, found: str, *, privileged: bool
) -> None:
    """What is unknown counts as the host's; what is said is what counts."""
    engine = EngineFacts("runc", "", "", version or "", userns=False, no_new_privileges=False)
    facts = FACTS.replace(engine=engine if version else None)
    assert cgroupns("", facts, privileged=privileged) == (found,)
    assert cgroupns("host", facts, privileged=privileged) == ("host",)
    assert cgroupns("private", facts, privileged=privileged) == ("private",)


@given(st.text(alphabet='name=a,"\n \u0130'))
def test_whatever_is_said_of_a_network_is_read(value: str) -> None:
    """It has a name, perhaps an empty one, and nothing raises."""
    name = network_name(value)
    assert name == value or name == name.lower().strip()
    assert not list(sysctls(value))
