"""The model of a container's first program: the published table, and what holds of every case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import ALL, ANY, DEFAULT, NAMES
from saferun.judge.first_program import (
    Process,
    Program,
    clears_non_root,
    executed,
    specified,
    version_of,
)

OLD, NEW = (20, 10, 24), (28, 5, 2)
BIND = 0x400
MASKS = st.integers(0, ANY)
PROGRAMS = st.builds(
    Program,
    setuid=st.booleans(),
    permitted=MASKS,
    inheritable=MASKS,
    effective=st.booleans(),
)


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """A process whose sets obey the kernel's invariants."""
    bounding, inheritable, permitted = draw(MASKS), draw(MASKS), draw(MASKS)
    uid = draw(st.sampled_from([0, 3267]))
    effective, ambient = permitted & draw(MASKS), permitted & inheritable & draw(MASKS)
    return Process(uid, uid, (inheritable, permitted, effective, bounding, ambient))


@pytest.mark.parametrize(
    ("version", "clears"),
    [
        ((20, 10, 24), True),
        ((23, 0, 6), True),
        ((23, 0, 7), False),
        ((24, 0, 5), True),
        ((24, 0, 6), False),
        ((25, 0, 0), False),
        ((28, 5, 2), False),
    ],
)
def test_when_engines_stopped_to_clear_the_sets_of_users(
    version: tuple[int, ...], *, clears: bool
) -> None:
    """moby#45511, with the two branches that got it in a patch."""
    assert clears_non_root(version) is clears


@pytest.mark.parametrize(
    ("version", "uid", "sets"),
    [
        ((20, 10, 13), 0, (DEFAULT, DEFAULT, DEFAULT, DEFAULT, 0)),
        ((20, 10, 13), 3267, (DEFAULT, 0, 0, DEFAULT, 0)),
        (OLD, 0, (0, DEFAULT, DEFAULT, DEFAULT, 0)),
        (OLD, 3267, (0, 0, 0, DEFAULT, 0)),
        ((20, 10, 14), 3267, (0, 0, 0, DEFAULT, 0)),
        (NEW, 3267, (0, DEFAULT, DEFAULT, DEFAULT, 0)),
    ],
)
def test_what_the_specification_carries(
    version: tuple[int, ...], uid: int, sets: tuple[int, ...]
) -> None:
    """By version and user, when nothing is said."""
    assert specified(version, uid, (), (), ALL) == sets


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize(
    ("add", "drop", "nnp", "old", "new"),
    [
        ((), (), False, BIND, BIND),
        ((), (), True, 0, BIND),
        ((), ("ALL",), False, None, None),
        ((), ("ALL",), True, None, None),
        (("NET_BIND_SERVICE",), ("ALL",), True, 0, BIND),
    ],
)
def test_an_entrypoint_with_file_capabilities(
    version: tuple[int, ...],
    add: tuple[str, ...],
    drop: tuple[str, ...],
    *,
    nnp: bool,
    old: int | None,
    new: int | None,
) -> None:
    """The table that was measured with `cap_net_bind_service=ep` and uid 3267."""
    sets = specified(version, 3267, add, drop, ALL)
    assert sets is not None
    entrypoint = Program(permitted=BIND, effective=True)
    process = executed(Process(3267, 3267, sets), entrypoint, no_new_privileges=nnp)
    expected = old if version == OLD else new
    assert (process and process.sets[2]) == expected


def test_what_the_engine_does_not_have() -> None:
    """Old engines try, and fail for root; newer ones do not know what they do not hold."""
    own = ALL & ~(1 << NAMES.index("SYS_RESOURCE"))
    assert specified(OLD, 0, ("ALL",), (), own) is None
    assert specified(OLD, 3267, (), (), own, privileged=True) == (0, 0, 0, own & (1 << 38) - 1, 0)
    assert specified(NEW, 0, (), (), own, privileged=True) == (0, own, own, own, 0)
    assert specified(NEW, 3267, (), ("SYS_RESOURCE",), own) is None
    assert specified(OLD, 0, ("BPF",), (), ALL) is None
    assert specified((23,), 0, ("BPF",), (), ALL) is not None


def test_all_is_what_an_engine_has_a_name_for() -> None:
    """Up to AUDIT_READ before 23; without what is dropped by name."""
    every, drop = ALL & ~BIND, ("NET_BIND_SERVICE",)
    for version, known in ((OLD, every & (1 << 38) - 1), (NEW, every)):
        assert specified(version, 0, ("ALL",), drop, ALL) == (0, known, known, known, 0)


@given(processes(), st.sampled_from([1000, 3267]))
def test_a_plain_program_changes_nobody_but_root(process: Process, euid: int) -> None:
    """Ids stay, and what is left is ambient: none where the ids differ."""
    process = Process(3267, euid, process.sets)
    inheritable, _, _, bounding, ambient = process.sets
    left = ambient if euid == process.uid else 0
    after = executed(process, Program(), no_new_privileges=False)
    assert after == Process(3267, euid, (inheritable, left, left, bounding, left))


@given(process=processes(), program=PROGRAMS, nnp=st.booleans())
def test_nobody_leaves_the_bounding_set(process: Process, program: Program, *, nnp: bool) -> None:
    """Whatever is executed: new permitted capabilities come from bounding, inheritable, ambient."""
    after = executed(process, program, no_new_privileges=nnp)
    if after is None:
        return
    inheritable, permitted, effective, bounding, ambient = after.sets
    assert (inheritable, bounding) == (process.sets[0], process.sets[3])
    assert permitted & ~(bounding | inheritable | ambient) == 0
    assert effective & ~permitted == 0
    assert ambient & ~process.sets[4] == 0


@given(processes(), PROGRAMS)
def test_no_new_privileges_gives_nothing_new(process: Process, program: Program) -> None:
    """No uid and no permitted capability that was not there before."""
    after = executed(process, program, no_new_privileges=True)
    if after is not None:
        assert after.euid == process.euid
        assert after.sets[1] & ~process.sets[1] == 0


@given(version=st.sampled_from([OLD, NEW]), one=PROGRAMS, other=PROGRAMS, nnp=st.booleans())
def test_after_a_drop_of_everything_nothing_comes_back(
    version: tuple[int, ...], one: Program, other: Program, *, nnp: bool
) -> None:
    """The rule that saferun stands on: any two programs, and five zeros or no start."""
    sets = specified(version, 3267, (), ("ALL",), ALL)
    assert sets is not None
    process: Process | None = Process(3267, 3267, sets)
    for program in (one, other):
        process = process and executed(process, program, no_new_privileges=nnp)
    assert process is None or process.sets == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("28.5.2", (28, 5, 2)),
        ("29.0.0-rc.1", (29, 0, 0)),
        ("5.8", (5, 8)),
        ("", (0,)),
        ("dev", (0,)),
    ],
)
def test_versions(text: str, version: tuple[int, ...]) -> None:
    """As engines tell them; what is none is older than all."""
    assert version_of(text) == version
