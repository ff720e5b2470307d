"""Where a command line mounts things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.mounts import of_mount, of_volume, sources, targets

VOLUMES = {
    "/a:/b": "/b",
    "/a:/b:ro": "/b",
    "name:/b:z,nocopy": "/b",
    "/a:/b/../c//d/": "/c/d",
    "/a:/../..": "/",
    "/a://b": "/b",
    "./x:/y": "/y",
    "/x": "/x",
    "//x/": "/x",
    "x": "/x",
    "../x": "/x",
    "é": "/é",
    "a:": "/a:",
    "::": "/::",
    # One letter before the colon is a Windows drive to the CLI: an anonymous volume at a:/etc.
    "a:/etc": "/a:/etc",
    "é:/etc": "/é:/etc",
    "c:/etc:/b": "/etc",
    "1:/etc": "/etc",
    # CLI 20.10 takes this one, too, for an anonymous volume.
    ":/b": "/:/b",
    # The engine refuses these, or a working directory with a colon makes something else of them.
    "": None,
    "/a:b": None,
    "/a::/b": None,
    "/a:/b:ro:x": None,
    ".:ro": None,
    "./x:../y": None,
    "c::/b": None,
}
MOUNTS = {
    "type=bind,src=/a,dst=/b": "/b",
    "TYPE=bind,Source=/a,DESTINATION=/b": "/b",
    "target=/a,dst=/b,destination=/c": "/c",
    "dst=/b,readonly": "/b",
    "dst=/b/./c/..": "/b",
    "dst=/a=b": "/a=b",
    '"dst=/a,b",ro': "/a,b",
    "dst=/b\ndst=/c": "/b",
    '"dst=/b\nc"': "/b\nc",
    "": None,
    "type=tmpfs": None,
    "dst=": None,
    "dst=b": None,
    "dst=/a,dst": None,
    'dst="/b"': None,
    "dst=/a, dst=/b": "/a",
    # To Go, U+0130 is a capital i.
    "dst=/a,dest\u0130nation=/b": None,
}


@pytest.mark.parametrize("value", VOLUMES)
def test_volume_targets(value: str) -> None:
    """A --volume goes where CLI and engine between them put it."""
    assert of_volume(value) == VOLUMES[value]


@pytest.mark.parametrize("value", MOUNTS)
def test_mount_targets(value: str) -> None:
    """A --mount goes to its last target, whatever that key is called."""
    assert of_mount(value) == MOUNTS[value]


def test_every_kind_of_mount_is_found() -> None:
    """Each use of each option counts, and one that is not understood is not skipped."""
    options = (
        ("tmpfs", "/t/:size=1m"),
        ("volume", "/a:/v"),
        ("mount", "dst=/m"),
        ("tmpfs", "t"),
        ("volume", "/w"),
        ("mount", "nonsense"),
        ("env", "A=/x:/y"),
    )
    command = RunCommand(options, (), "image", ())
    assert targets(command) == ("/v", "/w", "/m", None, "/t", None)


@given(st.text(alphabet="/.:ac,=\n\\é"))
def test_a_target_is_a_clean_absolute_path_or_unknown(value: str) -> None:
    """Whatever the value, its target can be compared with a path."""
    for target in (of_volume(value), of_mount(value), of_mount(f"dst={value}")):
        if target is not None:
            assert target == "/" or target.startswith("/")
            assert not {"", ".", ".."} & set(target[1:].split("/")) or target == "/"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("-v /a:/b -v n:/c:ro -v /anonymous", ("/a", "n")),
        ("--mount type=bind,src=/a,dst=/b --mount Source=n,dst=/c", ("/a", "n")),
        ('--mount type=volume,"src=n,x",dst=/c', ("n,x",)),
        ("--mount type=tmpfs,dst=/t --tmpfs /x:rw", ()),
        ("--mount src=first,src=last,dst=/t", ("first", "last")),
    ],
)
def test_sources(words: str, found: tuple[str, ...]) -> None:
    """What is mounted, as it is written; where one is given twice, both."""
    command = parse([*words.split(), "img"])
    assert isinstance(command, RunCommand)
    assert sources(command) == found
