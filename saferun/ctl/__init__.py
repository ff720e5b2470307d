"""`saferunctl`: everything but running a container. One file a command, loaded when it is called.

Exit statuses of every command: 0 clean, 1 findings, 2 could not tell.
"""

from __future__ import annotations

import os
import sys

import click

from saferun import __version__
from saferun.errors import DockerCliError, Interrupted, SaferunError
from saferun.formats.terminal import visible
from saferun.host import docker_cli
from saferun.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Exit statuses of every command.
CLEAN, FINDINGS, UNKNOWN = 0, 1, 2
#: Commands by name: the module that has it as an attribute of its own last name, and its caption
#: for the overview, which must not load them all.
COMMANDS = {
    "audit": ("saferun.ctl.audit", "Look at every process of every running container."),
    "check": ("saferun.ctl.check", "Judge command lines, bodies and Compose files; run nothing."),
    "doctor": ("saferun.ctl.doctor", "Check whether the engine is honest and saferun works here."),
    "gate": ("saferun.ctl.gate", "Manage the volume that brings the gate into containers."),
    "inspect": ("saferun.ctl.inspect", "Predict what of an image will fail, before it runs."),
    "plugin": ("saferun.ctl.plugin", "Make `docker saferun` run saferun."),
    "policy": ("saferun.ctl.policy", "Show, check, compare and begin policies."),
    "receipts": ("saferun.ctl.receipts", "Check receipts, and the log that chains them."),
    "shell-init": (
        "saferun.ctl.shell_init",
        "Send docker run through saferun in bash, zsh or fish.",
    ),
}

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
NAMED = click.option(
    "--policy", "named", multiple=True, metavar="NAME|FILE", help="Add a shipped law or a file."
)


class Commands(click.Group):
    """A group whose commands are imported when they are called: some bring libraries along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return sorted(COMMANDS)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run a command; raises SaferunError when its answer cannot be written.

        click would exit with 1 for a pipe that nobody reads, which here means findings.
        """
        try:
            return super().invoke(ctx)
        except OSError as error:
            # What is left in the buffer would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):  # `… | head` has read enough
                ctx.exit(UNKNOWN)
            where = f"{error.filename}: " if error.filename else ""
            message = f"{where}{(error.strerror or str(error)).lower()}"
            raise SaferunError(message) from error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        name = module.rpartition(".")[2]
        found: click.Command = getattr(__import__(module, fromlist=(name,)), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the captions."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def saferunctl() -> None:
    """Look after saferun: the law, what runs, and the engine that the docker CLI would use.

    Exit statuses: 0 clean, 1 findings, 2 could not tell.
    """


def main() -> None:
    """Run the command and exit: 0 clean, 1 findings, 2 when saferunctl could not tell."""
    if sys.stdout is None:  # closed by the caller; the exit status still tells
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    try:
        sys.exit(saferunctl(standalone_mode=False) or CLEAN)
    except click.ClickException as error:
        error.show()
        sys.exit(UNKNOWN)
    except SaferunError as error:
        click.echo("saferunctl: " + "\n".join(map(visible, str(error).split("\n"))), err=True)
        for hint in error.hints:
            click.echo(f"saferunctl: hint: {visible(hint)}", err=True)
        sys.exit(UNKNOWN)
    except click.Abort:
        sys.exit(130)
    except Interrupted as error:
        click.echo("saferunctl: interrupted", err=True)
        sys.exit(128 + error.number)


def world_of(environ: Mapping[str, str] = os.environ, *, without_docker: bool = False) -> World:
    """Return the world as the docker CLI would see it; what there is to say, commands print.

    Raises DockerCliError when there is no docker CLI, but for what can do without.
    """
    try:
        docker = docker_cli.find(environ, saferun_path())
    except DockerCliError:
        if not without_docker:
            raise
        docker = "docker"
    return World(docker, environ)


def saferun_path() -> str:
    """Return the path of the saferun that stands beside this saferunctl, which is no docker CLI."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "saferun")
    return beside if os.path.isfile(beside) else sys.argv[0]
