"""Where a command line mounts things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.mounts import mounts, of_bind, of_mount
from saferun.formats.engine_api import ContainerFacts, ImageFacts, MountFacts, VolumeFacts
from saferun.formats.facts import Facts
from saferun.judge.spec import Mount

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
    "/X": "/X",
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
    "1:": "/1:",
    # CLI 20.10 takes these, too, for anonymous volumes.
    ":/b": "/:/b",
    ":/a:/b": "/:/a:/b",
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
    # To Go, U+0130 is a capital i, and U+212A a capital k.
    "dst=/a,dest\u0130nation=/b": "/b",
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


BIND = (("type", "none"), ("o", "bind,ro"), ("device", "/etc/./"))
NFS = (("type", "nfs"), ("o", "addr=10.0.0.1"), ("device", ":/e"))
KNOWN = NOTHING.replace(
    directory="/work",
    volumes={
        "disguised": VolumeFacts("local", BIND, (), ""),
        "remote": VolumeFacts("local", NFS, (), ""),
        "plain": VolumeFacts("local", (), (), ""),
        "plugged": VolumeFacts("nfs", (("share", "x"),), (), ""),
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
        ),
        "keeper": ContainerFacts(
            "2",
            "keeper",
            "",
            "",
            "",
            (MountFacts("volume", "lost", "/var/y", "/l/", "rclone", writable=False),),
        ),
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
        ("--volumes-from other:z,ro", ["bind /srv ro shared", "bind /etc ro"]),
        ("--volumes-from gone", ["unknown - rw"]),
        ("--use-api-socket", ["bind /var/run/docker.sock rw"]),
        ("--use-api-socket=false", []),
    ],
)
def test_what_is_mounted(words: str, found: list[str]) -> None:
    """As the engine will do it: dots resolved, the last word counting, volumes as what they are."""
    assert shown(words, KNOWN) == found


@pytest.mark.parametrize(
    ("words", "mount"),
    [
        ("-v /anonymous", Mount("volume", "", "/anonymous")),
        ("-v data:/x:ro", Mount("volume", "data", "/x", read_only=True)),
        (
            "-v plugged:/x",
            Mount("volume", "plugged", "/x", driver="nfs", options=(("share", "x"),)),
        ),
        ("--volume-driver=rclone -v /x", Mount("volume", "", "/x", driver="rclone")),
        ("--volume-driver=rclone -v data:/x", Mount("volume", "data", "/x", driver="rclone")),
        ("--volume-driver=rclone -v /a:/x", Mount("bind", "/a", "/x", exact=False)),
        ("--mount dst=/x", Mount("volume", "", "/x")),
        ("--mount type=volume,dst=/x,ro", Mount("volume", "", "/x", read_only=True)),
        (
            "--mount src=data,dst=/x,volume-driver=NFS,volume-opt=o=addr=10.0.0.1",
            Mount("volume", "data", "/x", driver="NFS", options=(("o", "addr=10.0.0.1"),)),
        ),
        (
            "--mount type=bind,src=./a,dst=/x,volume-driver=nfs,volume-opt=a=b",
            Mount("bind", "/work/a", "/x", exact=False),
        ),
        ("--mount type=bind,src=a,dst=/x", Mount("bind", "/", "/x", exact=False)),
        (
            "--mount type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=700",
            Mount("tmpfs", "", "/x", options=(("size", "1m"), ("mode", "700"))),
        ),
        ("--mount type=b\u0130nd,src=/a,dst=/x", Mount("bind", "/a", "/x", exact=False)),
        ("--mount type=\u212a\u00c9,src=a,dst=/x", Mount("k\u00e9", "a", "/x")),
        (
            "--tmpfs /x:size=1m,mode=a=b,ro",
            Mount(
                *("tmpfs", "", "/x"),
                read_only=True,
                options=(("size", "1m"), ("mode", "a=b"), ("ro", "")),
            ),
        ),
        ("--tmpfs /x:rw:ro", Mount("tmpfs", "", "/x", options=(("rw:ro", ""),))),
        ("--tmpfs /x:ro=1", Mount("tmpfs", "", "/x", options=(("ro", "1"),))),
        ("--volumes-from gone", Mount("unknown", "", None)),
        ("--volumes-from keeper", Mount("volume", "lost", "/l", read_only=True, driver="rclone")),
    ],
)
def test_all_that_is_known_of_a_mount(words: str, mount: Mount) -> None:
    """And how it was asked for, for people."""
    read = parse([*words.split(" "), "img"])
    assert isinstance(read, RunCommand)
    asked = words.split(" ")[-2:]
    as_written = "=".join(asked).replace("-v=", "--volume=")
    assert mounts(read, KNOWN) == (mount.replace(asked=as_written),)


def test_the_socket_is_where_the_client_puts_it() -> None:
    """It is a mount like any other."""
    socket = "/var/run/docker.sock"
    (mount,) = mounts(RunCommand((("use-api-socket", "true"),), (), "img", ()), KNOWN)
    assert mount == Mount("bind", socket, socket, exact=False, asked="--use-api-socket")


@pytest.mark.parametrize(
    ("options", "source", "rest"),
    [
        ({"o": "bind", "device": "/a//b/./"}, "/a/b", "rw private"),
        ({"o": "rbind", "device": "/a"}, "/a", "rw private"),
        ({"type": "none", "device": "/a"}, "/a", "rw private"),
        ({"type": "bind", "device": "/a"}, "/a", "rw private"),
        ({"type": "none", "o": "bind,ro", "device": "/a"}, "/a", "ro private"),
        # The last one counts.
        ({"type": "none", "o": "ro,bind,rw", "device": "/a"}, "/a", "rw private"),
        ({"type": "none", "o": "rw,ro,bind", "device": "/a"}, "/a", "ro private"),
        ({"o": "bind,rshared", "device": "/a"}, "/a", "rw shared"),
        # Below the directory in which the engine runs, and that is most often the root.
        ({"o": "bind", "device": "./etc"}, "/", "rw private"),
        ({"o": "bind", "device": "etc"}, "/", "rw private"),
        ({"o": "bind", "device": ""}, "/", "rw private"),
        ({"o": "bind"}, "/", "rw private"),
        # Where the link leads, `..` is the directory above that.
        ({"o": "bind", "device": "/work/link/../shadow"}, "/", "rw private"),
        ({"o": "bind", "device": "/work/.."}, "/", "rw private"),
        ({"o": "bind", "device": "/work/..."}, "/work/...", "rw private"),
    ],
)
def test_a_volume_in_disguise_is_where_the_kernel_finds_it(
    options: dict[str, str], source: str, rest: str
) -> None:
    """The engine hands on the device as it is written, and nobody puts a directory before it."""
    words = "".join(f',"volume-opt={name}={value}"' for name, value in options.items())
    made = KNOWN.replace(volumes={"v": VolumeFacts("local", tuple(options.items()), (), "")})
    for value in (f"dst=/x{words}", "src=v,dst=/x"):
        mount = of_mount(value, made)
        mode = "ro" if mount.read_only else "rw"
        assert (mount.kind, mount.source, f"{mode} {mount.propagation}") == ("bind", source, rest)


def test_links_are_followed_only_where_the_engines_files_are() -> None:
    """Elsewhere it is said that they were not."""
    here = KNOWN.replace(local=True, paths={"/a": "/etc"})
    there = here.replace(local=False)
    for facts, source, exact in ((here, "/etc", True), (there, "/a", False), (KNOWN, "/a", False)):
        (mount,) = mounts(RunCommand((("volume", "/a:/b"),), (), "img", ()), facts)
        assert (mount.source, mount.exact) == (source, exact)


@given(st.text(alphabet='/.:ac,=-n\n"\\é'))
def test_no_value_is_too_strange(value: str) -> None:
    """Whatever stands there, it becomes a mount of some kind."""
    options = tuple((name, value) for name in ("volume", "mount", "tmpfs", "volumes-from"))
    assert len(mounts(RunCommand(options, (), "img", ()), KNOWN)) >= len(options)
