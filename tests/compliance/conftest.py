"""The docker CLIs that are here, and an engine that only takes notes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.compliance.recording_engine import RecordingEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


def installed() -> list[str]:
    """Return the docker CLI on PATH and the distribution's, or the one if they are the same."""
    found = [path for path in (shutil.which("docker"), shutil.which("/usr/bin/docker")) if path]
    return list({Path(path).resolve(): path for path in reversed(found)}.values())


@pytest.fixture(scope="session", params=installed() or [""])
def docker_cli(request: pytest.FixtureRequest) -> str:
    """The path of a real docker CLI; each of them in turn."""
    path: str = request.param
    if not path:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no docker CLI")
    return path


@pytest.fixture
def recording_engine(tmp_path: Path) -> Iterator[RecordingEngine]:
    """An engine that runs nothing and remembers what it is asked."""
    with RecordingEngine(tmp_path / "engine.sock") as engine:
        yield engine
