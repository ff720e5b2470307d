"""Seccomp profiles: what was judged is what docker reads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from saferun import profiles
from saferun.errors import SaferunError
from saferun.formats import seccomp_profile
from saferun.formats.docker_run.command import RunCommand
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = b'{"defaultAction": "SCMP_ACT_ERRNO"}'


def asked(path: str, content: bytes, separator: str = "=") -> tuple[RunCommand, Facts]:
    """Return a command line with a profile, and what was judged."""
    identity = seccomp_profile.identity(content)
    assert identity is not None
    facts = Facts(ImageFacts("sha256:1", "linux", "amd64"), profiles={path: identity})
    options = (("security-opt", f"seccomp{separator}{path}"), ("security-opt", "label=disable"))
    return RunCommand(options, (), "img", ()), facts


@pytest.mark.parametrize("separator", ["=", ":"])
def test_docker_gets_a_copy_that_nobody_can_change(tmp_path: Path, separator: str) -> None:
    """Also when the file is written to afterwards, and in a process that is started."""
    path = tmp_path / "profile.json"
    path.write_bytes(PROFILE)
    command, facts = profiles.pinned(*asked(str(path), PROFILE, separator))
    path.write_bytes(b"{}")
    first, second = command.all("security-opt")
    key, copy = first[: len("seccomp=")], first[len("seccomp=") :]
    assert (key, second) == (f"seccomp{separator}", "label=disable")
    assert facts.profiles[copy] == seccomp_profile.identity(PROFILE)
    reading = [sys.executable, "-c", f"print(open({copy!r}).read(), end='')"]
    assert subprocess.run(reading, capture_output=True, check=True).stdout == PROFILE
    with pytest.raises(OSError, match="not permitted"):
        os.write(int(copy.rpartition("/")[2]), b"{}")


def test_a_profile_that_has_changed_already_is_no_longer_judged(tmp_path: Path) -> None:
    """Nothing is started with it."""
    path = tmp_path / "profile.json"
    command, facts = asked(str(path), PROFILE)
    for content in (b"{}", b"no profile"):
        path.write_bytes(content)
        with pytest.raises(SaferunError, match="was changed while it was judged"):
            profiles.pinned(command, facts)
    path.unlink()
    with pytest.raises(SaferunError, match="was changed"):
        profiles.pinned(command, facts)
