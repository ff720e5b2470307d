"""Which policy files are found, which are trusted, and what is said of the others."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from saferun.errors import PolicyError
from saferun.host.policy_files import read_extended, read_layers
from saferun.host.trusted_file import LARGEST_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOME = {"HOME": "/home/me"}
SYSTEM = "/etc/saferun/policy.toml"
DROP_INS = "/etc/saferun/policy.d"
USER = "/home/me/.config/saferun/policy.toml"
SOMEBODY = 4_000_000


class Host:
    """A root directory to put policy files into; whoever runs the tests stands for root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.owner = os.getuid()

    def path(self, name: str) -> Path:
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, data: bytes = b"law", mode: int = 0o644) -> Path:
        path = self.path(name)
        path.write_bytes(data)
        path.chmod(mode)
        return path

    def link(self, name: str, target: str) -> None:
        self.path(name).symlink_to(target)

    def found(self, *named: str | Path, environ: dict[str, str] | None = None) -> list[str]:
        """Return `layer path` of every file, where nothing may be wrong."""
        files, errors = self.read(*named, environ=environ)
        assert errors == []
        assert all(data == b"law" for _, _, data in files)
        return [f"{layer} {path}".replace(str(self.root), "") for layer, path, _ in files]

    def wrong(self, *named: str | Path, environ: dict[str, str] | None = None) -> list[str]:
        """Return what is wrong."""
        return self.read(*named, environ=environ)[1]

    def read(
        self, *named: str | Path, environ: dict[str, str] | None = None
    ) -> tuple[list[tuple[str, str, bytes]], list[str]]:
        files, errors = read_layers(
            [str(path) for path in named],
            HOME if environ is None else environ,
            root=str(self.root),
            owner=self.owner,
        )
        assert all(error.hints for error in errors)
        return files, [str(error).replace(str(self.root), "") for error in errors]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Give an empty host, and see that no descriptor is left open."""
    umask = os.umask(0o022)
    before = os.listdir("/proc/self/fd")
    yield Host(tmp_path)
    os.umask(umask)
    assert os.listdir("/proc/self/fd") == before


def test_no_policy_costs_two_looks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The common case opens nothing and asks for two directories."""
    looks: list[str] = []
    lstat = os.lstat

    def counted(path: str) -> os.stat_result:
        looks.append(path.replace(str(host.root), ""))
        return lstat(path)

    monkeypatch.setattr(os, "lstat", counted)
    monkeypatch.setattr(os, "open", None)
    assert host.found() == []
    assert looks == ["/etc/saferun", "/home/me/.config/saferun"]


def test_no_policy_imports_nothing(host: Host) -> None:
    """Neither the modules that read TOML nor those that look up users are needed."""
    program = (
        "import sys; from saferun.host.policy_files import read_layers; before = set(sys.modules);"
        f"assert read_layers([], {{'HOME': '/home/me'}}, root={str(host.root)!r}) == ([], []);"
        "assert set(sys.modules) == before; assert 'tomli' not in before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_files_come_in_the_order_of_trust(host: Host) -> None:
    """System, its drop-ins by name, user, then those that were named, the environment's first."""
    for name in (SYSTEM, USER, f"{DROP_INS}/b.toml", f"{DROP_INS}/a.toml"):
        host.write(name)
    one, two, three = (host.write(f"/project/{number}.toml") for number in (1, 2, 3))
    environ = {**HOME, "SAFERUN_POLICY": f"{one}:{two}"}
    assert host.found(three, environ=environ) == [
        f"system {SYSTEM}",
        f"system {DROP_INS}/a.toml",
        f"system {DROP_INS}/b.toml",
        f"user {USER}",
        "explicit /project/1.toml",
        "explicit /project/2.toml",
        "explicit /project/3.toml",
    ]


def test_drop_ins_come_by_name(host: Host) -> None:
    """Not as the file system happens to hold them."""
    names = [f"{DROP_INS}/{letter}.toml" for letter in "fhcabged"]
    for name in names:
        host.write(name)
    assert host.found() == [f"system {name}" for name in sorted(names)]


def test_drop_ins_that_anybody_could_have_deleted_are_refused(host: Host) -> None:
    """An empty directory is no law only where nobody could have emptied it."""
    directory = host.path(DROP_INS)
    directory.mkdir()
    directory.chmod(0o777)
    assert len(host.wrong()) == 1


def test_drop_ins_are_those_that_end_in_toml(host: Host) -> None:
    """What editors and package managers leave beside them is not a law."""
    for name in ("a.toml", "a.toml~", ".a.toml", "b.toml.dpkg-old", "README", "c.TOML"):
        host.write(f"{DROP_INS}/{name}")
    assert host.found() == [f"system {DROP_INS}/a.toml"]


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/home/me"}, USER),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": ""}, USER),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "relative"}, USER),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "/else/where"}, "/else/where/saferun/policy.toml"),
        ({"XDG_CONFIG_HOME": "/else/where"}, "/else/where/saferun/policy.toml"),
    ],
)
def test_the_users_file_is_where_xdg_says(host: Host, environ: dict[str, str], path: str) -> None:
    """A relative XDG_CONFIG_HOME is ignored, as its specification wants."""
    host.write(path)
    assert host.found(environ=environ) == [f"user {path}"]


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_home_the_passwd_database_knows(host: Host, environ: dict[str, str]) -> None:
    """A user does not escape their own law by unsetting HOME."""
    path = f"{pwd.getpwuid(os.getuid()).pw_dir.rstrip('/')}/.config/saferun/policy.toml"
    host.write(path)
    assert host.found(environ=environ) == [f"user {path}"]


def test_a_user_that_nobody_knows_has_no_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uid without a passwd entry and without HOME is common in containers."""
    monkeypatch.setattr(os, "getuid", lambda: SOMEBODY)
    assert host.found(environ={}) == []


def test_a_home_that_is_no_directory_holds_no_law(host: Host) -> None:
    """Service users have HOME=/dev/null."""
    host.write("/dev/null")
    assert host.found(environ={"HOME": "/dev/null"}) == []


def test_what_a_system_file_starts_from_is_roots_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever calls may not own it; what the caller's own file starts from, the caller may."""
    law = tmp_path / "law.toml"
    law.write_bytes(b"law")
    monkeypatch.setattr("saferun.host.policy_files.reach", lambda path, *_: os.open(path, 0))
    with pytest.raises(PolicyError, match="belongs to uid"):
        read_extended("system", str(law), owner=SOMEBODY)
    assert read_extended("user", str(law), owner=SOMEBODY) == b"law"


def test_the_environment_cannot_replace_or_skip_the_system_file(host: Host) -> None:
    """Whatever is set, the system's file is read."""
    host.write(SYSTEM)
    named = host.write("/project/mine.toml")
    environ = {"HOME": "/none", "XDG_CONFIG_HOME": "/none", "SAFERUN_POLICY": str(named)}
    assert host.found(environ=environ) == [f"system {SYSTEM}", "explicit /project/mine.toml"]


@pytest.mark.parametrize("name", [SYSTEM, f"{DROP_INS}/a.toml", USER])
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(host: Host, name: str, mode: int) -> None:
    """Neither the group nor others may write the system's or the user's law."""
    host.write(name, mode=mode)
    assert host.wrong() == [
        f"policy {name} can be written by others (mode {mode:04o}), and cannot be trusted"
    ]


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        (SYSTEM, "/etc/saferun"),
        (SYSTEM, "/etc"),
        (SYSTEM, "/"),
        (f"{DROP_INS}/a.toml", DROP_INS),
        (USER, "/home/me/.config/saferun"),
        (USER, "/home"),
    ],
)
@pytest.mark.parametrize("mode", [0o775, 0o1777])
def test_a_directory_that_others_may_write_is_refused(
    host: Host, name: str, directory: str, mode: int
) -> None:
    """Whoever may write a directory may put another file there; a sticky bit does not help."""
    host.write(name)
    host.path(directory).chmod(mode)
    (complaint,) = host.wrong()
    shown = directory if directory != "/" else ""
    assert complaint == (
        f"policy directory {shown} can be written by others (mode {mode:04o}), "
        "and cannot be trusted"
    )


def test_what_belongs_to_somebody_else_is_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's law is root's alone; the user's may also be the user's own."""
    host.write(USER)
    mine = os.getuid()
    host.owner = SOMEBODY
    assert host.found() == [f"user {USER}"]
    host.write(SYSTEM)
    assert host.wrong() == [
        f"policy directory  belongs to uid {mine}, not to uid {SOMEBODY}, and cannot be trusted"
    ]
    monkeypatch.setattr(os, "getuid", lambda: SOMEBODY)
    named = host.write("/project/named.toml")
    assert host.wrong(named)[-1] == (
        f"policy /project/named.toml belongs to uid {mine}, not to uid {SOMEBODY}, "
        "and cannot be trusted"
    )


def test_a_named_file_may_be_anywhere_but_not_everybodys(host: Host) -> None:
    """Checkouts are shared in groups, and scratch directories are sticky."""
    named = host.write("/tmp/policy.toml", mode=0o664)
    named.parent.chmod(0o1777)
    host.link("/elsewhere/link.toml", str(named))
    assert host.found(named, host.path("/elsewhere/link.toml")) == [
        "explicit /tmp/policy.toml",
        "explicit /elsewhere/link.toml",
    ]
    named.chmod(0o646)
    assert host.wrong(named) == [
        "policy /tmp/policy.toml can be written by others (mode 0646), and cannot be trusted"
    ]


def test_links_are_followed_where_only_the_trusted_could_place_them(host: Host) -> None:
    """Configuration management and dotfile keepers link files and directories."""
    host.write("/srv/law/real.toml")
    host.link("/srv/law/relative.toml", "./../law/real.toml")
    host.link("/etc/saferun", "../srv/saferun")
    host.link("/srv/saferun/policy.toml", "/srv/law/relative.toml")
    host.link("/home/me/.config", "../../srv")
    assert host.found() == [f"system {SYSTEM}", f"user {USER}"]


def test_a_link_through_a_directory_that_others_may_write_is_refused(host: Host) -> None:
    """Where the link leads could be changed by anybody who may write on the way."""
    host.write("/srv/law.toml")
    host.link("/tmp/open/step.toml", "/srv/law.toml")
    host.path("/tmp/open").chmod(0o1777)
    host.link(SYSTEM, "/tmp/open/step.toml")
    assert host.wrong() == [
        "policy directory /tmp/open can be written by others (mode 1777), and cannot be trusted"
    ]


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ({SYSTEM: "gone.toml"}, "no such file or directory"),
        ({"/etc/saferun": "/srv/unmounted"}, "no such file or directory"),
        ({SYSTEM: "policy.toml"}, "too many levels of symbolic links"),
        ({"/etc/saferun": "saferun"}, "too many levels of symbolic links"),
        ({SYSTEM: "b", "/etc/saferun/b": "policy.toml"}, "too many levels of symbolic links"),
        ({SYSTEM: "/"}, "it is a directory"),
    ],
)
def test_a_link_that_leads_nowhere_is_not_an_absent_law(
    host: Host, links: dict[str, str], reason: str
) -> None:
    """Something was meant to be there."""
    for name, target in links.items():
        host.link(name, target)
    assert f"cannot read policy {SYSTEM}: {reason}" in host.wrong()


@pytest.mark.parametrize("name", [SYSTEM, f"{DROP_INS}/a.toml", USER, "/project/named.toml"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (stat.S_IFDIR, "it is a directory"),
        (stat.S_IFIFO, "it is a FIFO"),
        (stat.S_IFSOCK, "it is a socket"),
    ],
)
def test_what_is_no_file_is_refused_without_waiting(
    host: Host, name: str, kind: int, reason: str
) -> None:
    """A FIFO that nobody writes must not stop anything."""
    path = host.path(name)
    if kind == stat.S_IFDIR:
        path.mkdir()
    else:
        os.mknod(path, kind | 0o644)
    named = [path] if name.startswith("/project") else []
    assert host.wrong(*named) == [f"cannot read policy {name}: {reason}"]


def test_a_device_is_refused(host: Host) -> None:
    """Nothing is read from it."""
    assert host.wrong("/dev/zero") == ["cannot read policy /dev/zero: it is a device"]


@pytest.mark.parametrize("name", ["/etc/saferun", DROP_INS])
def test_a_file_in_place_of_a_directory_is_refused(host: Host, name: str) -> None:
    """It is not the same as no policy."""
    host.write(name)
    assert all("not a directory" in complaint for complaint in host.wrong())
    assert host.wrong()


@pytest.mark.parametrize("name", [SYSTEM, USER, "/project/named.toml"])
def test_a_huge_file_is_refused(host: Host, name: str) -> None:
    """A hundred megabytes of nothing are not read."""
    path = host.write(name)
    os.truncate(path, 100 << 20)
    named = [path] if name.startswith("/project") else []
    assert host.wrong(*named) == [f"cannot read policy {name}: it is larger than 1 MiB"]


def test_the_largest_file_is_read_whole(host: Host) -> None:
    """Up to the limit nothing is cut off."""
    data = b"#" * LARGEST_FILE
    host.write(SYSTEM, data)
    assert [content for _, _, content in host.read()[0]] == [data]


def test_a_file_without_a_size_is_bounded_as_well(host: Host) -> None:
    """In /proc every file has size 0, whatever can be read from it."""
    ((_, _, content),) = host.read("/proc/self/status")[0]
    assert content.startswith(b"Name:")


@pytest.mark.parametrize("named", [["/project/absent.toml"], [""], ["relative/absent.toml"]])
def test_a_named_file_has_to_be_there(host: Host, named: list[str]) -> None:
    """Whoever names a law wants it to hold, also when the name came out empty."""
    (complaint,) = host.wrong(*named)
    assert complaint.startswith("cannot read policy ")
    assert complaint.endswith(": no such file or directory")
    assert host.wrong(environ={"SAFERUN_POLICY": f"/dev/null:{named[0]}"})[1:] == [complaint]


@contextmanager
def permissions_apply() -> Iterator[None]:
    """Be somebody who is not root, for whom modes are more than a remark."""
    uid = os.geteuid()
    os.seteuid(uid or 65534)
    try:
        yield
    finally:
        os.seteuid(uid)


@pytest.mark.parametrize("name", [SYSTEM, USER, "/project/named.toml"])
def test_what_cannot_be_read_is_not_absent(host: Host, name: str) -> None:
    """Permission denied, on the file or on the way to it, stops everything."""
    path = host.write(name, mode=0)
    with permissions_apply():
        wrong = host.wrong(*([path] if name.startswith("/project") else []))
    assert f"cannot read policy {name}: permission denied" in wrong


def test_everything_that_is_wrong_comes_at_once(host: Host) -> None:
    """One bad file does not hide another, and what is good is still returned."""
    host.write(SYSTEM, mode=0o666)
    host.write(f"{DROP_INS}/a.toml")
    host.path(USER).mkdir()
    files, errors = host.read("/project/absent.toml")
    assert len(files) == 1
    assert len(errors) == 3


def test_one_bad_directory_is_one_error(host: Host) -> None:
    """However many files are in it."""
    host.write(SYSTEM)
    host.write(f"{DROP_INS}/a.toml")
    host.path("/etc/saferun").chmod(0o777)
    assert len(host.wrong()) == 1
