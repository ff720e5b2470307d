"""`saferunctl plugin`: a link where docker looks, and nobody else's file touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from saferun import ctl

BIN = Path(sys.executable).parent


def run(*words: str) -> int:
    """Run a command as the program does; return its exit status."""
    sys.argv = [str(BIN / "saferunctl"), "plugin", *words]
    with pytest.raises(SystemExit) as ended:
        ctl.main()
    return int(ended.value.code or 0)


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the link belongs, in somebody's home."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    return tmp_path / ".docker" / "cli-plugins" / "docker-saferun"


def test_install_and_remove(link: Path) -> None:
    """Again is harmless; also over the link of a saferun that has gone."""
    assert run("install") == 0
    assert link.readlink() == BIN / "docker-saferun"
    assert run("install") == 0
    link.unlink()
    link.symlink_to("/gone/bin/docker-saferun")
    assert run("install") == 0
    assert link.readlink() == BIN / "docker-saferun"
    assert run("remove") == 0
    assert not link.is_symlink()
    assert run("remove") == 0


def test_where_dockers_configuration_is(
    link: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DOCKER_CONFIG moves the plugins as well."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "elsewhere"))
    assert run("install") == 0
    assert (tmp_path / "elsewhere/cli-plugins/docker-saferun").is_symlink()
    assert not link.exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_not_ours_stays(link: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin of this name by somebody else is neither replaced nor removed."""
    link.parent.mkdir(parents=True)
    if kind == "file":
        link.touch()
    else:
        link.symlink_to("/opt/other")
    assert run("install") == 2
    assert "there already" in capsys.readouterr().err
    assert run("remove") == 2
    assert "not put there by saferun" in capsys.readouterr().err
    assert link.is_symlink() == (kind == "link")


def test_a_directory_that_cannot_be_made(link: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said in words."""
    link.parents[1].touch()
    assert run("install") == 2
    assert capsys.readouterr().err.startswith(f"saferunctl: {link}: ")
