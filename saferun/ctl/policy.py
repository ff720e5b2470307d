"""`saferunctl policy`: the law in force, files checked and compared, and files to start from."""

from __future__ import annotations

import json
import os
import time

import click

from saferun import laws
from saferun.ctl import AS_JSON, CLEAN, FINDINGS, NAMED, UNKNOWN
from saferun.errors import PolicyError
from saferun.formats import policy_words
from saferun.formats.terminal import visible
from saferun.host import caller, policy_files, shipped
from saferun.judge.policy import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer

START = """\
# The policy of this host, or of this user, for saferun.
#
# As /etc/saferun/policy.toml, owned by root, it is a ceiling for everybody; as
# ~/.config/saferun/policy.toml it is yours. `saferunctl policy check FILE` finds every mistake.

schema = 1

# Everything that this law says holds here, too; what is stated below takes the place of what it
# says of the same key in the same table. `saferunctl policy show --policy {name}` prints it.
extends = ["{name}"]

# Used when the command line is silent.
[defaults]
# pids-limit = 512
# init = true

# The most that may be asked for. An empty list allows nothing; a key left out is no opinion.
[limits]
# volume = ["/srv/data:ro", "/home/*/projects", "cache-*"]
# publish = ["127.0.0.1:1024-65535"]
# network = ["bridge", "none"]
# memory = "4g"

# Only for containers whose user is not root; [root.limits] is for the others.
[nonroot.limits]
# cap-add = ["NET_BIND_SERVICE"]

# What must hold: it is added where it is missing, or the container is refused.
[require]
# security-opt = ["no-new-privileges"]
# read-only = true

# Exceptions to the limits of this file, for some images, users or groups.
# [[allow]]
# image = "registry.example.com/net/tcpdump"
# cap-add = ["NET_RAW"]
# reason = "packet capture on the edge hosts"
# expires = 2027-01-31

# And what is taken away again, whatever this file allows.
# [[deny]]
# groups = ["students"]
# publish = ["*"]
# reason = "no services on shared machines"
"""


@click.group()
def policy() -> None:
    """Show, check, compare and begin policies."""


@policy.command()
@NAMED
@click.option("--root", "whom", flag_value="root", help="Only what holds for root.")
@click.option("--nonroot", "whom", flag_value="nonroot", help="Only what holds for non-root.")
@AS_JSON
def show(named: tuple[str, ...], whom: str | None, *, as_json: bool) -> None:
    """Print the law in force, with the origin of every value."""
    layers = laws.of_files(*policy_files.read_layers(named, os.environ))
    if as_json:
        click.echo(json.dumps(policy_words.document(layers, _today()), indent=2))
        return
    for each in (whom,) if whom else ("nonroot", "root"):
        click.echo(f"# for containers whose user is {'root' if each == 'root' else 'not root'}")
        for line in policy_words.shown(layers, each, _today()):
            click.echo(visible(line))


@policy.command()
@click.argument("files", nargs=-1, required=True)
@AS_JSON
def check(files: tuple[str, ...], *, as_json: bool) -> int:
    """Check policy files, or shipped laws, and print every mistake."""
    mistakes: list[str] = []
    warned: list[str] = []
    unread = False
    for file in files:
        found, layers = _checked(file)
        unread = unread or layers is None
        mistakes += found
        for layer in layers or ():
            warned += [*policy_words.warnings(layer, _today()), *_strangers(layer)]
    status = UNKNOWN if unread else FINDINGS if mistakes else CLEAN
    if as_json:
        told = {"schema": policy_words.SCHEMA, "mistakes": mistakes, "warnings": warned}
        click.echo(json.dumps(told, indent=2))
        return status
    for line in mistakes:
        click.echo(visible(line))
    for line in warned:
        click.echo(f"warning: {visible(line)}")
    if not mistakes:
        click.echo(f"{len(files)} {'policy is' if len(files) == 1 else 'policies are'} valid")
    return status


@policy.command()
@click.argument("ours")
@click.argument("theirs")
@AS_JSON
def diff(ours: str, theirs: str, *, as_json: bool) -> int:
    """Say what THEIRS allows or refuses that OURS does not.

    Both are files or shipped laws. The exit status is 1 where they differ, 0 where they do not.
    """
    first, second = (laws.of_files([("explicit", *_read(file))]) for file in (ours, theirs))
    found = policy_words.differences(first, second)
    if as_json:
        click.echo(json.dumps({"schema": policy_words.SCHEMA, "differences": found}, indent=2))
    else:
        for line in found:
            click.echo(visible(line))
    return FINDINGS if found else CLEAN


@policy.command()
@click.argument("name", metavar="NAME", type=click.Choice(shipped.names()))
@click.argument("file", required=False)
def init(name: str, file: str | None) -> None:
    """Write a commented file that starts from the shipped law NAME, to FILE or to stdout.

    The laws are agent, baseline, ci, cis, default, hardened and restricted.
    """
    text = START.format(name=name)
    if file is None:
        click.echo(text, nl=False)
        return
    directory = os.path.dirname(file)
    try:
        if directory:
            os.makedirs(directory, mode=0o755, exist_ok=True)
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        message = f"cannot write {file}: file exists"
        raise PolicyError(message, "nothing is ever overwritten: name another file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"cannot write {file}: {reason[:1].lower()}{reason[1:]}"
        raise PolicyError(message, "name a file in a directory that you may write") from None
    os.chmod(file, 0o644)  # whatever the umask: others may read it, and only its owner write it
    click.echo(f"{file}: edit it, then: saferunctl policy check {file}")


def _checked(name: str) -> tuple[list[str], tuple[Layer, ...] | None]:
    """Return what is wrong with a file, and its layers; None when it could not be read at all."""
    try:
        path, data = _read(name)
    except PolicyError as error:
        return [str(error)], None
    try:
        return [], laws.of_files([("explicit", path, data)])
    except PolicyError as error:
        return str(error).split("\n"), ()


def _read(name: str) -> tuple[str, bytes]:
    """Return the path and the content of a file or a shipped law; raises PolicyError."""
    path = shipped.path(name) or name
    return path, policy_files.read_extended("explicit", path)


def _strangers(layer: Layer) -> Iterator[str]:
    """Yield rules for users and groups that this machine does not have."""
    for rule in layer.rules if layer is not BUILT_IN else ():
        for name in rule.users:
            if not name.isdigit() and caller.user_id(name) is None:
                yield f"{rule.source}:{rule.line}: there is no user {name} on this machine"
        for name in rule.groups:
            if not name.isdigit() and caller.group_id(name) is None:
                yield f"{rule.source}:{rule.line}: there is no group {name} on this machine"


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
