"""What tests of the gate share: gates built from the source, and processes of a given shape."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = Path(__file__).with_name("launch.py")
EVERYTHING = "f" * 16


@pytest.fixture(scope="session")
def source() -> Path:
    """The gate's source."""
    return ROOT / "saferun" / "gate" / "gate.c"


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """A directory that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="saferun-gate-") as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def gates(hatch_build: ModuleType, source: Path, directory: Path) -> dict[str, Path]:
    """Every gate that can be built here, by Go's name of its architecture."""
    built: dict[str, Path] = hatch_build.build_gates(source, directory)
    return built


@pytest.fixture(scope="session")
def gate(gates: dict[str, Path]) -> Path:
    """The gate for this machine."""
    return gates[{"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]]


@pytest.fixture(scope="session")
def launch() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run words as a process of the given shape (see launch.py), and wait for it."""

    def run(
        *words: str | bytes | Path,
        shape: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        stderr: int = subprocess.PIPE,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        if os.geteuid() != 0:
            pytest.skip("needs root to shape processes: run the tests as root")
        return subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(shape or {}), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def through(
    gate: Path, launch: Callable[..., subprocess.CompletedProcess[bytes]]
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a command through the gate; unless told otherwise, with masks that allow everything."""

    def run(
        *command: str | bytes | Path,
        root: str = EVERYTHING,
        other: str = EVERYTHING,
        needs: str = "-",
        **options: Any,  # noqa: ANN401 - the other function's, whatever they are
    ) -> subprocess.CompletedProcess[bytes]:
        return launch(gate, root, other, needs, "--", *command, **options)

    return run
