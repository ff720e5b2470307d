"""What runs, held against its record and the law: every finding, shown and not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.audit import (
    SEVERITIES,
    Audited,
    Exec,
    Finding,
    Process,
    Running,
    around,
    audit,
    bounding,
)
from saferun.judge.capabilities import ALL, ANY, DEFAULT, mask_of
from saferun.judge.decision import Decision, Masks, Obligation, Violation
from saferun.judge.exposure import Circumstances, exposure
from saferun.judge.policy import Origin
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import IDENTITY, Evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

APP = ContainerSpec(user="3267", uid=3267, seccomp=True)
ROOT = ContainerSpec(seccomp=True)
DROPPED = APP.replace(cap_drop=("ALL",))
NOTHING, ANYTHING = Masks(0, 0), Masks(ANY, 0)
RAW = mask_of(("NET_RAW",))
MAPPED = ((0, 100000, 65536),)


def evidence(pid: int = 7, uid: int = 3267, **more: object) -> Evidence:
    """A process of the host's user namespace that holds nothing, with a filter."""
    plain = Evidence(
        pid, (uid,) * 4, (0, 0, 0, 0, 0), no_new_privileges=False, seccomp=2, uid_map=IDENTITY
    )
    return plain.replace(**more)


def bounded(mask: int, pid: int = 7, **more: object) -> Evidence:
    """One with this bounding set, and nothing in hand."""
    return evidence(pid).replace(sets=(0, 0, 0, mask, 0), **more)


def running(
    *processes: Evidence | Process,
    spec: ContainerSpec = DROPPED,
    masks: Masks = NOTHING,
    gated: bool = True,
    execs: tuple[Exec, ...] = (),
    violations: tuple[Violation, ...] = (),
    obligations: tuple[Obligation, ...] = (),
) -> Running:
    """A container of these processes, the first one first."""
    listed = [
        one if isinstance(one, Process) else Process(one, "member" if at else "first", "sleep")
        for at, one in enumerate(processes)
    ]
    decision = Decision(violations, obligations, masks)
    return Running(spec, decision, gated, tuple(listed), execs)


def found(container: Running, fail_above: float | None = None) -> tuple[Finding, ...]:
    """What the audit of a container finds."""
    return audit(container, exposure(container.spec, Circumstances()), fail_above)


def ids(container: Running) -> list[str]:
    """The ids of what is found."""
    return [one.id for one in found(container)]


def test_what_is_as_it_should_be_has_no_finding() -> None:
    """Dropped, gated, filtered, alone."""
    assert not found(running(evidence()))
    assert not found(running(evidence(uid=0), spec=ROOT, masks=ANYTHING, gated=False))


def test_a_bounding_set_is_what_a_setuid_file_wins_back() -> None:
    """docker run -u: nothing in hand, everything in reach."""
    (one,) = found(running(bounded(DEFAULT), spec=APP))
    assert (one.id, one.severity, one.processes) == ("bounding", "MODERATE", (7,))
    assert one.text == (
        "uid 3267 holds 14 capabilities in its bounding set: a setuid file wins them back"
    )
    assert "--cap-drop=ALL" in one.fix


def test_no_new_privileges_keeps_a_bounding_set_from_being_won_back() -> None:
    """It is said so, and weighs less."""
    (one,) = found(running(bounded(DEFAULT, no_new_privileges=True), spec=APP))
    assert (one.id, one.severity) == ("bounding", "LOW")
    assert "keeps it from winning them back" in one.text


def test_what_the_law_lets_a_process_hold_is_no_finding() -> None:
    """An allowlist is an allowlist."""
    spec = DROPPED.replace(cap_add=("NET_RAW",))
    assert not found(running(bounded(RAW), spec=spec, masks=Masks(RAW, RAW)))
    assert ids(running(bounded(RAW), spec=spec)) == ["bounding"]


@pytest.mark.parametrize("at", [1, 2, 4])
def test_capabilities_in_hand_weigh_more_than_those_in_reach(at: int) -> None:
    """Permitted, effective and ambient ones need no setuid file."""
    sets = tuple(RAW if one in (at, 3) else 0 for one in range(5))
    (one,) = found(running(evidence(sets=sets), spec=APP))
    assert (one.id, one.severity) == ("capabilities", "HIGH")
    assert "NET_RAW" in one.text


def test_inheritable_capabilities_alone() -> None:
    """What engines before 20.10.14 leave behind (CVE-2022-24769)."""
    assert ids(running(evidence(sets=(RAW, 0, 0, 0, 0)), spec=APP)) == ["inheritable"]


@pytest.mark.parametrize("at", range(5))
def test_record_says_dropped_kernel_says_not(at: int) -> None:
    """In whichever of the five sets."""
    sets = tuple(RAW if one == at else 0 for one in range(5))
    (one,) = found(running(evidence(), evidence(8, sets=sets)))
    assert (one.id, one.severity, one.processes) == ("beyond-record", "HIGH", (8,))
    assert one.text.startswith("record says dropped, kernel says not: uid 3267 holds NET_RAW")


def test_what_takes_the_host_is_critical() -> None:
    """SYS_ADMIN and its like."""
    (one,) = found(running(bounded(ALL)))
    assert (one.id, one.severity) == ("beyond-record", "CRITICAL")


@pytest.mark.parametrize(
    "spec", [APP.replace(privileged=True), APP.replace(cap_add=("ALL",))], ids=["flag", "ALL"]
)
def test_what_was_asked_for_is_not_beyond_the_record(spec: ContainerSpec) -> None:
    """Not even a capability that this saferun has no name for."""
    assert "beyond-record" not in ids(running(bounded(ANY), spec=spec))


def test_an_all_that_is_added_leaves_out_what_is_dropped_by_name() -> None:
    """As in moby's oci/caps."""
    spec = APP.replace(cap_add=("ALL",), cap_drop=("NET_RAW",))
    assert "beyond-record" in ids(running(bounded(RAW), spec=spec))


def test_a_privileged_exec_and_what_it_started() -> None:
    """By the engine's word, for its process and for all its descendants, and said once."""
    execs = (Exec("e", "c", 8, privileged=True, command="sh"),)
    child = Process(bounded(ALL, pid=9), "member", "sleep", 8)
    (one,) = found(running(evidence(), bounded(ALL, pid=8), child, execs=execs))
    assert (one.id, one.severity, one.processes) == ("exec-privileged", "CRITICAL", (8,))
    other = Process(bounded(ALL, pid=10), "member", "sleep", 1)
    assert ids(running(evidence(), bounded(ALL, pid=8), other, execs=execs)) == [
        "exec-privileged",
        "beyond-record",
    ]


def test_a_privileged_exec_that_has_ended() -> None:
    """It happened."""
    (one,) = found(running(evidence(), execs=(Exec("e", "c", 0, privileged=True, command="id"),)))
    assert one.text == "exec'd with --privileged: id (it has ended)"
    assert one.processes == ()


def test_an_exec_without_privileges_is_no_finding() -> None:
    """It is what exec is for."""
    execs = (Exec("e", "c", 8, privileged=False),)
    assert not found(running(evidence(), evidence(8), execs=execs))


def test_who_joins_from_the_host() -> None:
    """And what it holds is its own, not the container's."""
    guest = Process(bounded(ALL, pid=9, uids=(0,) * 4), "joined", "nsenter")
    container = running(evidence(), guest)
    (one,) = found(container)
    assert (one.id, one.severity, one.processes) == ("joined", "HIGH", (9,))
    assert "nsenter (uid 0)" in one.text
    assert bounding(container) == 0


def test_a_user_namespace_of_its_own() -> None:
    """What is held there is held there, and is no capability of the container's."""
    container = running(evidence(), bounded(ALL, pid=8, uid_map=((0, 3267, 1),)))
    (one,) = found(container)
    assert (one.id, one.severity, one.processes) == ("user-namespace", "MODERATE", (8,))
    assert bounding(container) == 0


def test_a_remapped_container_is_judged_as_any_other() -> None:
    """Its own user namespace is home."""
    assert not found(running(evidence(uid_map=MAPPED), evidence(8, uid_map=MAPPED)))
    assert ids(running(bounded(DEFAULT, uid_map=MAPPED), spec=APP)) == ["bounding"]


def test_what_the_score_is_made_of() -> None:
    """The container's own bounding set and user namespace, whoever else is there."""
    guest = Process(bounded(ALL, pid=9), "joined", "nsenter")
    own = bounded(ALL, pid=8, uid_map=((0, 3267, 1),))
    assert around(running(bounded(RAW), own, guest), confined=True) == Circumstances(RAW)
    remapped = running(bounded(RAW, uid_map=MAPPED), guest)
    assert around(remapped, confined=False) == Circumstances(RAW, False, True)  # noqa: FBT003
    assert around(running(guest), confined=True) == Circumstances(None)


def test_root_in_a_container_whose_user_is_not() -> None:
    """A setuid file, or docker exec -u 0; effective or saved."""
    assert ids(running(evidence(), evidence(8, uid=0))) == ["became-root"]
    assert ids(running(evidence(), evidence(8, uids=(3267, 3267, 0, 3267)))) == ["became-root"]
    assert not ids(running(evidence(uid=0), spec=ROOT, masks=ANYTHING))


def test_no_new_privileges_asked_for_and_not_set() -> None:
    """By the kernel's word."""
    spec = DROPPED.replace(security_opt=("no-new-privileges=true",))
    assert ids(running(evidence(), spec=spec)) == ["no-new-privileges-missing"]
    assert not ids(running(evidence(no_new_privileges=True), spec=spec))
    off = DROPPED.replace(security_opt=("no-new-privileges=false",))
    assert not ids(running(evidence(), spec=off))


@pytest.mark.parametrize(
    ("asked", "mode", "missing"),
    [
        (True, 0, True),
        (True, 1, False),
        (True, 2, False),
        (True, None, False),
        (False, 0, False),
        (None, 0, False),
    ],
)
def test_a_seccomp_filter_asked_for_and_not_there(
    *, asked: bool | None, mode: int | None, missing: bool
) -> None:
    """What is not known is not claimed."""
    shown = ids(running(evidence(seccomp=mode), spec=DROPPED.replace(seccomp=asked)))
    assert shown == (["seccomp-missing"] if missing else [])


def test_started_without_saferun() -> None:
    """Where the gate would have had something to check."""
    assert ids(running(evidence(), gated=False)) == ["ungated"]
    root: dict[str, Any] = {"spec": ROOT, "gated": False}
    assert not ids(running(evidence(uid=0), masks=ANYTHING, **root))
    assert ids(running(evidence(uid=0), masks=Masks(0, 0), **root)) == ["ungated"]
    assert ids(running(evidence(uid=0), masks=Masks(ANY, 0, no_new_privileges=True), **root))


def test_what_the_law_refuses_and_what_it_requires() -> None:
    """By the same judge, with the origins."""
    origin = Origin("law.toml", 3, "limits.pid")
    violations = (
        Violation("pid", "the host's processes", "--pid=host", (origin,), "leave it out"),
    )
    obligations = (Obligation("read-only", "read-only", "true", "it is required", (origin,)),)
    refused, required = found(running(evidence(), violations=violations, obligations=obligations))
    assert (refused.id, refused.severity, refused.fix) == ("law:pid", "HIGH", "leave it out")
    assert refused.text == "the law does not allow it: the host's processes (--pid=host)"
    assert (required.id, required.severity) == ("law:read-only", "LOW")
    assert "--read-only=true" in required.fix
    assert refused.origins == required.origins == (origin,)


def test_the_score_is_a_finding_above_a_threshold() -> None:
    """Only above it, and only where one is given."""
    container = running(evidence())
    score = exposure(container.spec, Circumstances()).score
    assert not found(container, score)
    (one,) = found(container, score - 0.1)
    assert (one.id, one.severity) == ("exposure", "MODERATE")


def test_processes_that_show_the_same_are_one_finding() -> None:
    """Five workers are five ids, not five lines."""
    workers = [bounded(DEFAULT, pid=pid) for pid in range(10, 15)]
    (one,) = found(running(*workers, spec=APP))
    assert one.processes == (10, 11, 12, 13, 14)


def test_the_worst_comes_first() -> None:
    """Whatever was found first."""
    severities = [
        one.severity for one in found(running(bounded(DEFAULT), bounded(ALL), gated=False))
    ]
    assert severities == sorted(severities, key=SEVERITIES.index)
    assert severities[0] == "CRITICAL"


def test_nothing_read_is_nothing_known() -> None:
    """Not an empty bounding set."""
    assert bounding(running()) is None
    assert bounding(running(bounded(RAW), bounded(DEFAULT))) == DEFAULT


@pytest.mark.parametrize(
    ("findings", "unverified", "verdict"),
    [
        ((), (), "pass"),
        ((), ("why",), "unverified"),
        ((Finding("x", "LOW", "", ""),), (), "fail"),
        ((Finding("x", "LOW", "", ""),), ("why",), "fail"),
    ],
)
def test_a_finding_stands_whatever_could_not_be_seen(
    findings: tuple[Finding, ...], unverified: tuple[str, ...], verdict: str
) -> None:
    """And what could not be seen is never a pass."""
    assert Audited("i", "n", findings=findings, unverified=unverified).verdict == verdict


masks = st.integers(0, ANY)


@given(
    st.lists(st.tuples(st.tuples(*[masks] * 5), st.integers(0, 4000), st.booleans()), max_size=4),
    st.sampled_from([APP, ROOT, DROPPED, APP.replace(privileged=True)]),
    masks,
    masks,
    st.booleans(),
)
def test_no_excess_goes_unmentioned(
    seen: list[tuple[tuple[int, ...], int, bool]],
    spec: ContainerSpec,
    root: int,
    other: int,
    gated: bool,  # noqa: FBT001 - hypothesis gives them by position
) -> None:
    """Every process that holds more than the law lets it is in some finding; never an error."""
    processes = [
        evidence(pid, uid, sets=sets, no_new_privileges=nnp)
        for pid, (sets, uid, nnp) in enumerate(seen, 1)
    ]
    container = running(*processes, spec=spec, masks=Masks(root, other), gated=gated)
    mentioned = {pid for one in found(container) for pid in one.processes}
    for one in processes:
        if any(held & ~(root | other) for held in one.sets):
            assert one.pid in mentioned
