"""Evidence held against what was allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import ANY, DEFAULT, SETS
from saferun.judge.decision import Masks
from saferun.judge.verify import Evidence, verify

MASK = st.integers(0, ANY)
UIDS = st.tuples(*[st.sampled_from([0, 0, 1000])] * 4)
PROCESSES = st.builds(
    Evidence,
    pid=st.integers(1, 9),
    uids=UIDS,
    sets=st.tuples(*[st.sampled_from([0, 1, 2, 3, 1 << 63])] * 5),
    no_new_privileges=st.booleans(),
)


def process(*sets: int, uid: int = 3267, uids: tuple[int, ...] = (), nnp: bool = False) -> Evidence:
    """A process with these sets; those that are left out are empty."""
    held = (*sets, 0, 0, 0, 0, 0)[:5]
    return Evidence(42, uids or (uid,) * 4, held, no_new_privileges=nnp)  # type: ignore[arg-type]


def test_no_evidence_is_no_confirmation() -> None:
    """What could not be seen is not guessed."""
    verdict = verify((), Masks(ANY, ANY))
    assert verdict.outcome == "unverified"
    assert verdict.reasons


@pytest.mark.parametrize("index", range(5))
def test_each_set_counts(index: int) -> None:
    """A bit too many in any of the five is named by set and capability."""
    sets = [0x400] * 5
    assert verify((process(*sets),), Masks(0, 0x400)).outcome == "confirmed"
    sets[index] |= 1 << 21
    verdict = verify((process(), process(*sets)), Masks(0, 0x400))
    assert verdict.outcome == "contradicted"
    [reason] = verdict.reasons
    assert f"SYS_ADMIN in {SETS[index]}" in reason
    assert "NET_BIND_SERVICE" not in reason
    assert "42" in reason


def test_capabilities_without_a_name_count() -> None:
    """A newer kernel may have more than saferun knows."""
    verdict = verify((process(0, 0, 0, 1 << 62),), Masks(0, 0))
    assert verdict.outcome == "contradicted"
    assert "CAP_62" in verdict.reasons[0]


@pytest.mark.parametrize("held", [0, 1])
def test_a_verdict_comes_with_its_evidence(held: int) -> None:
    """Whether it confirms or contradicts: receipts keep it."""
    seen = (process(held), process())
    assert verify(seen, Masks(0, 0)).evidence == seen


def test_a_contradiction_names_the_effective_user_and_every_capability() -> None:
    """The second of the four uids is the one that counts."""
    verdict = verify((process(3, uids=(1, 2, 3, 4)),), Masks(0, 0))
    assert verdict.reasons == ("process 42 (uid 2) holds CHOWN DAC_OVERRIDE in CapInh",)


@pytest.mark.parametrize(
    ("held", "outcome"), [(3, "confirmed"), (2, "confirmed"), (4, "contradicted")]
)
@pytest.mark.parametrize("uid", [0, 3267])
def test_both_masks_together_are_the_most(uid: int, held: int, outcome: str) -> None:
    """Whoever a process has become since the gate measured it, it stays within what was allowed."""
    assert verify((process(held, held, held, held, uid=uid),), Masks(2, 1)).outcome == outcome


def test_no_new_privileges_where_it_is_required() -> None:
    """Its absence is a contradiction of its own."""
    required = Masks(0, 0, no_new_privileges=True)
    assert verify((process(nnp=True),), required).outcome == "confirmed"
    verdict = verify((process(nnp=False),), required)
    assert verdict.outcome == "contradicted"
    assert "no-new-privileges" in verdict.reasons[0]


@given(st.lists(PROCESSES, min_size=1, max_size=4), MASK, MASK, st.booleans())
def test_more_evidence_never_confirms_what_less_contradicts(
    processes: list[Evidence],
    root: int,
    other: int,
    required: bool,  # noqa: FBT001 - generated
) -> None:
    """Any process can contradict, none can excuse another; wider masks never make it worse."""
    masks = Masks(root, other, required)
    alone = [verify((one,), masks).outcome for one in processes]
    verdict = verify(tuple(processes), masks)
    assert verdict.outcome == ("contradicted" if "contradicted" in alone else "confirmed")
    assert bool(verdict.reasons) is (verdict.outcome == "contradicted")
    assert verdict.evidence == tuple(processes)
    if verdict.outcome == "confirmed":
        wider = Masks(root | 4, other | 4, required)
        assert verify(tuple(processes), wider).outcome == "confirmed"


def test_root_may_become_somebody_else() -> None:
    """A container judged root without a law may drop to another user, as database images do.

    The gate saw uid 0 before the command's first instruction; what a process does with its own
    user afterwards wins it nothing, and its bounding set stays root's.
    """
    worker = process(0, 0, 0, DEFAULT, uid=999)
    assert verify(
        (process(0, DEFAULT, DEFAULT, DEFAULT, uid=0), worker), Masks(ANY, 0)
    ).outcome == ("confirmed")
