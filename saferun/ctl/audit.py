"""`saferunctl audit`: what runs, held against the kernel, the engine's record and the law."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from contextlib import contextmanager

import click

from saferun import audit as door
from saferun.ctl import AS_JSON, CLEAN, FINDINGS, NAMED, UNKNOWN, world_of
from saferun.ctl.table import table
from saferun.errors import EngineError, Interrupted, SaferunError
from saferun.formats import audit_report
from saferun.formats.terminal import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from saferun.audit import Asked
    from saferun.judge.audit import Finding, Report

#: The score's own range.
SCORE = click.FloatRange(0, 10)
#: How often to look when nothing happens at the engine.
SECONDS = 10.0


@click.command()
@click.argument("containers", nargs=-1, metavar="[CONTAINER]...")
@NAMED
@click.option(
    "--fail-above", type=SCORE, metavar="N", help="A score above N is a finding (0 to 10)."
)
@click.option("--watch", is_flag=True, help="Go on, whenever something happens at the engine.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    default=SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: look also when nothing happens.",
)
@click.option("--log", metavar="FILE", help="Append findings to FILE, one line of JSON each.")
@AS_JSON
def audit(  # noqa: PLR0913 - click hands over every option
    containers: tuple[str, ...],
    named: tuple[str, ...],
    fail_above: float | None,
    every: float,
    log: str | None,
    *,
    watch: bool,
    as_json: bool,
) -> int:
    """Look at every process of all running containers, or of those that are named.

    Findings are where the kernel, the engine's record and the law disagree. Exit status: 1 with
    findings, else 2 where something could not be seen, else 0.
    """
    asked = door.Asked(named, containers, fail_above)
    findings = Log(log)
    if watch:
        return _watch(asked, every, findings, as_json=as_json)
    # For a moment: what is made meanwhile is nearly all still needed at the end.
    gc.disable()
    report = door.audit(world_of(), asked)
    findings.note(report)
    click.echo(_json(report) if as_json else _text(report), nl=False)
    return _status(report)


def _watch(asked: Asked, every: float, log: Log, *, as_json: bool) -> int:
    from saferun import watching
    from saferun.host.signals import Raised

    last: Report | None = None
    shown = ""
    try:
        with Raised(), _screen(as_json=as_json) as show:
            for report in watching.reports(world_of(), asked, every):
                if isinstance(report, EngineError) and as_json:
                    click.echo(f"saferunctl: {visible(str(report))}; asking again", err=True)
                    continue
                if isinstance(report, EngineError):
                    text = f"{visible(str(report))}; asking again\n"
                else:
                    last = report
                    log.note(report)
                    text = _json(report) if as_json else _text(report)
                if text != shown:
                    show(text)
                    shown = text
    except Interrupted:
        pass
    return UNKNOWN if last is None else _status(last)


@contextmanager
def _screen(*, as_json: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that shows a text in place of the one before, or else after it."""
    if as_json or not sys.stdout.isatty():
        yield lambda text: click.echo(text, nl=not as_json)
        return
    from rich.live import Live
    from rich.text import Text

    last = ""

    def show(text: str) -> None:
        nonlocal last
        last = text
        live.update(Text.from_ansi(f"{_now()}  Ctrl-C ends this\n\n{text}"), refresh=True)

    try:
        with Live(screen=True, auto_refresh=False) as live:
            yield show
    finally:
        click.echo(last, nl=False)


class Log:
    """A file to which findings are appended when they appear."""

    def __init__(self, path: str | None) -> None:
        """See to it that the file can be written; raises SaferunError when that is impossible."""
        self._path = path
        self._present: set[tuple[str, Finding]] = set()
        if path is not None:
            self._append(path, b"")

    def note(self, report: Report) -> None:
        """Append what was not found the last time; raises SaferunError when that is impossible."""
        if self._path is None:
            return
        present = set()
        for container in report.containers:
            for finding in container.findings:
                key = (container.id, finding.replace(processes=()))
                present.add(key)
                if key not in self._present:
                    entry = audit_report.log_entry(_now(), report, container, finding)
                    line = json.dumps(entry) + "\n"
                    self._append(self._path, line.encode("utf-8", "backslashreplace"))
        self._present = present

    def _append(self, path: str, line: bytes) -> None:
        # Opened each time, so that it may be moved away meanwhile (logrotate), and written in one
        # piece, so that lines of several writers do not mix. A new one is for its owner only: it
        # tells where to break in.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
                file.write(line)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            message = f"cannot write the log {path}: {why}"
            raise SaferunError(message) from error


def _status(report: Report) -> int:
    """Return the exit status: a finding stands, whatever else could not be seen."""
    if any(one.findings for one in report.containers):
        return FINDINGS
    return UNKNOWN if any(one.unverified for one in report.containers) else CLEAN


def _text(report: Report) -> str:
    """Return what people read: the containers, then what is wrong with them."""
    if not report.containers:
        return "no container runs\n"
    parts = [table(audit_report.CONTAINERS, audit_report.rows(report))]
    if found := audit_report.finding_rows(report):
        parts += [table(audit_report.FINDINGS, found), _lines(audit_report.fixes(report))]
    if lower := audit_report.lower_rows(report):
        parts.append(table(audit_report.LOWER, lower))
    if missing := audit_report.unverified(report):
        parts.append(_lines(missing))
    return "\n".join(parts)


def _lines(lines: list[str]) -> str:
    return "".join(f"{visible(line)}\n" for line in lines)


def _json(report: Report) -> str:
    # Without indentation, which json can only do slowly: there may be a thousand processes.
    return json.dumps(audit_report.document(report)) + "\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
