"""`saferunctl check`: command lines, create bodies, inspect answers and Compose files, judged."""

from __future__ import annotations

import json
import os
import sys

import click

from saferun import check as door
from saferun import laws
from saferun.ctl import AS_JSON, CLEAN, FINDINGS, NAMED, UNKNOWN, world_of
from saferun.ctl.table import table
from saferun.errors import DockerCliError, SaferunError
from saferun.formats import checked
from saferun.formats.checked import KINDS, Checked
from saferun.formats.docker_run.global_options import HINT, run_in
from saferun.formats.json_text import NotCanonicalError, decode_once
from saferun.formats.terminal import visible
from saferun.host import docker_cli, policy_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from saferun.formats.docker_run.global_options import Variables
    from saferun.formats.fixes import Dialect
    from saferun.judge.policy import Layer
    from saferun.world import World

STATUSES = {checked.CLEAN: CLEAN, checked.FINDINGS: FINDINGS, checked.CANNOT_TELL: UNKNOWN}
#: What a docker run line may begin with, but for docker.
STARTS = (("container", "run"), ("saferun",), ("run",))
#: Of another command of docker's.
NO_RUN = "neither docker run nor docker container run; where docker is the image: run docker …"
#: Bytes that are read of a file at most.
LARGEST = 64 << 20
#: Where the words after `--` are kept: click must not read a docker run line.
LINE = "saferun.line"


class Command(click.Command):
    """A command that leaves everything after the first `--` as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give click the words before the first `--`, and keep the others."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[LINE] = args[at + 1 :] if at < len(args) else None
        return super().parse_args(ctx, args[:at])


@click.command(cls=Command, options_metavar="[OPTIONS]")
@click.argument("files", nargs=-1, metavar="[FILE]... [-- DOCKER RUN LINE]")
@click.option(
    "--api-body",
    "bodies",
    multiple=True,
    metavar="FILE|-",
    help="Judge create bodies, or what `docker inspect` prints; - is stdin.",
)
@NAMED
@AS_JSON
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[str, ...],
    bodies: tuple[str, ...],
    named: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Judge what asks for a container by the law in force, and run nothing.

    FILE is a Compose file, rendered by `docker compose config`, or the model that this prints with
    --format json, which needs no plugin; - is such a model on stdin. After -- comes a docker run
    line, judged as saferun would judge it.

    Exit statuses: 0 clean, 1 findings, 2 could not tell.
    """
    line: list[str] | None = ctx.meta[LINE]
    if not (files or bodies or line is not None):
        message = "nothing to check: name a file, or give a docker run line after --"
        raise click.UsageError(message)
    world = world_of(without_docker=True)
    layers = laws.of_files(*policy_files.read_layers(named, os.environ))
    found: list[Checked] = []
    if line is not None:
        found.append(_line(line, named))
    for name in bodies:
        data = _read(name)
        found += (
            [data] if isinstance(data, Checked) else door.bodies(_shown(name), data, layers, world)
        )
    for name in files:
        found += _services(name, layers, world)
    _print(found, as_json=as_json)
    return STATUSES[checked.overall(found)]


def _line(words: Sequence[str], named: tuple[str, ...]) -> Checked:
    """Check a docker run line, on the engine that docker's global options in it select."""
    variables: Variables = {}
    if words[:1] == ["docker"]:
        told = Checked("docker run", "run", blind=True)
        try:
            call = run_in(words[1:], os.environ)
        except SaferunError as error:
            hints = [hint for hint in error.hints if hint != HINT]
            return told.replace(unknown=("; ".join([str(error), *hints]),))
        if call is None:
            return told.replace(unknown=(NO_RUN,))
        words, variables = call.words, call.variables
    else:
        start = next((one for one in STARTS if tuple(words[: len(one)]) == one), ())
        words = words[len(start) :]
    environ = {**os.environ, **variables}
    said = {name: value for name, value in environ.items() if value is not None}
    return door.line(words, named, world_of(said, without_docker=True))


def _services(name: str, layers: tuple[Layer, ...], world: World) -> Iterator[Checked]:
    """Check a Compose file, or the model of one."""
    data = _read(name)
    if isinstance(data, Checked):
        yield data.replace(dialect="compose")
        return
    try:
        model = _model(data)
    except NotCanonicalError as error:
        yield _unreadable(name, "compose", str(error))
        return
    if model is None:
        if name == "-":
            reason = "stdin is no rendered model: docker compose config --format json"
            yield _unreadable(name, "compose", reason)
            return
        try:
            model = _model(docker_cli.compose_model(world.docker, name, world.environ))
        except DockerCliError as error:
            reason = "; ".join([*str(error).splitlines(), *error.hints])
            yield _unreadable(name, "compose", reason)
            return
    if model is None or not isinstance(model.get("services"), dict):
        yield _unreadable(name, "compose", "no services: give create bodies with --api-body")
        return
    directory = "." if name == "-" else os.path.dirname(name) or "."
    yield from door.services(_shown(name), model, directory, layers, world)


def _model(data: bytes) -> dict[str, Any] | None:
    """Return a model in JSON, None for what is none; raises NotCanonicalError."""
    try:
        model = decode_once(data)
    except NotCanonicalError:
        raise
    except ValueError:
        return None
    return model if isinstance(model, dict) else None


def _read(name: str) -> bytes | Checked:
    """Return what is in a file, or on stdin; what there is to say when it cannot be read."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return _unreadable(name, "body", f"cannot read it: {reason.lower()}")
    return data if len(data) <= LARGEST else _unreadable(name, "body", "it is too large")


def _unreadable(name: str, dialect: Dialect, reason: str) -> Checked:
    return Checked(_shown(name), dialect, unknown=(reason,), blind=True)


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name


def _print(found: list[Checked], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(checked.document(found), indent=2))
        return
    for one in found:
        for line in checked.lines(one):
            click.echo(visible(line))
    if len(found) > 1:
        click.echo()
        rows = [
            (one.name, KINDS[one.dialect], one.verdict, str(len(one.findings) or ""))
            for one in found
        ]
        click.echo(table(("what", "kind", "verdict", "findings"), rows), nl=False)
