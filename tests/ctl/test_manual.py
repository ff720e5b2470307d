"""The manual pages: everything that can be written on a command line is in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from saferun.cli import HELP
from saferun.ctl import manual, saferunctl
from saferun.formats.docker_run.flags import TABLE

PAGES = Path(__file__).parents[2] / "docs" / "man"


def options(group: click.Group) -> set[str]:
    """Return every option of every command."""
    context = click.Context(group)
    found: set[str] = set()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= options(command)
        elif not command.hidden:
            found |= {one for each in command.params for one in each.opts if one.startswith("--")}
    return found


def test_the_page_of_saferunctl_is_up_to_date() -> None:
    """script/generate makes it; click's own words may change from version to version."""
    shipped = (PAGES / "saferunctl.1").read_text().replace("\\-", "-")
    for line in manual.page().splitlines():
        if line.startswith(".SS "):
            assert " ".join(line.replace("\\-", "-").split()[:3]) in shipped, line
    for option in options(saferunctl):
        assert option in shipped, f"{option}: script/generate"


def test_the_page_of_saferun_has_its_own_options() -> None:
    """As the help has."""
    shipped = (PAGES / "saferun.1").read_text()
    for flag in TABLE:
        if flag.own:
            assert f"--{flag.name}" in shipped
            assert f"--{flag.name}" in HELP


@pytest.mark.parametrize("name", ["saferun", "saferunctl"])
def test_a_page_is_sound(name: str) -> None:
    """Where there is a man to say so."""
    if shutil.which("man") is None:
        text = (PAGES / f"{name}.1").read_text()
        assert text.splitlines()[1].startswith(".TH ")
        return
    words = ["man", "--warnings", "--local-file", str(PAGES / f"{name}.1")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "EXIT STATUS" in done.stdout
