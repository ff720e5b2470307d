"""Which docker CLI saferunctl takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from saferun.ctl import world_of
from saferun.errors import DockerCliError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory in which `docker` is a link to the saferun beside this saferunctl."""
    own, links = tmp_path / "own", tmp_path / "links"
    for directory in (own, links):
        directory.mkdir()
    for name in ("saferun", "saferunctl"):
        (own / name).write_text("#!/bin/sh\n")
        (own / name).chmod(0o755)
    (links / "docker").symlink_to(own / "saferun")
    monkeypatch.setattr(sys, "argv", [str(own / "saferunctl")])
    return links


def test_saferun_under_dockers_name_is_not_the_docker_cli(links: Path) -> None:
    """It would be asked for the engine, and refuse to be."""
    real = links.parent / "real"
    real.mkdir()
    (real / "docker").write_text("#!/bin/sh\n")
    (real / "docker").chmod(0o755)
    assert world_of({"PATH": f"{links}:{real}"}).docker == f"{real}/docker"


def test_only_what_can_do_without_does_without(links: Path) -> None:
    """Everything else says what is missing."""
    with pytest.raises(DockerCliError, match="no docker on PATH"):
        world_of({"PATH": str(links)})
    assert world_of({"PATH": str(links)}, without_docker=True).docker == "docker"
