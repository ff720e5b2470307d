"""`saferunctl inspect`: what of an image will fail, and what could be regained in it."""

from __future__ import annotations

import json
from typing import Any

import click

from saferun.ctl import AS_JSON, CLEAN, FINDINGS, NAMED, UNKNOWN, world_of
from saferun.ctl.table import table
from saferun.errors import ImageError
from saferun.formats import report
from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.formats.terminal import visible
from saferun.host import docker_cli
from saferun.inspect_image import Inspection, inspect_image
from saferun.judge.capabilities import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.inspection import Finding, Run
    from saferun.world import World

#: The shape of the JSON document; raised when a reader could be misled by a change.
SCHEMA = 1


@click.command(
    # -h is docker run's --hostname; whatever is not ours is docker run's, and read as it reads it.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="IMAGE [OPTION]…")
@NAMED
@AS_JSON
def inspect(words: tuple[str, ...], named: tuple[str, ...], *, as_json: bool) -> int:
    """Predict what of an image will fail or regain capabilities, before it runs.

    IMAGE with any options of docker run before or after it, and a command, if it is not to be the
    image's own. Options of a command are told apart by a -- before all words. Nothing is run, and
    nothing is pulled. The image's files are read once, and remembered.
    """
    world = world_of()
    command = _command(words, world)
    own = (*command.own, *(("policy", name) for name in named))
    found = inspect_image(command.replace(own=own), world)
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        for line in _heading(found):
            click.echo(line)
        rows = [_row(found, finding) for finding in found.findings]
        if rows:
            click.echo(
                table(("outcome", "file", "what will happen", "what would help"), rows), nl=False
            )
        click.echo(_summary(found))
    return _status(found)


def _command(words: tuple[str, ...], world: World) -> RunCommand:
    """Read the words as docker run does; IMAGE may also stand before the options."""
    first = () if words[0].startswith("-") else words[:1]
    given = (*words[len(first) :], *first)
    command = parse(given)
    if not isinstance(command, RunCommand) and command.kind == "unknown-flag":
        command = parse(given, TABLE.extended(docker_cli.help_text(world.docker, world.environ)))
    if not isinstance(command, RunCommand):
        raise ImageError(command.text)
    if first and command.args:
        return command.replace(image=first[0], args=(command.image, *command.args[:-1]))
    return command


def _status(found: Inspection) -> int:
    outcomes = {finding.outcome for finding in found.findings}
    if not found.judged.decision.allowed or outcomes & {"fails", "regains"}:
        return FINDINGS
    return UNKNOWN if "cannot tell" in outcomes else CLEAN


def _heading(found: Inspection) -> list[str]:
    if not found.judged.decision.allowed:
        return [f"saferun would refuse: {visible(line)}" for line in _denial(found)]
    if found.run is None:
        return []
    process = found.run.process
    nnp = ", no-new-privileges" if process.no_new_privileges else ""
    return [
        f"user: uid {process.uid}, gid {process.gid}{nnp}",
        f"bounding set: {' '.join(names_of(process.bounding)) or 'empty'}",
        f"command: {report.quoted(found.run.words) or 'none'}",
    ]


def _denial(found: Inspection) -> list[str]:
    return report.denial(found.judged.decision)[:-1]


def _row(found: Inspection, finding: Finding) -> tuple[str, str, str, str]:
    reason = f"the command: {finding.reason}" if finding.command else finding.reason
    return finding.outcome, finding.path or "-", reason, _help(found, finding)


def _help(found: Inspection, finding: Finding) -> str:
    """Return the smallest change that would help: a flag, what the policy has to say, or else."""
    if finding.outcome != "fails":
        return finding.advice
    ways = [_capabilities(found, finding.needs)] if finding.needs else []
    return ", or ".join(way for way in (*ways, finding.advice) if way)


def _capabilities(found: Inspection, needs: tuple[str, ...]) -> str:
    flags = " ".join(f"--cap-add={name}" for name in needs)
    lacking = [name for name in needs if name not in found.allowed]
    if not lacking:
        return flags
    whom = "nonroot.limits" if found.judged.spec.whom == "nonroot" else "limits"
    names = ", ".join(f'"{name}"' for name in lacking)
    return f"{flags}, and [{whom}] cap-add = [{names}] in a policy"


def _summary(found: Inspection) -> str:
    if not found.judged.decision.allowed:
        return "nothing was predicted: it would not run at all"
    counts = [
        f"{number} {word}"
        for outcome, word in (
            ("fails", "will fail"),
            ("regains", "can regain a capability"),
            ("cannot tell", "cannot be told"),
        )
        if (number := sum(finding.outcome == outcome for finding in found.findings))
    ]
    return ", ".join(counts) or "nothing of the image will fail or regain a capability"


def _document(found: Inspection) -> dict[str, Any]:
    decision = found.judged.decision
    return {
        "schema": SCHEMA,
        "image": {"asked": found.judged.command.image, "id": found.judged.facts.image.id},
        "decision": "allowed" if decision.allowed else "denied",
        "reasons": [violation.reason for violation in decision.violations],
        "process": None if found.run is None else _process(found.run),
        "findings": [
            {
                "outcome": finding.outcome,
                "path": finding.path,
                "command": finding.command,
                "reason": finding.reason,
                "capabilities": list(finding.needs),
                "help": _help(found, finding),
            }
            for finding in found.findings
        ],
    }


def _process(run: Run) -> dict[str, Any]:
    process = run.process
    return {
        "command": list(run.words),
        "uid": process.uid,
        "gid": process.gid,
        "bounding": list(names_of(process.bounding)),
        "no_new_privileges": process.no_new_privileges,
    }
