"""What canaries prove of an engine, and what they do not.

Only what a gate has said counts, and only where the control shows that it would have said more.
"""

from __future__ import annotations

from saferun.formats.canary import (
    ADDED,
    CONTROL,
    DROPPED,
    MOUNTED,
    NOTHING,
    REFUSED,
    SEALED,
    USER,
    WITH_ONE,
    WITHIN,
    held,
)
from saferun.judge.diagnosis import failed, passed, unclear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.formats.canary import Canary, Flight, Seen
    from saferun.formats.engine_api import ContainerRecord
    from saferun.judge.diagnosis import Line
    from saferun.judge.verify import Verdict

#: What the gate says, among other things, of a process without the flag.
NO_NEW_PRIVILEGES = " runs without no_new_privs"
PODMAN = "Podman writes down how the bounding set differs from its own defaults, not what was asked"
ADVICE = (
    "what drops capabilities here does not: find what stands between saferun and the kernel (a "
    "proxy before the engine's socket, a plugin, the runtime), and run nothing that needs the drop"
)


def judge(
    flight: Flight, *, always_no_new_privileges: bool = False, podman: bool = False
) -> Iterator[Line]:
    """Say what the canaries prove.

    Where the control was not refused, a gate that finds nothing proves nothing: what would pass is
    "cannot tell" then. `always_no_new_privileges` is the engine's own setting.
    """
    blind = flight.control.word != REFUSED or "CapBnd" not in held(flight.control.line or "")
    yield _control(flight.control, blind=blind)
    lines = (
        _dropped(flight.dropped, flight.outside),
        _added(flight.added),
        _inheritable(flight.control),
        _no_new_privileges(flight, always=always_no_new_privileges),
        _nothing_held("canary.exec", flight.executed, "exec as uid 0: nothing comes back"),
        _restarted(flight),
        _runs(flight),
    )
    for line in lines:
        if blind and line.outcome == "pass":
            yield unclear(line.id, "the control canary proves nothing, so neither does this one")
        else:
            yield line
    yield unclear("canary.record", PODMAN) if podman else _record(flight)


def _dropped(seen: Seen, outside: Verdict | None) -> Line:
    check = "canary.drop"
    if outside is not None and outside.outcome == "contradicted":
        # Whatever was said inside: this is this machine's own kernel.
        return failed(check, "; ".join(outside.reasons), ADVICE)
    return _nothing_held(check, seen, "drop ALL: all five sets are empty")


def _control(seen: Seen, *, blind: bool) -> Line:
    check = "canary.control"
    if not blind:
        return passed(check, "without the drop the gate refuses: it sees what there is to see")
    if seen.word == NOTHING:
        return unclear(check, seen.told, "see the engine's log for why it does not run containers")
    return failed(
        check,
        "a container from which nothing was dropped shows no capabilities",
        "either this engine grants none by default, or what the gate sees is made up: compare "
        "`docker run --rm -u 65534 IMAGE grep Cap /proc/self/status`",
    )


def _nothing_held(check: str, seen: Seen, well: str) -> Line:
    if seen.word == WITHIN:
        return passed(check, well)
    if seen.word == REFUSED:
        return failed(check, seen.line or "", ADVICE)
    return unclear(check, seen.told, "see the engine's log for why it does not run containers")


def _runs(flight: Flight) -> Line:
    check = "gate.runs"
    if flight.mounted.word == NOTHING and flight.control.word != NOTHING:
        return failed(
            check,
            f"others run, but not with the gate from a volume: {flight.mounted.told}",
            "`saferunctl gate remove`, and look for noexec among the mount options of the engine's "
            "data directory",
        )
    return _nothing_held(check, flight.mounted, "the gate runs from a volume")


def _restarted(flight: Flight) -> Line:
    check = "canary.restart"
    before, after = flight.dropped.record, flight.restarted.record
    line = _nothing_held(check, flight.restarted, "still empty after a restart")
    if line.outcome == "pass" and (not before or not after or before.started == after.started):
        return unclear(check, "by the engine's record the canary was not started again")
    return line


def _added(seen: Seen) -> Line:
    check = "canary.add"
    if seen.word == NOTHING:
        return unclear(check, seen.told)
    sets = held(seen.line or "") if seen.word == REFUSED else {}
    if set().union(*sets.values()) - {ADDED}:
        return failed(check, f"only {ADDED} was added, but: {seen.line}", ADVICE)
    if ADDED not in sets.get("CapBnd", ()):
        return failed(
            check,
            f"{ADDED} was added, but is not in the bounding set",
            "what a policy allows will be missing: something takes --cap-add away, or the engine "
            "does not have it to give (rootless, nested)",
        )
    return passed(check, f"drop ALL, add {ADDED}: that one and no other")


def _inheritable(seen: Seen) -> Line:
    check = "canary.inheritable"
    if seen.word != REFUSED:
        return unclear(check, "the control canary did not get to say what it holds")
    if "CapInh" in held(seen.line or ""):
        return failed(
            check,
            "containers start with inheritable capabilities (CVE-2022-24769)",
            "files with inheritable file capabilities win them back where they are not dropped: "
            "upgrade the engine to 20.10.14 or later",
        )
    return passed(check, "the inheritable set starts empty (CVE-2022-24769 is fixed)")


def _no_new_privileges(flight: Flight, *, always: bool) -> Line:
    check = "canary.no-new-privileges"
    line = _nothing_held(check, flight.sealed, "set when it is asked for")
    if (
        line.outcome == "pass"
        and not always
        and NO_NEW_PRIVILEGES not in (flight.control.line or "")
    ):
        return unclear(
            check,
            "the control canary did not ask for it and has it: the engine sets it unasked, or what "
            "the gate sees is made up",
        )
    return line


def _record(flight: Flight) -> Line:
    check = "canary.record"
    pairs = (
        (CONTROL, flight.control),
        (DROPPED, flight.dropped),
        (WITH_ONE, flight.added),
        (SEALED, flight.sealed),
        (MOUNTED, flight.mounted),
    )
    differences: list[str] = []
    for canary, seen in pairs:
        if seen.record is None:
            return unclear(check, seen.told)
        differences += _differences(canary, seen.record)
    if differences:
        return failed(
            check,
            "the engine wrote down something else than was asked for: "
            + "; ".join(dict.fromkeys(differences)),
            ADVICE,
        )
    return passed(check, "the engine wrote down what was asked for")


def _differences(canary: Canary, record: ContainerRecord) -> Iterator[str]:
    asked = ["no-new-privileges"] if canary.no_new_privileges else []
    # Older engines have the option with its value.
    options = [option.partition("=")[0].partition(":")[0] for option in record.security_opt]
    for what, is_there, wanted in (
        ("cap-drop", list(record.cap_drop), list(canary.cap_drop)),
        ("cap-add", list(record.cap_add), list(canary.cap_add)),
        ("security-opt", options, asked),
        ("user", [record.user], [USER]),
        ("privileged", [str(record.privileged)], ["False"]),
    ):
        if is_there != wanted:
            there, meant = (" ".join(one) or "empty" for one in (is_there, wanted))
            yield f"{what} is {there}, not {meant}"
