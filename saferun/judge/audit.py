"""During: does what runs agree with the engine's record of it, and with the law in force.

Every finding has an id that stays, says what was seen, and what to do. What could not be seen is
no finding and no absolution: it is said to be unverified, beside them.
"""

from __future__ import annotations

from saferun.judge.capabilities import ANY, SETS, granted, mask_of, names_of
from saferun.judge.exposure import Circumstances
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from saferun.judge.decision import Decision
    from saferun.judge.exposure import Band, Exposure
    from saferun.judge.policy import Origin
    from saferun.judge.spec import ContainerSpec
    from saferun.judge.verify import Evidence

    Role: TypeAlias = Literal["first", "member", "joined"]
    #: The words of the exposure score.
    Severity: TypeAlias = Band

#: Worst first.
SEVERITIES: tuple[Severity, ...] = ("CRITICAL", "HIGH", "MODERATE", "LOW")
#: Capabilities that are the host to whoever holds them in its user namespace.
FATAL = mask_of(("SYS_MODULE", "SYS_ADMIN", "SYS_RAWIO", "DAC_READ_SEARCH"))
BOUNDING = SETS.index("CapBnd")
#: The seccomp mode of a process without any filter (proc(5)).
NO_FILTER = 0


class Process(Record):
    """A process that was read: `command` is what it calls itself.

    `role`: "first" is the container's first one, "member" any other in its cgroup, "joined" one
    of the host's that is in its namespaces and not in its cgroup.
    """

    evidence: Evidence
    role: Role = "member"
    command: str = ""
    parent: int = 0


class Exec(Record):
    """What the engine says of a `docker exec`: its process while it runs, 0 afterwards."""

    id: str
    container: str
    pid: int
    privileged: bool
    command: str = ""


class Running(Record):
    """A running container: what its record asks for, what the law says, and what was seen.

    `gated` tells whether the gate is in front of its command.
    """

    spec: ContainerSpec
    decision: Decision
    gated: bool
    processes: tuple[Process, ...] = ()
    execs: tuple[Exec, ...] = ()


class Finding(Record):
    """One thing that is not as it should be, with all the processes that show it.

    `origins` are the statements of the law that it is about.
    """

    id: str
    severity: Severity
    text: str
    fix: str
    processes: tuple[int, ...] = ()
    origins: tuple[Origin, ...] = ()


class Audited(Record):
    """What there is to say of one container.

    `running` is None where its record could not be judged; `unverified` are reasons why something
    could not be seen, none when everything was.
    """

    id: str
    name: str
    image: str = ""
    running: Running | None = None
    findings: tuple[Finding, ...] = ()
    exposure: Exposure | None = None
    unverified: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What it came to: "fail", "unverified" or "pass"; a finding stands, whatever else."""
        return "fail" if self.findings else "unverified" if self.unverified else "pass"


class Report(Record):
    """An audit: which engine, and every container that was looked at, in the order of names."""

    engine: str
    version: str
    containers: tuple[Audited, ...]


def audit(
    running: Running, exposed: Exposure, fail_above: float | None = None
) -> tuple[Finding, ...]:
    """Return every finding, the worst first; processes that show the same are in one.

    An exposure score above `fail_above` is one, too.
    """
    found: dict[Finding, list[int]] = {}
    for finding in (*_findings(running), *_exposed(exposed, fail_above)):
        found.setdefault(finding.replace(processes=()), []).extend(finding.processes)
    together = [one.replace(processes=tuple(pids)) for one, pids in found.items()]
    return tuple(sorted(together, key=lambda one: SEVERITIES.index(one.severity)))


def bounding(running: Running) -> int | None:
    """Return all that any of the container's processes may win back; None when none was read.

    Those in user namespaces of their own, and those that came from the host, are not counted: what
    they hold is not the container's.
    """
    home = _home(running)
    seen = [
        one.evidence.sets[BOUNDING]
        for one in running.processes
        if one.role != "joined" and one.evidence.uid_map == home
    ]
    held = 0
    for mask in seen:
        held |= mask
    return held if seen else None


def around(running: Running, *, confined: bool) -> Circumstances:
    """Return what the exposure score wants to know besides the record, by the kernel's word.

    `confined` tells whether a security module is at work.
    """
    mapped = any(
        one.evidence.mapped for one in running.processes if one.evidence.uid_map == _home(running)
    )
    return Circumstances(bounding(running), confined, mapped)


def _findings(running: Running) -> Iterator[Finding]:
    yield from _execs(running)
    for process in running.processes:
        if process.role == "joined":
            yield _joined(process)
        else:
            yield from _process(process, running)
    yield from _law(running)
    if not running.gated and not _nothing_to_find(running):
        yield Finding(
            "ungated",
            "LOW",
            "started without saferun: nothing checked it before its first instruction",
            "start it with saferun in place of docker run",
        )


def _nothing_to_find(running: Running) -> bool:
    """Tell whether the gate would have had nothing to check: root, of whom no law speaks."""
    masks = running.decision.masks
    return running.spec.whom == "root" and masks.root == ANY and not masks.no_new_privileges


def _exposed(exposed: Exposure, fail_above: float | None) -> Iterator[Finding]:
    if fail_above is not None and exposed.score > fail_above:
        most = exposed.contributions[0].finding if exposed.contributions else ""
        yield Finding(
            "exposure",
            exposed.band,
            f"the exposure score {exposed.score:.1f} is above {fail_above:g}",
            f"what would lower it most: {most}",
        )


def _execs(running: Running) -> Iterator[Finding]:
    for one in running.execs:
        if one.privileged:
            yield Finding(
                "exec-privileged",
                "CRITICAL",
                f"exec'd with --privileged: {one.command}" + ("" if one.pid else " (it has ended)"),
                "end that process; exec without --privileged",
                (one.pid,) if one.pid else (),
            )


def _joined(process: Process) -> Finding:
    uid = process.evidence.uids[1]
    return Finding(
        "joined",
        "HIGH",
        f"joined from the host: {_named(process)} (uid {uid}) is in the container's namespaces, "
        f"but not in its cgroup, and holds {_counted(process.evidence.sets[BOUNDING])}",
        "find out who ran nsenter, or what moved it out of the cgroup; docker exec leaves a record",
        (process.evidence.pid,),
    )


def _process(process: Process, running: Running) -> Iterator[Finding]:
    seen = process.evidence
    if seen.uid_map != _home(running):
        yield Finding(
            "user-namespace",
            "MODERATE",
            f"{_named(process)} made a user namespace of its own and holds "
            f"{_counted(seen.sets[BOUNDING])} there",
            "a seccomp profile that keeps unshare and clone from making user namespaces",
            (seen.pid,),
        )
    else:
        yield from _capabilities(process, running)
    if running.spec.whom == "nonroot" and 0 in seen.uids:
        yield Finding(
            "became-root",
            "LOW",
            "uid 0 in a container whose user is not root: it executed a setuid file, or was exec'd "
            "with another user",
            "no-new-privileges keeps setuid files from working",
            (seen.pid,),
        )
    if "no-new-privileges=true" in running.spec.security_opt and not seen.no_new_privileges:
        yield Finding(
            "no-new-privileges-missing",
            "HIGH",
            "no-new-privileges was asked for, the kernel says it is not set",
            "start the container again; if it stays so, the runtime does not keep its word",
            (seen.pid,),
        )
    if running.spec.seccomp and seen.seccomp == NO_FILTER:
        yield Finding(
            "seccomp-missing",
            "HIGH",
            "a seccomp filter was asked for, the kernel says there is none",
            "start the container again; if it stays so, engine or kernel lack seccomp",
            (seen.pid,),
        )


def _capabilities(process: Process, running: Running) -> Iterator[Finding]:
    seen = process.evidence
    held = 0
    for mask in seen.sets:
        held |= mask
    uid = seen.uids[1]
    beyond = held & ~_recorded(running.spec)
    if beyond:
        privileged = {one.pid for one in running.execs if one.privileged}
        if not privileged.isdisjoint(_ancestry(process, running)):
            return  # said already, of the exec that it comes from
        yield Finding(
            "beyond-record",
            "CRITICAL" if beyond & FATAL else "HIGH",
            f"record says dropped, kernel says not: uid {uid} holds {_listed(beyond)} more than "
            "the container was given",
            "end that process; it was exec'd with --privileged, or the engine's record is wrong",
            (seen.pid,),
        )
        return
    masks = running.decision.masks
    excess = held & ~(masks.root | masks.other)
    if not excess:
        return
    regain = "no-new-privileges keeps it from winning them back"
    if not seen.no_new_privileges:
        regain = "a setuid file wins them back"
    inside = seen.sets[BOUNDING] & excess
    in_hand = (seen.sets[1] | seen.sets[2] | seen.sets[4]) & excess
    if in_hand:
        yield Finding(
            "capabilities",
            "HIGH" if in_hand & FATAL or running.spec.whom == "nonroot" else "MODERATE",
            f"uid {uid} holds {_listed(in_hand)}, which the law does not allow",
            _drop(running),
            (seen.pid,),
        )
    elif inside:
        yield Finding(
            "bounding",
            "LOW" if seen.no_new_privileges else "MODERATE",
            f"uid {uid} holds {_counted(inside)} in its bounding set: {regain}",
            _drop(running),
            (seen.pid,),
        )
    else:
        yield Finding(
            "inheritable",
            "LOW",
            f"uid {uid} holds {_counted(excess)} in its inheritable set: a file with inheritable "
            "capabilities wins them back (CVE-2022-24769)",
            "an engine from 20.10.14 on; " + _drop(running),
            (seen.pid,),
        )


def _recorded(spec: ContainerSpec) -> int:
    """Return what the record lets a process hold, as a mask; what it adds as ALL is everything."""
    if spec.privileged:
        return ANY
    if "ALL" in spec.cap_add:
        # Kernels may know capabilities that this saferun does not.
        return ANY & ~mask_of(tuple(name for name in spec.cap_drop if name != "ALL"))
    return granted(spec.cap_add, spec.cap_drop)


def _law(running: Running) -> Iterator[Finding]:
    for violation in running.decision.violations:
        detail = f" ({violation.detail})" if violation.detail else ""
        yield Finding(
            f"law:{violation.check}",
            "HIGH",
            f"the law does not allow it: {violation.reason}{detail}",
            violation.hint or "start it again within the law",
            origins=violation.origins,
        )
    for missing in running.decision.obligations:
        yield Finding(
            f"law:{missing.check}",
            "LOW",
            f"the law requires --{missing.flag}={missing.value}: {missing.reason}",
            f"start it with saferun, or with --{missing.flag}={missing.value}",
            origins=missing.origins,
        )


def _home(running: Running) -> tuple[tuple[int, int, int], ...]:
    """Return the user namespace of the container: its first process's, or else anybody's."""
    members = [one for one in running.processes if one.role != "joined"]
    first = [one for one in members if one.role == "first"] or members
    return first[0].evidence.uid_map if first else ()


def _ancestry(process: Process, running: Running) -> set[int]:
    """Return a process and all that it descends from, as far as they were read."""
    parents = {one.evidence.pid: one.parent for one in running.processes}
    found: set[int] = set()
    pid = process.evidence.pid
    while pid in parents and pid not in found:
        found.add(pid)
        pid = parents[pid]
    return found


def _drop(running: Running) -> str:
    if running.spec.whom == "nonroot":
        return "start it with saferun, or with --cap-drop=ALL"
    return "start it with the capabilities that the law allows"


def _named(process: Process) -> str:
    return process.command or "a process without a name"


def _listed(mask: int) -> str:
    names = names_of(mask)
    few = 4
    return " ".join(names) if len(names) <= few else f"{len(names)} capabilities"


def _counted(mask: int) -> str:
    count = mask.bit_count()
    return "no capability" if not count else f"{count} capabilit{'y' if count == 1 else 'ies'}"
