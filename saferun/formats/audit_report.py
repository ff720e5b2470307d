"""What an audit found, as rows for people and as JSON for programs (docs/audit.md)."""

from __future__ import annotations

from saferun.judge.audit import bounding
from saferun.judge.capabilities import SETS
from saferun.judge.exposure import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from saferun.judge.audit import Finding, Process, Running
    from saferun.judge.exposure import Exposure

#: The shape of the JSON documents; raised when a reader could be misled by a change.
SCHEMA = 1
#: How many digits of a container's id are shown to people, as docker does.
SHORT = 12
#: The seccomp modes of /proc/PID/status, in words.
SECCOMP = {0: "none", 1: "strict", 2: "filter", None: "unknown"}
CONTAINERS = ("container", "image", "user", "processes", "bounding set", "score", "band", "verdict")
FINDINGS = ("container", "severity", "id", "process", "finding", "what to do")
LOWER = ("container", "score", "what would lower it most")
#: How many of the things that would lower a score are shown.
MOST = 3


def verdict(findings: Sequence[Finding], unverified: Sequence[str]) -> str:
    """Return what an audit of a container came to; a finding stands, whatever was not seen."""
    return "fail" if findings else "unverified" if unverified else "pass"


def row(
    name: str,
    image: str,
    running: Running | None,
    exposed: Exposure | None,
    outcome: str,
) -> tuple[str, ...]:
    """Return a container's row of CONTAINERS."""
    shown = _without_digest(image)
    if running is None or exposed is None:
        return (name, shown, "?", "?", "?", "?", "?", outcome)
    held = bounding(running)
    return (
        name,
        shown,
        _user(running),
        str(len(running.processes)) if held is not None else "?",
        "?" if held is None else f"{held.bit_count()} of {held:x}" if held else "empty",
        f"{exposed.score:.1f}",
        exposed.band,
        outcome,
    )


def finding_rows(name: str, findings: Iterable[Finding]) -> list[tuple[str, ...]]:
    """Return a container's rows of FINDINGS."""
    return [(name, one.severity, one.id, _processes(one), one.text, _fix(one)) for one in findings]


def lower_row(name: str, exposed: Exposure) -> tuple[str, ...]:
    """Return a container's row of LOWER."""
    most = [f"{one.finding} (-{one.less:.1f})" for one in exposed.contributions[:MOST] if one.less]
    return name, f"{exposed.score:.1f}", "; ".join(most) or "nothing that is known of"


def container_document(  # noqa: PLR0913 - the parts of one document
    identity: str,
    name: str,
    image: str,
    running: Running | None,
    findings: Sequence[Finding],
    exposed: Exposure | None,
    unverified: Sequence[str],
) -> dict[str, Any]:
    """Return a container as data for JSON."""
    told: dict[str, Any] = {
        "id": identity,
        "name": name,
        "image": image,
        "verdict": verdict(findings, unverified),
        "unverified": list(unverified),
        "findings": [finding_document(one) for one in findings],
    }
    if running is None or exposed is None:
        return {**told, "user": None, "gated": None, "processes": [], "exposure": None}
    spec = running.spec
    return {
        **told,
        "user": {"asked": spec.user, "uid": spec.uid, "root": spec.whom == "root"},
        "gated": running.gated,
        "processes": [_process(one) for one in running.processes],
        "exposure": {
            "score": exposed.score,
            "band": exposed.band,
            "weights": VERSION,
            "bounding_set_from": "record" if bounding(running) is None else "kernel",
            "contributions": [
                {"finding": one.finding, "weight": round(one.weight, 4), "less": one.less}
                for one in exposed.contributions
            ],
        },
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding as data for JSON."""
    return {
        "id": finding.id,
        "severity": finding.severity.lower(),
        "text": finding.text,
        "fix": finding.fix,
        "processes": list(finding.processes),
        "origins": [
            {"source": one.source, "line": one.line, "key": one.key} for one in finding.origins
        ],
    }


def _process(process: Process) -> dict[str, Any]:
    seen = process.evidence
    return {
        "pid": seen.pid,
        "parent": process.parent,
        "command": process.command,
        "role": process.role,
        "uids": list(seen.uids),
        **{name: f"{held:016x}" for name, held in zip(SETS, seen.sets, strict=True)},
        "no_new_privileges": seen.no_new_privileges,
        "seccomp": SECCOMP.get(seen.seccomp, "unknown"),
        "user_namespace": seen.mapped,
        "uid_map": [list(line) for line in seen.uid_map],
    }


def _user(running: Running) -> str:
    spec = running.spec
    if spec.uid is None:
        return f"{spec.user} (unknown)"
    return str(spec.uid) if spec.user in ("", str(spec.uid)) else f"{spec.user} ({spec.uid})"


def _processes(finding: Finding) -> str:
    few = 3
    shown = ",".join(str(pid) for pid in finding.processes[:few])
    more = len(finding.processes) - few
    return f"{shown} and {more} more" if more > 0 else shown or "-"


def _fix(finding: Finding) -> str:
    places = ", ".join(str(origin) for origin in finding.origins)
    return f"{finding.fix} ({places})" if places else finding.fix


def _without_digest(image: str) -> str:
    return image.removeprefix("sha256:")[:SHORT] if image.startswith("sha256:") else image
