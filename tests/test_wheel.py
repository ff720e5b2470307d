"""What the wheel brings: scripts, the shells' files, and completions where shells look."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELLS = ROOT / "saferun" / "shells"
SHARED = {
    "share/bash-completion/completions/saferun": "saferun.bash",
    "share/bash-completion/completions/saferunctl": "saferunctl.bash",
    "share/fish/vendor_completions.d/saferun.fish": "saferun.fish",
    "share/fish/vendor_completions.d/saferunctl.fish": "saferunctl.fish",
    "share/zsh/site-functions/_saferun": "saferun.zsh",
    "share/zsh/site-functions/_saferunctl": "saferunctl.zsh",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, as pip would build it."""
    source = tmp_path_factory.mktemp("wheel") / "source"
    # A copy, because a build writes the gate into its source.
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = (source / "out").iterdir()
    return zipfile.ZipFile(path)


def below(wheel: zipfile.ZipFile, kind: str) -> dict[str, bytes]:
    """Return what is installed below a directory of the environment, by path."""
    marker = f".data/{kind}/"
    return {
        name.partition(marker)[2]: wheel.read(name) for name in wheel.namelist() if marker in name
    }


def test_scripts(wheel: zipfile.ZipFile) -> None:
    """Both are plain scripts, which start at once."""
    scripts = below(wheel, "scripts")
    assert set(scripts) == {"docker-saferun", "saferun"}
    assert all(text.startswith(b"#!python\n") for text in scripts.values())


def test_completions_and_manual_pages(wheel: zipfile.ZipFile) -> None:
    """Where bash-completion, zsh, fish and man look for them."""
    expected = {path: (SHELLS / name).read_bytes() for path, name in SHARED.items()}
    pages = SHELLS.parents[1] / "docs" / "man"
    expected |= {f"share/man/man1/{page.name}": page.read_bytes() for page in pages.iterdir()}
    assert below(wheel, "data") == expected


def test_the_package_has_what_shell_init_prints(wheel: zipfile.ZipFile) -> None:
    """And no file of a shell is forgotten."""
    inside = {name for name in wheel.namelist() if name.startswith("saferun/shells/")}
    assert inside == {f"saferun/shells/{path.name}" for path in SHELLS.iterdir()}


@pytest.mark.parametrize("name", sorted(SHARED.values()))
def test_zsh_knows_its_files_by_their_first_line(name: str) -> None:
    """compinit reads no further."""
    first = (SHELLS / name).read_text().partition("\n")[0]
    assert (first == f"#compdef {name.partition('.')[0]}") == name.endswith(".zsh")
