"""execve's rules for capabilities and ids: capabilities(7)'s formulas, and measured cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import ALL, DEFAULT, mask_of
from saferun.judge.execution import (
    File,
    FileCapabilities,
    Process,
    execute,
    may_enter,
    missing,
    started,
)

MASKS = st.integers(0, 2**64 - 1)
IDS = st.sampled_from([0, 1, 1000, 3267])
CAPABILITIES = st.builds(FileCapabilities, MASKS, MASKS, st.booleans())
FILES = st.builds(
    File,
    st.just("file"),
    mode=st.integers(0, 0o7777),
    uid=IDS,
    gid=IDS,
    capabilities=st.none() | CAPABILITIES,
)
PROCESSES = st.builds(
    Process,
    *(IDS, IDS, IDS, IDS),
    groups=st.frozensets(IDS),
    inheritable=MASKS,
    permitted=MASKS,
    effective=MASKS,
    bounding=MASKS,
    ambient=MASKS,
    no_new_privileges=st.booleans(),
)
NET_RAW = mask_of(("NET_RAW",))


def user(bounding: int = 0, *, no_new_privileges: bool = False) -> Process:
    """A container's first process, as uid 3267."""
    return started(3267, 3267, frozenset(), bounding, no_new_privileges=no_new_privileges)


@given(uid=IDS, gid=IDS, groups=st.frozensets(IDS), bounding=MASKS, nnp=st.booleans())
def test_the_first_process_of_a_container(
    *, uid: int, gid: int, groups: frozenset[int], bounding: int, nnp: bool
) -> None:
    """Root holds its bounding set, anybody else nothing; nobody inherits."""
    held = bounding if uid == 0 else 0
    assert started(uid, gid, groups, bounding, no_new_privileges=nnp) == Process(
        uid, uid, gid, gid, groups, 0, held, held, bounding, 0, nnp
    )


@given(process=PROCESSES, its=CAPABILITIES)
def test_the_formula_of_the_manual(process: Process, its: FileCapabilities) -> None:
    """P'(permitted) = (P(inh) & F(inh)) | (F(permitted) & P(bounding)) | P'(ambient), and so on."""
    process = process.replace(uid=1000, euid=1000, no_new_privileges=False)
    after = execute(process, File("file", 0o755, capabilities=its))
    assert after.ambient == 0
    assert after.permitted == (
        (process.inheritable & its.inheritable) | (its.permitted & process.bounding)
    )
    assert after.effective == (after.permitted if its.effective else after.ambient)
    assert (after.inheritable, after.bounding) == (process.inheritable, process.bounding)


@given(process=PROCESSES)
def test_a_plain_file_leaves_the_ambient_set(process: Process) -> None:
    """Without set-id bits and file capabilities nothing else remains, unless there is a root id."""
    process = process.replace(uid=1000, euid=1000, gid=1000, egid=1000)
    after = execute(process, File("file", 0o755))
    assert after.permitted == after.effective == after.ambient == process.ambient


@given(process=PROCESSES, mode=st.sampled_from([0o755, 0o4755, 0o6755]))
def test_root_gets_its_bounding_set(process: Process, mode: int) -> None:
    """And what it inherits; whatever was permitted before."""
    process = process.replace(uid=0, euid=0, gid=0, egid=0, no_new_privileges=False)
    after = execute(process, File("file", mode))
    expected = process.bounding | process.inheritable | process.ambient
    assert after.permitted == after.effective == expected


@given(process=PROCESSES, file=FILES)
def test_nothing_is_ever_won_beyond_the_bounding_set(process: Process, file: File) -> None:
    """What is in none of the sets stays out: one look before the first instruction is enough."""
    after = execute(process, file)
    assert not after.permitted & ~(process.bounding | process.inheritable | process.ambient)
    assert not after.effective & ~after.permitted
    assert not after.ambient & ~process.ambient


@given(process=PROCESSES, file=FILES)
def test_no_new_privileges_means_that(process: Process, file: File) -> None:
    """Neither ids nor capabilities are gained."""
    # The kernel keeps ambient within permitted.
    ambient = process.ambient & process.permitted
    process = process.replace(no_new_privileges=True, ambient=ambient)
    after = execute(process, file)
    assert not after.permitted & ~process.permitted
    assert after.euid in (process.uid, process.euid)
    assert after.egid in (process.gid, process.egid)
    # The bits do not even count as a set-id file (bprm_fill_uid).
    assert after == execute(process, file.replace(mode=file.mode & 0o777))


@given(process=PROCESSES, other=st.sampled_from(["euid", "egid"]))
def test_no_new_privileges_takes_back_ids_that_were_gained_before(
    process: Process, other: str
) -> None:
    """Effective ids become the real ones, and such a process has no ambient capabilities left."""
    ids = {"uid": 1000, "euid": 1000, "gid": 1000, "egid": 1000, other: 3267}
    process = process.replace(**ids)
    after = execute(process.replace(no_new_privileges=True), File("file", 0o755))
    assert (after.euid, after.egid, after.ambient, after.permitted) == (1000, 1000, 0, 0)
    kept = execute(process.replace(no_new_privileges=False), File("file", 0o755))
    assert (kept.euid, kept.egid, kept.ambient) == (process.euid, process.egid, 0)


@given(process=PROCESSES, its=CAPABILITIES)
def test_what_insists_gets_all_or_is_refused(process: Process, its: FileCapabilities) -> None:
    """EPERM exactly where a file with the effective flag would start with less."""
    process = process.replace(uid=1000, euid=1000, no_new_privileges=False)
    file = File("file", 0o755, capabilities=its)
    lacks = missing(process, file)
    got = execute(process, file).permitted
    assert bool(lacks) == (its.effective and bool(its.permitted & ALL & ~got))
    assert not lacks & ~its.permitted


@pytest.mark.parametrize(
    ("bounding", "nnp", "file", "expected"),
    [
        # a setuid-root helper, measured on Docker 20.10
        (DEFAULT, False, File("file", 0o4755), (0, DEFAULT)),
        (DEFAULT, True, File("file", 0o4755), (3267, 0)),
        (0, False, File("file", 0o4755), (0, 0)),
        (0, True, File("file", 0o4755), (3267, 0)),
        (1 << 10, False, File("file", 0o4755), (0, 1 << 10)),
        # A file with set-uid bit and capabilities gives only these (commoncap.c).
        (
            DEFAULT,
            False,
            File("file", 0o4755, capabilities=FileCapabilities(NET_RAW, 0, effective=True)),
            (0, NET_RAW),
        ),
        (
            DEFAULT,
            False,
            File("file", 0o755, capabilities=FileCapabilities(NET_RAW, 0, effective=True)),
            (3267, NET_RAW),
        ),
        (
            DEFAULT,
            True,
            File("file", 0o755, capabilities=FileCapabilities(NET_RAW, 0, effective=True)),
            (3267, 0),
        ),
    ],
)
def test_measured_cases(bounding: int, *, nnp: bool, file: File, expected: tuple[int, int]) -> None:
    """What was seen on an engine."""
    after = execute(user(bounding, no_new_privileges=nnp), file)
    assert (after.euid, after.permitted) == expected
    assert missing(user(bounding), file) == 0


def test_refusals() -> None:
    """Drop ALL: +ep is EPERM, for root as well, +p runs without; unknown bits are not asked for."""
    insists = File("file", 0o755, capabilities=FileCapabilities(NET_RAW, 0, effective=True))
    asks = File("file", 0o755, capabilities=FileCapabilities(NET_RAW, 0, effective=False))
    unknown = File("file", 0o755, capabilities=FileCapabilities(1 << 63, 0, effective=True))
    powerless = started(0, 0, frozenset(), 0, no_new_privileges=False)
    for process in (user(), powerless):
        assert missing(process, insists) == NET_RAW
        assert missing(process, asks) == missing(process, unknown) == 0
    assert execute(user(), asks).permitted == 0


@pytest.mark.parametrize(
    ("mode", "owner", "group", "groups", "may"),
    [
        (0o700, 0, 0, (), False),
        (0o755, 0, 0, (), True),
        (0o700, 3267, 0, (), True),
        (0o100, 3267, 0, (), True),
        (0o600, 3267, 0, (), False),
        # the owner's bits alone count for the owner
        (0o077, 3267, 3267, (), False),
        (0o710, 0, 3267, (), True),
        (0o710, 0, 50, (50,), True),
        (0o701, 0, 50, (50,), False),
        (0o001, 0, 0, (), True),
    ],
)
def test_who_may_execute(
    mode: int, owner: int, group: int, groups: tuple[int, ...], *, may: bool
) -> None:
    """The first class that a process is in decides."""
    process = user().replace(groups=frozenset(groups))
    assert may_enter(process, File("file", mode, owner, group)) == may
    assert may_enter(process, File("directory", mode, owner, group)) == may


def test_who_overrides_modes() -> None:
    """DAC_OVERRIDE where anybody may; DAC_READ_SEARCH for directories only."""
    root = started(0, 0, frozenset(), 0, no_new_privileges=False)
    overrides = root.replace(effective=mask_of(("DAC_OVERRIDE",)))
    searches = root.replace(effective=mask_of(("DAC_READ_SEARCH",)))
    closed = File("file", 0o700, uid=1000, gid=1000)
    directory = closed.replace(kind="directory")
    assert [may_enter(one, closed) for one in (root, overrides, searches)] == [False, True, False]
    assert [may_enter(one, directory) for one in (root, overrides, searches)] == [False, True, True]
    modes = (0o644, 0o100, 0o010, 0o001)
    found = [may_enter(overrides, closed.replace(mode=mode)) for mode in modes]
    assert found == [False, True, True, True]
