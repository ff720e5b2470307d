"""Words that Podman's CLI reads otherwise than docker's."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.podman import LISTS, NAMESPACES, read_otherwise, writable_again


def told(*options: tuple[str, str]) -> str | None:
    """Say what of these options Podman reads otherwise."""
    return read_otherwise(RunCommand(options, (), "img", ()))


@pytest.mark.parametrize("name", sorted(LISTS))
def test_lists_have_one_value_only(name: str) -> None:
    """A comma makes two of it, a quote or the end of a line something else."""
    reason = f"--{name} with a comma or a quote in it, which Podman reads as a list"
    for value in ("a,b", ",", '"a"', "a\nb", "a\rb"):
        assert told(("env", "a,b"), (name, "a"), (name, value)) == reason
    assert told((name, "a b:c=d/e")) is None


@pytest.mark.parametrize("name", sorted(NAMESPACES))
def test_namespaces_are_not_named_by_files(name: str) -> None:
    """Docker would take it for a word, or refuse it."""
    assert (
        told((name, "ns:/proc/1/ns/net")) == f"--{name}=ns:, which is a namespace's file for Podman"
    )
    assert told((name, "nsx")) is None
    assert told((name, "container:ns:")) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volume", "/a:/b:U"),
        ("volume", "/a:/b:ro,U"),
        ("volume", "/a:/b:U,z"),
        ("volume", "/a:/b:x:U"),
        ("mount", "type=bind,src=/a,dst=/b,U"),
        ("mount", "U=true,dst=/b"),
        ("mount", "dst=/b,chown=true"),
        ("mount", 'dst=/b,"chown"'),
        ("mount", '"U=true",dst=/b'),
    ],
)
def test_nothing_is_given_to_the_containers_user(name: str, value: str) -> None:
    """To docker these are unknown, and nobody judges who owns what."""
    assert told((name, value)) == (
        f"--{name} with U or chown, which Podman gives to the container's user"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volume", "/a:/b"),
        ("volume", "/a:/U"),
        ("volume", "U:/b:ro"),
        ("volume", "/a:/b:Ux,chown"),
        ("mount", "type=bind,src=U,dst=/chown"),
        ("mount", "dst=/b,u,Chown,XU"),
        ("tmpfs", "/a:/b:U"),
        ("env", "U"),
        ("name", "a,b"),
        ("label", "ns:a"),
    ],
)
def test_what_both_read_alike_is_not_told(name: str, value: str) -> None:
    """Only these letters, in their place."""
    assert told((name, value)) is None


def test_the_path_of_a_device_is_not_cleaned() -> None:
    """Docker's client does that where no place in the container is named."""
    reason = "--device with `..`, which Podman takes as the kernel does"
    assert told(("device", "/dev/link/../zero")) == reason
    assert told(("device", "/dev/..x")) is None
    assert told(("volume", "/dev/../x:/y")) is None


@pytest.mark.parametrize(
    ("values", "writable"),
    [
        ((), False),
        (("c",), False),
        (("c:",), False),
        (("c:ro",), False),
        (("c:z,ro",), False),
        (("c:ro:rw",), True),
        (("c:rw",), True),
        (("c:z",), True),
        (("c:row",), True),
        (("c:ro", "d:z"), True),
        (("c:z", "d:ro"), True),
    ],
)
def test_another_containers_mounts_stay_read_only(
    values: tuple[str, ...], *, writable: bool
) -> None:
    """A mode that is not ro makes them writable for Podman."""
    options = tuple(("volumes-from", value) for value in values)
    assert writable_again(RunCommand((*options, ("volume", "/a:/b:z")), (), "i", ())) is writable
