"""Whose files a path on the command line means, and where links lead to."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.json_text import decode
from saferun.host import engine_files
from saferun.host.endpoint import Endpoint
from tests.host.fake_engine import FakeEngine, always, http

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> engine_files.EngineFiles:
    """A root directory with links in it."""
    (tmp_path / "etc" / "ssh").mkdir(parents=True)
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "absolute").symlink_to("/etc")
    (tmp_path / "srv" / "relative").symlink_to("../etc/./ssh")
    (tmp_path / "srv" / "twice").symlink_to("absolute/ssh")
    (tmp_path / "srv" / "loop").symlink_to("loop")
    (tmp_path / "srv" / "up").symlink_to("../../../..")
    (tmp_path / "srv" / "broken").symlink_to("/gone/x")
    return engine_files.EngineFiles(str(tmp_path))


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/", "/"),
        ("/srv", "/srv"),
        ("//srv/./x/", "/srv/x"),
        ("/srv/../etc", "/etc"),
        ("/../../etc", "/etc"),
        ("/srv/absolute", "/etc"),
        ("/srv/absolute/ssh/key", "/etc/ssh/key"),
        ("/srv/absolute/..", "/"),
        ("/srv/relative", "/etc/ssh"),
        ("/srv/twice", "/etc/ssh"),
        ("/srv/up/etc", "/etc"),
        ("/srv/broken/y", "/gone/x/y"),
        ("/srv/loop", "/"),
        ("/not/there/../x", "/not/x"),
        ("/proc/uptime", "/proc/uptime"),
    ],
)
def test_links_lead_where_the_engine_would_get(
    root: engine_files.EngineFiles, path: str, real: str
) -> None:
    """Below its own root, however far up they point; too many lead anywhere."""
    assert root.real(path) == real


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self",
        "/proc/self/cwd",
        "/proc/thread-self/root/etc",
        "/proc/1/root/run",
        "/dev/fd/0",
        "/srv/here/x",
    ],
)
def test_where_links_of_the_kernel_lead_is_not_known(
    root: engine_files.EngineFiles, tmp_path: Path, path: str
) -> None:
    """Whoever follows them next, the engine, gets somewhere else."""
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    for link, target in {
        "proc/self": "1",
        "proc/thread-self": "1",
        "proc/1/cwd": "/srv",
        "proc/1/root": "/",
        "dev/fd": "/proc/self/fd",
        "srv/here": "/proc/self/cwd",
    }.items():
        (tmp_path / link).symlink_to(target)
    assert root.real(path) is None


@pytest.mark.parametrize("path", ["/proc/self/cwd", "/proc/self/fd/0", "/proc/self/root"])
def test_the_real_links_of_the_kernel_are_told_wherever_they_are(path: str) -> None:
    """Also where proc is mounted somewhere else: their length is not that of what they say."""
    assert engine_files.EngineFiles("").real(path) is None
    assert engine_files.EngineFiles("/proc/self/root/proc").real(path.removeprefix("/proc")) is None


def test_a_directory_that_may_not_be_searched_hides_where_its_links_lead(
    root: engine_files.EngineFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it may be a link; what is not there, and what is no link, is known to be none."""

    def refuse(path: str) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "readlink", refuse)
    assert root.real("/srv/absolute") is None


def test_relative_paths_begin_where_docker_takes_them_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a link in PWD is not above what it leads to; a PWD that is not true says nothing."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    monkeypatch.chdir(link)
    real = str(tmp_path / "real")
    assert engine_files.working_directory({"PWD": str(link)}) == str(link)
    for said in ("", "link", ".", str(tmp_path), "/gone", "/a\0"):
        assert engine_files.working_directory({"PWD": said}) == real
    assert engine_files.working_directory({}) == real


@given(st.text(alphabet="/.abé\x00", max_size=30))
def test_every_path_leads_to_a_clean_one(path: str) -> None:
    """Which begins with a slash and has no dots in it."""
    real = engine_files.EngineFiles("/nonexistent").real("/" + path)
    assert real is not None
    assert real.startswith("/")
    assert not {".", ".."} & set(real.split("/"))
    assert real == os.path.normpath("/" + path.lstrip("/"))


def endpoint(host: str) -> Endpoint:
    """Return the endpoint of an engine."""
    return Endpoint("/bin/false", {"DOCKER_HOST": host}, decode)


def test_who_is_no_engine_does_not_count(tmp_path: Path) -> None:
    """A tunnel to another machine listens just as well."""
    with FakeEngine(tmp_path / "socket", always(http(200))) as engine:
        assert engine_files.of(endpoint(engine.host)) is None


def test_an_engine_that_is_not_there_or_not_local_has_no_files_here(tmp_path: Path) -> None:
    """Nothing is guessed."""
    assert engine_files.of(endpoint(f"unix://{tmp_path}/gone")) is None
    assert engine_files.of(endpoint("tcp://10.0.0.1:2375")) is None


def test_an_engines_own_root_is_where_its_paths_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the process which listens."""
    monkeypatch.setattr(engine_files, "_name", lambda _pid: b"dockerd\n")
    with FakeEngine(tmp_path / "socket", always(http(200))) as engine:
        files = engine_files.of(endpoint(engine.host))
    assert files is not None
    assert files.real(str(tmp_path)) == os.path.realpath(tmp_path)
