"""`saferunctl`: what is not running a container: the gate on an engine, and the law."""

from __future__ import annotations

import os
import sys

import click

from saferun import __version__, delivery
from saferun.ctl_policy import policy
from saferun.errors import SaferunError
from saferun.host import docker_cli
from saferun.host.scratch_container import sdk
from saferun.world import World


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def saferunctl() -> None:
    """Look after saferun on the engine that the docker CLI would use, and after its law."""


@saferunctl.group()
def gate() -> None:
    """Manage the volume that brings the gate into containers."""


@gate.command()
def install() -> None:
    """Fill the volume now, instead of on the first run, and read it back."""
    world = _world()
    ours = delivery.gate()
    answer, version = delivery.ask(ours, world)
    delivery.deliver(ours, answer, world, version)
    click.echo(f"{ours.volume}: ready for linux on {', '.join(ours.architectures)}")


@gate.command()
def remove() -> None:
    """Remove the volume; containers that still have it mounted keep it from being removed."""
    world = _world()
    ours = delivery.gate()
    answer, version = delivery.ask(ours, world)
    if delivery.created(ours, answer) is None:
        click.echo(f"{ours.volume}: not there")
        return
    with sdk(world.engine.endpoint, version) as client:
        client.remove_volume(ours.volume)
    click.echo(f"{ours.volume}: removed")


saferunctl.add_command(policy)


def main() -> None:
    """Run the command and exit: 0 clean, 1 findings, 2 when saferunctl could not tell."""
    try:
        sys.exit(saferunctl(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except SaferunError as error:
        click.echo(f"saferunctl: {error}", err=True)
        for hint in error.hints:
            click.echo(f"saferunctl: hint: {hint}", err=True)
        sys.exit(2)
    except click.Abort:
        sys.exit(130)


def _world() -> World:
    docker = docker_cli.find(os.environ, sys.argv[0])
    return World(docker, os.environ, _silent, _silent)


def _silent(*_lines: str) -> None:
    """Say nothing: what there is to say, the commands say themselves."""
