"""`saferunctl gate`: the volume that brings the gate into containers."""

from __future__ import annotations

import click

from saferun import delivery
from saferun.ctl import world_of
from saferun.errors import EngineError
from saferun.host.scratch_container import sdk


@click.group()
def gate() -> None:
    """Manage the volume that brings the gate into containers."""


@gate.command()
def install() -> None:
    """Fill the volume now, instead of on the first run, and read it back."""
    world = world_of()
    ours = delivery.gate()
    answer, version = delivery.ask(ours, world)
    delivery.deliver(ours, answer, world, version)
    click.echo(f"{ours.volume}: ready for linux on {', '.join(ours.architectures)}")


@gate.command()
def remove() -> None:
    """Remove the volume; containers that still have it mounted keep it from being removed."""
    world = world_of()
    ours = delivery.gate()
    answer, version = delivery.ask(ours, world)
    if delivery.created(ours, answer) is None:
        click.echo(f"{ours.volume}: not there")
        return
    try:
        with sdk(world.engine.endpoint, version) as client:
            client.remove_volume(ours.volume)
    except EngineError as error:
        which = f"docker ps --all --filter volume={ours.volume} lists the containers that have it"
        raise EngineError(str(error), which) from error
    click.echo(f"{ours.volume}: removed")
