"""Where a command line mounts things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.mounts import mounts, of_bind, of_mount
from saferun.formats.engine_api import ContainerFacts, ImageFacts, MountFacts, VolumeFacts
from saferun.formats.facts import Facts

NOTHING = Facts(ImageFacts("sha256:1", "linux", "amd64"))
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
    assert of_bind(value, NOTHING).target == VOLUMES[value]


@pytest.mark.parametrize("value", MOUNTS)
def test_mount_targets(value: str) -> None:
    """A --mount goes to its last target, whatever that key is called."""
    assert of_mount(value, NOTHING).target == MOUNTS[value]


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
    targets = tuple(mount.target for mount in mounts(command, NOTHING))
    assert targets == ("/v", "/w", "/m", None, "/t", None)


@given(st.text(alphabet="/.:ac,=\n\\é"))
def test_a_target_is_a_clean_absolute_path_or_unknown(value: str) -> None:
    """Whatever the value, its target can be compared with a path."""
    for mount in (
        of_bind(value, NOTHING),
        of_mount(value, NOTHING),
        of_mount(f"dst={value}", NOTHING),
    ):
        target = mount.target
        if target is not None:
            assert target == "/" or target.startswith("/")
            assert not {"", ".", ".."} & set(target[1:].split("/")) or target == "/"


BIND = (("type", "none"), ("o", "bind,ro"), ("device", "/etc/../etc"))
NFS = (("type", "nfs"), ("o", "addr=10.0.0.1"), ("device", ":/e"))
KNOWN = NOTHING.replace(
    directory="/work",
    volumes={
        "disguised": VolumeFacts("local", BIND, (), ""),
        "remote": VolumeFacts("local", NFS, (), ""),
        "plain": VolumeFacts("local", (), (), ""),
        "new": None,
    },
    containers={
        "other": ContainerFacts(
            "1",
            "other",
            "",
            "",
            "",
            (
                MountFacts("bind", "", "/srv", "/s", propagation="rshared"),
                MountFacts("volume", "disguised", "/var/x", "/d", "local"),
            ),
        )
    },
)


def shown(words: str, facts: Facts) -> list[str]:
    """Return what is mounted, each as kind, source, whether it can be written to, and more."""
    command = parse([*words.split(" "), "img"])
    assert isinstance(command, RunCommand)
    found = []
    for one in mounts(command, facts):
        mode = "ro" if one.read_only else "rw"
        spreading = "" if one.propagation == "private" else f" {one.propagation}"
        found.append(f"{one.kind} {one.source or '-'} {mode}{spreading}")
    return found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("-v /a:/b -v n:/c:ro -v /anonymous", ["bind /a rw", "volume n ro", "volume - rw"]),
        ("-v /a/../etc//x/:/b:z,ro,rshared", ["bind /etc/x ro shared"]),
        (
            "-v ./x:/b -v ..:/c -v .:/d:rslave",
            ["bind /work/x rw", "bind / rw", "bind /work rw slave"],
        ),
        ("--mount type=bind,src=/a,dst=/b,ro", ["bind /a ro"]),
        ("--mount type=bind,src=/a,dst=/b,readonly=false,ro=yes", ["bind /a rw"]),
        ("--mount type=BIND,SRC=x,dst=/b", ["bind / rw"]),
        ("--mount type=bind,src=/a,src=/etc,dst=/b", ["bind /etc rw"]),
        ("--mount type=bind,src=/a,dst=/b,bind-propagation=rshared", ["bind /a rw shared"]),
        ("--mount src=n,dst=/c", ["volume n rw"]),
        ("--mount type=tmpfs,dst=/t --tmpfs /x:rw", ["tmpfs - rw", "tmpfs - rw"]),
        ("--mount type=cluster,src=c,dst=/t", ["cluster c rw"]),
        ("-v disguised:/x", ["bind /etc ro"]),
        ("--mount type=volume,src=disguised,dst=/x", ["bind /etc ro"]),
        ("-v remote:/x -v plain:/y", ["volume remote rw", "volume plain rw"]),
        (
            "--mount dst=/x,volume-opt=type=none,volume-opt=o=rbind,volume-opt=device=/root",
            ["bind /root rw"],
        ),
        ("--mount src=plain,dst=/x,volume-opt=o=bind,volume-opt=device=/r", ["volume plain rw"]),
        ("--mount src=new,dst=/x,volume-opt=o=bind,volume-opt=device=/r", ["bind /r rw"]),
        ("--volumes-from other", ["bind /srv rw shared", "bind /etc ro"]),
        ("--volumes-from other:ro", ["bind /srv ro shared", "bind /etc ro"]),
        ("--volumes-from gone", ["unknown - rw"]),
        ("--use-api-socket", ["bind /var/run/docker.sock rw"]),
        ("--use-api-socket=false", []),
    ],
)
def test_what_is_mounted(words: str, found: list[str]) -> None:
    """As the engine will do it: dots resolved, the last word counting, volumes as what they are."""
    assert shown(words, KNOWN) == found


def test_links_are_followed_only_where_the_engines_files_are() -> None:
    """Elsewhere it is said that they were not."""
    here = KNOWN.replace(local=True, paths={"/a": "/etc"})
    for facts, source, exact in ((here, "/etc", True), (KNOWN, "/a", False)):
        (mount,) = mounts(RunCommand((("volume", "/a:/b"),), (), "img", ()), facts)
        assert (mount.source, mount.exact) == (source, exact)


@given(st.text(alphabet='/.:ac,=-n\n"\\é'))
def test_no_value_is_too_strange(value: str) -> None:
    """Whatever stands there, it becomes a mount of some kind."""
    options = tuple((name, value) for name in ("volume", "mount", "tmpfs", "volumes-from"))
    assert len(mounts(RunCommand(options, (), "img", ()), KNOWN)) >= len(options)
