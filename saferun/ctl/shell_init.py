"""`saferunctl shell-init`: saferun in the place of `docker run`, for a shell to evaluate."""

from __future__ import annotations

import os
import shlex
import sys
from importlib import resources

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from saferun.docker_plugin import NAME as SAFERUN
from saferun.docker_plugin import PROGRAM
from saferun.errors import SaferunError

HELP = """\
Print a docker function that sends docker run through saferun, and completions.

\b
bash:  eval "$(saferunctl shell-init bash)"    in ~/.bashrc
zsh:   eval "$(saferunctl shell-init zsh)"     in ~/.zshrc, after compinit
fish:  saferunctl shell-init fish | source     in ~/.config/fish/config.fish
"""
#: By shell: the file of its `docker` function.
FUNCTIONS = {"bash": "docker.sh", "fish": "docker.fish", "zsh": "docker.sh"}
#: By shell: who writes a completion of a click application.
WRITERS = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}


@click.command("shell-init", help=HELP)
@click.argument("shell", type=click.Choice(sorted(FUNCTIONS)))
def shell_init(shell: str) -> None:
    """Print a docker function that sends docker run through saferun, and completions."""
    directory = bin_directory()
    text = _file(FUNCTIONS[shell])
    for name in (PROGRAM, SAFERUN):
        text = text.replace(f"@{name}@", quoted(f"{directory}/{name}", shell))
    text += _file(f"saferun.{shell}") + _own(shell)
    # A path may be anything: out it goes as it came in.
    click.echo(os.fsencode(text), nl=False)


def quoted(path: str, shell: str) -> str:
    """Return a word of a shell's language that is this path and nothing else."""
    if shell != "fish":
        return shlex.quote(path)
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def bin_directory() -> str:
    """Return the directory where saferun and its plugin stand: beside this saferunctl.

    Raises SaferunError when they do not.
    """
    ours = os.path.abspath(sys.argv[0])
    for path in (ours, os.path.realpath(ours), sys.executable):
        directory = os.path.dirname(path)
        if all(os.access(f"{directory}/{name}", os.X_OK) for name in (SAFERUN, PROGRAM)):
            return directory
    raise SaferunError(
        f"no {SAFERUN} and {PROGRAM} beside {ours}", "install saferun again: pipx install saferun"
    )


def _file(name: str) -> str:
    return (resources.files("saferun") / "shells" / name).read_text(encoding="utf-8")


def _own(shell: str) -> str:
    """Return the completion of saferunctl, as click writes it."""
    from saferun.ctl import saferunctl

    written = WRITERS[shell](saferunctl, {}, "saferunctl", "_SAFERUNCTL_COMPLETE")
    source = written.source()
    if shell == "zsh":
        # Without compinit there is no compdef, and an error at every start of the shell.
        return f"if (( ${{+functions[compdef]}} )); then\n{source}\nfi\n"
    return source + "\n"
