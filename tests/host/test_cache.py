"""What is remembered between runs, and what is not trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from saferun.host.cache import LARGEST_FILE, Cache

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache in tmp_path/saferun."""
    return Cache({"XDG_CACHE_HOME": str(tmp_path)})


@pytest.mark.parametrize("content", [b"", b"x", b"\x00\xff\n", b"x" * LARGEST_FILE])
def test_what_is_remembered_is_recalled(cache: Cache, tmp_path: Path, content: bytes) -> None:
    """Whole, for its owner only, and nothing else is left beside it."""
    assert cache.recall("a") is None
    cache.remember("a", b"before")
    cache.remember("a", content)
    assert cache.recall("a") == content
    assert os.listdir(tmp_path / "saferun") == ["a"]
    assert (tmp_path / "saferun").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "saferun/a").stat().st_mode & 0o777 == 0o600


def test_what_is_too_large_is_not_remembered(cache: Cache) -> None:
    """Half of it would be worse than nothing."""
    cache.remember("a", b"x" * (LARGEST_FILE + 1))
    assert cache.recall("a") is None


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, ".cache/saferun/a"),
        ({"XDG_CACHE_HOME": ""}, ".cache/saferun/a"),
        ({"XDG_CACHE_HOME": "relative"}, ".cache/saferun/a"),
        ({"XDG_CACHE_HOME": "{dir}/x"}, "x/saferun/a"),
    ],
)
def test_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], place: str
) -> None:
    """As the XDG Base Directory Specification says: relative paths do not count."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    given = {name: value.replace("{dir}", str(tmp_path)) for name, value in environ.items()}
    Cache({"HOME": str(tmp_path), **given}).remember("a", b"x")
    assert (tmp_path / place).read_bytes() == b"x"


def test_the_environment_that_is_given_counts(tmp_path: Path) -> None:
    """HOME comes from the same environment as everything else, not from this process's."""
    Cache({"HOME": str(tmp_path)}).remember("a", b"x")
    assert (tmp_path / ".cache/saferun/a").exists()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_trusted(cache: Cache, tmp_path: Path, mode: int) -> None:
    """Whoever may write it may have written it."""
    cache.remember("a", b"x")
    (tmp_path / "saferun/a").chmod(mode)
    assert cache.recall("a") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_others_own_is_not_trusted(cache: Cache, tmp_path: Path) -> None:
    """Under sudo the directory may be another user's."""
    cache.remember("a", b"x")
    os.chown(tmp_path / "saferun/a", 12345, 0)
    assert cache.recall("a") is None


@pytest.mark.parametrize("kind", ["directory", "fifo", "link"])
def test_what_is_no_ordinary_file_is_not_trusted(cache: Cache, tmp_path: Path, kind: str) -> None:
    """Neither followed nor waited for."""
    cache.remember("b", b"x")
    path = tmp_path / "saferun/a"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("b")
    assert cache.recall("a") is None


def test_a_planted_link_is_replaced_and_not_followed(cache: Cache, tmp_path: Path) -> None:
    """Remembering writes nothing outside its directory."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "saferun").mkdir()
    (tmp_path / "saferun/a").symlink_to(victim)
    cache.remember("a", b"x")
    assert victim.read_text() == "mine"
    assert cache.recall("a") == b"x"


@pytest.mark.parametrize("base", ["/proc", "/dev/null", "{dir}/file"])
def test_without_a_usable_directory_nothing_is_remembered(tmp_path: Path, base: str) -> None:
    """Silently: saferun works as well, only slower."""
    (tmp_path / "file").write_text("")
    cache = Cache({"XDG_CACHE_HOME": base.replace("{dir}", str(tmp_path))})
    cache.remember("a", b"x")
    assert cache.recall("a") is None
