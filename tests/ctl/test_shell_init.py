"""`saferunctl shell-init`: which saferun the function calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def shell_init(program: Path, shell: str = "bash") -> subprocess.CompletedProcess[bytes]:
    """Run shell-init of a saferunctl."""
    words = [str(program), "shell-init", shell]
    environ = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(words, env=environ, capture_output=True, check=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_saferun_beside_it(shell: str, tmp_path: Path) -> None:
    """Also through a link to saferunctl alone, as people make them."""
    link = tmp_path / "saferunctl"
    link.symlink_to(BIN / "saferunctl")
    for program in (BIN / "saferunctl", link):
        done = shell_init(program, shell)
        assert done.returncode == 0
        assert os.fsencode(BIN / "saferun") in done.stdout
        assert b"@saferun@" not in done.stdout
        assert b"@docker-saferun@" not in done.stdout


def test_links_to_all_of_them_are_kept(tmp_path: Path) -> None:
    """The links outlive an upgrade that moves what is behind them."""
    for name in ("saferun", "docker-saferun", "saferunctl"):
        (tmp_path / name).symlink_to(BIN / name)
    assert os.fsencode(tmp_path / "saferun") in shell_init(tmp_path / "saferunctl").stdout


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    """It comes out as it went in."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    odd.mkdir()
    for name in ("saferun", "docker-saferun", "saferunctl"):
        (odd / name).symlink_to(BIN / name)
    done = shell_init(odd / "saferunctl")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'/\xff/saferun\' "$@"' in done.stdout


def test_no_saferun_anywhere(tmp_path: Path) -> None:
    """A function that calls nothing would be worse than none."""
    package = Path(__file__).parents[2]
    program = tmp_path / "saferunctl"
    program.write_text(
        f"import sys; sys.path[:0] = {[str(package), *sys.path]!r}\n"
        f"sys.executable = {str(tmp_path / 'python')!r}\n"
        "from saferun.ctl import main; main()\n"
    )
    words = [sys.executable, str(program), "shell-init", "bash"]
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("saferunctl: no saferun and docker-saferun beside ")


def test_another_shell() -> None:
    """There are three."""
    done = shell_init(BIN / "saferunctl", "tcsh")
    assert done.returncode == 2
    assert b"'bash', 'fish', 'zsh'" in done.stderr
