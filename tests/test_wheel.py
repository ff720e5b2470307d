"""What is published: one wheel for every machine, and the sdist that makes the same wheel.

The wheel brings the gates, scripts, laws, manual pages, the shells' files, and completions where
shells look. `script/wheels` runs these tests on what it has built, named by SAFERUN_DIST.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun import __version__

if TYPE_CHECKING:
    from email.message import Message
    from types import ModuleType

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
WHEEL = f"saferun-{__version__}-py3-none-any.whl"
SDIST = f"saferun-{__version__}.tar.gz"


def build(source: Path, *targets: str) -> Path:
    """Return the directory with what pip and `build` would make of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", "out"]
    for target in targets:
        command += ["-t", target]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return source / "out"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the wheel and the sdist."""
    if given := os.environ.get("SAFERUN_DIST"):
        return Path(given)
    source = tmp_path_factory.mktemp("wheel") / "source"
    # A copy, because a build writes the gate into its source.
    ours = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "gate-*", "built.py")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*ours))
    return build(source, "sdist", "wheel")


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    """The wheel, as pip would build it."""
    return zipfile.ZipFile(dist / WHEEL)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """What the wheel says of itself."""
    return BytesParser().parsebytes(wheel.read(f"saferun-{__version__}.dist-info/METADATA"))


def below(wheel: zipfile.ZipFile, kind: str) -> dict[str, bytes]:
    """Return what is installed below a directory of the environment, by path."""
    marker = f".data/{kind}/"
    return {
        name.partition(marker)[2]: wheel.read(name) for name in wheel.namelist() if marker in name
    }


def test_there_is_one_of_each(dist: Path) -> None:
    """The wheel is for every machine: gates run in containers, never in this Python."""
    assert {path.name for path in dist.iterdir()} == {WHEEL, SDIST}


def test_it_has_a_gate_for_x86_64_and_one_for_arm64(
    wheel: zipfile.ZipFile, hatch_build: ModuleType, tmp_path: Path
) -> None:
    """Each an executable of its own architecture, and all of them those that the digest is of."""
    gates = {}
    for architecture in hatch_build.ARCHITECTURES:
        name = f"saferun/gate/gate-{architecture.name}"
        if name in wheel.namelist():
            assert wheel.getinfo(name).external_attr >> 16 & 0o777 == 0o755
            gates[architecture.name] = Path(wheel.extract(name, tmp_path))
            assert hatch_build.fault(gates[architecture.name].read_bytes(), architecture) == ""
    # What is published must have both; what somebody builds has what there is a compiler for.
    published = "SAFERUN_DIST" in os.environ or shutil.which("aarch64-linux-gnu-gcc")
    assert gates.keys() >= {"amd64", "arm64"} or not published
    assert wheel.read("saferun/gate/built.py").decode() == hatch_build.describe(gates)


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


def test_the_package_has_every_law_and_module(wheel: zipfile.ZipFile) -> None:
    """And nothing of the tests, of the build, or of whoever built it."""
    listed = subprocess.run(
        ["find", "saferun", "-name", "*.py", "-o", "-name", "py.typed", "-o", "-name", "gate.c"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = {*listed.stdout.split(), "saferun/gate/built.py"}
    expected |= {f"saferun/policies/{path.name}" for path in (ROOT / "policies").iterdir()}
    others = {name for name in wheel.namelist() if name.startswith("saferun/")} - expected
    assert expected <= set(wheel.namelist())
    assert all(name.startswith(("saferun/gate/gate-", "saferun/shells/")) for name in others)


def test_metadata(metadata: Message) -> None:
    """What installers and package indexes read."""
    assert (metadata["Name"], metadata["Version"]) == ("saferun", __version__)
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    needs = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert {one.partition(">")[0] for one in needs} == {"click", "docker", "rich", "tomli"}


def test_the_sdist_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    """Byte for byte, from another directory: whoever doubts the wheel can build it."""
    subprocess.run(["tar", "-xzf", dist / SDIST], cwd=tmp_path, check=True)
    again = build(tmp_path / SDIST.removesuffix(".tar.gz"), "wheel")
    assert (again / WHEEL).read_bytes() == (dist / WHEEL).read_bytes()


@pytest.mark.parametrize("name", sorted(SHARED.values()))
def test_zsh_knows_its_files_by_their_first_line(name: str) -> None:
    """compinit reads no further."""
    first = (SHELLS / name).read_text().partition("\n")[0]
    assert (first == f"#compdef {name.partition('.')[0]}") == name.endswith(".zsh")
