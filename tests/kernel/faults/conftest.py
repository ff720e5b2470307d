"""An engine of these tests' own, with one image, and what may be found on it afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import missing
from tests.kernel.faults.private_engine import PrivateEngine
from tests.kernel.images import IMAGES, entries, tar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The image of these tests.
IMAGE = "faults:latest"
#: Whether the versions are run that take minutes.
LONG = os.environ.get("SAFERUN_FAULTS") == "long"


@pytest.fixture(scope="session")
def archive(attacker: bytes) -> bytes:
    """The files of the image."""
    busybox = shutil.which("busybox")
    if busybox is None:
        missing("no busybox; apt-get install busybox-static")
    listed = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
    applets = [applet for applet in listed.stdout.split() if applet != "busybox"]
    return tar(entries(IMAGES["busybox"], Path(busybox).read_bytes(), applets, attacker))


@pytest.fixture(scope="session")
def private(environment: Mapping[str, str], archive: bytes) -> Iterator[PrivateEngine]:
    """An engine that may be killed, filled up, and searched for what was left on it."""
    with PrivateEngine(environment) as engine:
        done = engine.docker("import", "-", IMAGE, stdin=archive)
        assert done.status == 0, done.stderr
        yield engine


@pytest.fixture
def clean(private: PrivateEngine) -> Iterator[PrivateEngine]:
    """The engine without any container or volume, the gate's included; also afterwards."""
    private.revive()
    clear(private)
    yield private
    private.revive()
    clear(private)


def clear(private: PrivateEngine) -> None:
    """Remove every container, volume and nameless image."""
    for listing, removal in (
        (("ps", "--all", "--quiet", "--no-trunc"), ("rm", "--force", "--volumes")),
        (("volume", "ls", "--quiet"), ("volume", "rm", "--force")),
        (("images", "--quiet", "--no-trunc", "--filter", "dangling=true"), ("rmi", "--force")),
    ):
        found = private.docker(*listing).stdout.split()
        if found:
            done = private.docker(*removal, *found)
            assert done.status == 0, done.stderr
