"""What came of checking something, as text for people and as JSON for programs."""

from __future__ import annotations

from saferun.formats import fixes, report
from saferun.judge.decision import Obligation
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from saferun.formats.fixes import Dialect
    from saferun.judge.decision import Decision, Violation
    from saferun.judge.policy import Statement
    from saferun.judge.spec import ContainerSpec

    Finding = Violation | Obligation

#: The verdicts.
CLEAN, FINDINGS, CANNOT_TELL = "clean", "findings", "cannot tell"
#: What each dialect is called.
KINDS = {
    "run": "command line",
    "body": "create body",
    "inspect": "inspect answer",
    "compose": "service",
}


class Checked(Record):
    """One thing that was checked.

    `name` is what it is called: a file, with the service or the number of the body; `prefix` where
    a service is in its file. `findings` are wrong in any case, `doubts` would be wrong if what
    could not be seen is at its worst, `unknown` says what could not be seen, and why. `spec` and
    `decision` are None when nothing could be judged at all.
    """

    name: str
    dialect: Dialect
    prefix: str = ""
    spec: ContainerSpec | None = None
    decision: Decision | None = None
    findings: tuple[Finding, ...] = ()
    doubts: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    defaults: tuple[Statement, ...] = ()
    notices: tuple[str, ...] = ()
    #: Whether what could not be seen may matter, even where no doubt can be named.
    blind: bool = False

    @property
    def verdict(self) -> str:
        """What came of it: whatever is wrong in any case needs nothing else to be seen."""
        if self.findings:
            return FINDINGS
        return CANNOT_TELL if self.doubts or self.blind else CLEAN


def overall(checked: Iterable[Checked]) -> str:
    """Return the verdict on all of it: a finding stands, whatever else could not be told."""
    verdicts = {one.verdict for one in checked}
    if FINDINGS in verdicts:
        return FINDINGS
    # Where there was nothing to look at, nothing was seen.
    return CLEAN if verdicts == {CLEAN} else CANNOT_TELL


def document(checked: Iterable[Checked]) -> dict[str, Any]:
    """Return everything as data for JSON."""
    listed = list(checked)
    return {
        "schema": report.SCHEMA,
        "verdict": overall(listed),
        "checked": [_document(one) for one in listed],
    }


def _document(one: Checked) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": one.name,
        "kind": KINDS[one.dialect],
        "verdict": one.verdict,
        "findings": [_finding(finding, one) for finding in one.findings],
        "doubts": [_finding(finding, one) for finding in one.doubts],
        "unknown": list(one.unknown),
    }
    if one.spec is None or one.decision is None:
        return {**shape, "decision": None}
    return {
        **shape,
        **report.document(one.spec, one.decision, one.defaults, one.notices, ()),
    }


def _finding(finding: Finding, one: Checked) -> dict[str, Any]:
    violation = None if isinstance(finding, Obligation) else finding
    return {
        "check": finding.check,
        "reason": finding.reason,
        "detail": violation.detail if violation else "",
        "flag": fixes.flag(finding),
        "where": fixes.where(finding, one.dialect, one.prefix),
        "fix": fixes.fix(finding, one.dialect, one.prefix),
        "origins": report.origin_documents(finding.origins),
    }


def lines(one: Checked) -> Iterator[str]:
    """Yield what there is to say about one thing: who, and every finding with its remedy."""
    who = f", {report.who(one.spec)}" if one.spec is not None else ""
    yield f"{one.name}: {KINDS[one.dialect]}{who}: {one.verdict}"
    at_fault = {origin for finding in (*one.findings, *one.doubts) for origin in finding.origins}
    for match in one.decision.matches if one.decision else ():
        if at_fault.isdisjoint(statement.origin for statement in match.statements):
            continue
        why = f"{match.effect} for {match.matched}: {match.reason} ({match.origin})"
        yield f"  rule in force: {why}"
    for notice in one.notices:
        yield f"  notice: {notice}"
    for finding in one.findings:
        yield from _told(finding, one, "")
    for finding in one.doubts:
        yield from _told(finding, one, "perhaps: ")
    for reason in one.unknown:
        yield f"  unknown: {reason}"
    if one.dialect == "run" and one.decision and not one.findings:
        for added in one.decision.obligations:
            origins = ", ".join(map(str, added.origins))
            yield f"  saferun adds --{added.flag}={added.value}: {added.reason} ({origins})"


def _told(finding: Finding, one: Checked, head: str) -> Iterator[str]:
    origins = ", ".join(map(str, finding.origins))
    yield f"  {head}{finding.check}: {finding.reason}"
    detail = "" if isinstance(finding, Obligation) else finding.detail
    told = f"{detail} ({origins})" if detail and origins else detail or origins
    if told:
        yield f"    {told}"
    yield f"    fix: {fixes.fix(finding, one.dialect, one.prefix)}"
