"""What an audit found, as rows for people and as JSON for programs (docs/audit.md)."""

from __future__ import annotations

from saferun.judge.audit import bounding
from saferun.judge.capabilities import SETS
from saferun.judge.exposure import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.judge.audit import Audited, Finding, Process, Report, Running

#: The shape of the JSON documents; raised when a reader could be misled by a change.
SCHEMA = 1
#: How many digits of a container's id are shown to people, as docker does.
SHORT = 12
#: The seccomp modes of /proc/PID/status, in words.
SECCOMP = {0: "none", 1: "strict", 2: "filter", None: "unknown"}
CONTAINERS = ("container", "image", "user", "processes", "bounding set", "score", "band", "verdict")
FINDINGS = ("container", "severity", "id", "process", "finding")
LOWER = ("container", "what would lower its score most")
#: How many of the things that would lower a score are shown.
MOST = 3


def rows(report: Report) -> list[tuple[str, ...]]:
    """Return a row of CONTAINERS for each container."""
    return [_row(one) for one in report.containers]


def _row(container: Audited) -> tuple[str, ...]:
    image = container.image
    if image.startswith("sha256:"):
        image = image.removeprefix("sha256:")[:SHORT]
    running, exposed = container.running, container.exposure
    if running is None or exposed is None:
        return (container.name, image, *"?????", container.verdict)
    held = bounding(running)
    return (
        container.name,
        image,
        _user(running),
        "?" if held is None else str(len(running.processes)),
        "?" if held is None else _counted(held),
        f"{exposed.score:.1f}",
        exposed.band,
        container.verdict,
    )


def finding_rows(report: Report) -> list[tuple[str, ...]]:
    """Return a row of FINDINGS for each finding."""
    return [
        (container.name, one.severity, one.id, _processes(one), one.text)
        for container in report.containers
        for one in container.findings
    ]


def fixes(report: Report) -> list[str]:
    """Return what to do, a line for each kind of finding, with the statements of the law."""
    return list(
        dict.fromkeys(
            f"{one.id}: {_fix(one)}"
            for container in report.containers
            for one in container.findings
        )
    )


def lower_rows(report: Report) -> list[tuple[str, ...]]:
    """Return a row of LOWER for each container whose score can be lowered."""
    return [
        (container.name, "; ".join(f"{one.finding} (-{one.less:.1f})" for one in most))
        for container in report.containers
        if container.exposure
        and (most := [one for one in container.exposure.contributions if one.less][:MOST])
    ]


def unverified(report: Report) -> list[str]:
    """Return a line for each thing that could not be seen."""
    return [
        f"unverified: {container.name}: {reason}"
        for container in report.containers
        for reason in container.unverified
    ]


def document(report: Report) -> dict[str, Any]:
    """Return an audit as data for JSON."""
    containers = report.containers
    return {
        "schema": SCHEMA,
        "engine": {"name": report.engine, "version": report.version},
        "containers": [_container(one) for one in containers],
        "summary": {
            "containers": len(containers),
            "findings": sum(len(one.findings) for one in containers),
            "unverified": sum(bool(one.unverified) for one in containers),
        },
    }


def log_entry(now: str, report: Report, container: Audited, finding: Finding) -> dict[str, Any]:
    """Return a line of the log: one finding, when and where it appeared."""
    return {
        "schema": SCHEMA,
        "time": now,
        "engine": report.engine,
        "container": {"id": container.id, "name": container.name, "image": container.image},
        "score": container.exposure.score if container.exposure else None,
        "finding": _finding(finding),
    }


def _container(container: Audited) -> dict[str, Any]:
    running, exposed = container.running, container.exposure
    told: dict[str, Any] = {
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "verdict": container.verdict,
        "unverified": list(container.unverified),
        "findings": [_finding(one) for one in container.findings],
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


def _finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as data for JSON."""
    return {
        "id": finding.id,
        "severity": finding.severity,
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


def _counted(mask: int) -> str:
    return f"{mask:016x} ({mask.bit_count()})" if mask else "empty"
