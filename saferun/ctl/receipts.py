"""`saferunctl receipts`: receipts and logs of them, checked again."""

from __future__ import annotations

import json
import os

import click

from saferun.ctl import AS_JSON, CLEAN, FINDINGS
from saferun.errors import SaferunError
from saferun.formats import receipt_document
from saferun.formats.terminal import visible
from saferun.host.receipt_places import LOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: The shape of what --json prints.
SCHEMA = 1
#: How the names of logs end.
SUFFIX = ".jsonl"


@click.group()
def receipts() -> None:
    """Check receipts, and the log that chains them."""


@receipts.command()
@click.argument("path", metavar="FILE|DIRECTORY")
@click.option("--head", default="", help="The digest that the log's last line is known to have.")
@AS_JSON
def verify(path: str, head: str, *, as_json: bool) -> int:
    """Check a receipt, a log (*.jsonl), or a directory of both.

    A receipt is held against its own digest, and its evidence is judged again. Of a log every line
    is held against the one before. In a directory each receipt must be in the log, and each line of
    the log must have its receipt; those of runs that have not ended are named, and no finding.
    """
    if head and not (os.path.isdir(path) or path.endswith(SUFFIX)):
        message = "--head is what a log ends with, and this is a receipt"
        raise click.UsageError(message)
    running: list[str] = []
    try:
        found = list(_directory(path, head, running) if os.path.isdir(path) else _file(path, head))
        ends = _heads(path)
    except OSError as error:
        message = f"cannot read {error.filename or path}: {(error.strerror or str(error)).lower()}"
        raise SaferunError(message) from error
    if as_json:
        document = {
            "schema": SCHEMA,
            "head": ends,
            "unfinished": running,
            "findings": [
                {"file": file, "line": line, "fault": fault} for file, line, fault in found
            ],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        told = [f"{file}:{line}: {why}" if line else f"{file}: {why}" for file, line, why in found]
        told += [
            f"{one}: its run has not ended, or saferun was killed meanwhile" for one in running
        ]
        if not found:
            told.append(f"{path} is in order" + (f"; the log's head is {ends}" if ends else ""))
        for each in told:
            click.echo(visible(each))
    return FINDINGS if found else CLEAN


def _file(path: str, head: str) -> Iterator[tuple[str, int, str]]:
    """Yield what is wrong with one file: its name, the line (0: all of it), and what."""
    data = _content(path)
    if path.endswith(SUFFIX):
        for line, fault in receipt_document.chain_faults(data, head):
            yield path, line, fault
    else:
        for fault in receipt_document.receipt_faults(data):
            yield path, 0, fault


def _directory(path: str, head: str, running: list[str]) -> Iterator[tuple[str, int, str]]:
    """Yield what is wrong with a directory, and add to `running` what is not complete yet."""
    log = f"{path}/{LOG}"
    names = sorted(name for name in os.listdir(path) if name.endswith(".json"))
    yield from _file(log, head)
    logged = {line: number for number, line in enumerate(_content(log).split(b"\n")[:-1], 1)}
    for name in names:
        file = f"{path}/{name}"
        faults = list(_file(file, ""))
        yield from faults
        as_line = receipt_document.as_line(_content(file))
        if faults or as_line is None:
            continue
        if receipt_document.is_unfinished(as_line):
            running.append(file)
        elif logged.pop(as_line, None) is None:
            yield file, 0, "it is not in the log: lines were changed or removed"
    for number in sorted(logged.values()):
        yield log, number, "its receipt is not in the directory"


def _heads(path: str) -> str:
    log = f"{path}/{LOG}" if os.path.isdir(path) else path
    return receipt_document.head(_content(log)) if log.endswith(SUFFIX) else ""


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
