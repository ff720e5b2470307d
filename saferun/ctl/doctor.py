"""`saferunctl doctor`: is this engine honest, and will saferun work here."""

from __future__ import annotations

import json
import os

import click

from saferun import __version__
from saferun.ctl import AS_JSON, CLEAN, FINDINGS, NAMED, UNKNOWN, saferun_path
from saferun.ctl.table import table
from saferun.formats.terminal import visible
from saferun.judge.diagnosis import FAIL, PASS, UNCLEAR, overall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.doctor import Diagnosis

#: The shape of the JSON; it changes when a key changes its meaning or goes away.
SCHEMA = 1
STATUSES = {PASS: CLEAN, FAIL: FINDINGS, UNCLEAR: UNKNOWN}


@click.command()
@NAMED
@AS_JSON
def doctor(named: tuple[str, ...], *, as_json: bool) -> int:
    """Check the CLI, the engine, the gate and the policies; try the engine with canaries.

    Some small containers are started and removed again; that takes a few seconds. docs/doctor.md
    tells what every check proves, and what to do.

    Exit statuses: 0 all pass, 1 some fail, 2 none fails but something cannot be told.
    """
    from saferun.doctor import examine  # it brings the docker SDK along

    found = examine(os.environ, saferun_path(), named)
    status = STATUSES[overall(found.lines)]
    if as_json:
        click.echo(json.dumps(_document(found, status), indent=2))
    else:
        click.echo(_shown(found), nl=False)
    return status


def _document(found: Diagnosis, status: int) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "saferun": __version__,
        "engine": found.engine,
        "status": status,
        "checks": [
            {"id": line.id, "outcome": line.outcome, "seen": line.seen, "advice": line.advice}
            for line in found.lines
        ],
    }


def _shown(found: Diagnosis) -> str:
    from saferun.doctor import NOT_REACHED

    rows = [(one.id, one.outcome, one.seen) for one in found.lines if one.seen != NOT_REACHED]
    told = [table(("check", "result", "seen"), rows)]
    advised: dict[str, list[str]] = {}
    for line in found.lines:
        if line.outcome != PASS and line.advice:
            advised.setdefault(line.advice, []).append(line.id)
    told += [
        f"{', '.join(dict.fromkeys(ids))}: {visible(advice)}\n" for advice, ids in advised.items()
    ]
    silent = [line.id for line in found.lines if line.seen == NOT_REACHED]
    if silent:
        told.append(f"cannot tell, because an earlier check failed: {', '.join(silent)}\n")
    counts = (
        f"{sum(line.outcome == each for line in found.lines)} {each}"
        for each in (PASS, FAIL, UNCLEAR)
    )
    return "".join((*told, ", ".join(counts), "\n"))
