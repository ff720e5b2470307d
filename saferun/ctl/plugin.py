"""`saferunctl plugin`: `docker saferun`, by a link where the docker CLI looks for its plugins."""

from __future__ import annotations

import os
import stat

import click

from saferun.ctl.shell_init import bin_directory
from saferun.docker_plugin import PROGRAM
from saferun.errors import SaferunError
from saferun.host import home

#: The first of the CLI's own directories (docker/cli cli-plugins/manager/manager_unix.go).
SYSTEM = "/usr/local/lib/docker/cli-plugins"

FOR_ALL = click.option("--system", is_flag=True, help=f"For every user: in {SYSTEM}.")


@click.group()
def plugin() -> None:
    """Make `docker saferun …` run saferun, as a plugin of the docker CLI."""


@plugin.command()
@FOR_ALL
def install(*, system: bool) -> None:
    """Link it into docker's directory of plugins."""
    link, target = _link(system=system), f"{bin_directory()}/{PROGRAM}"
    try:
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if _is_ours(link):
            os.unlink(link)
        os.symlink(target, link)
    except FileExistsError:
        message = f"{link} is there already, and saferun did not put it there"
        raise SaferunError(message, "remove it first") from None
    except OSError as error:
        raise _failed(link, error) from error
    click.echo(f"{link} -> {target}")


@plugin.command()
@FOR_ALL
def remove(*, system: bool) -> None:
    """Remove the link again."""
    link = _link(system=system)
    try:
        if _is_ours(link):
            os.unlink(link)
            click.echo(f"{link}: removed")
        elif os.path.lexists(link):
            message = f"{link} was not put there by saferun"
            raise SaferunError(message, "remove it yourself")
        else:
            click.echo(f"{link}: not there")
    except OSError as error:
        raise _failed(link, error) from error


def _link(*, system: bool) -> str:
    own = f"{home.docker_configuration(os.environ)}/cli-plugins"
    return f"{SYSTEM if system else own}/{PROGRAM}"


def _is_ours(link: str) -> bool:
    """Tell whether there is a link to a plugin of saferun's, perhaps one that is gone by now."""
    try:
        if not stat.S_ISLNK(os.lstat(link).st_mode):
            return False
    except FileNotFoundError:
        return False
    return os.path.basename(os.readlink(link)) == PROGRAM


def _failed(link: str, error: OSError) -> SaferunError:
    return SaferunError(f"{link}: {(error.strerror or str(error)).lower()}")
