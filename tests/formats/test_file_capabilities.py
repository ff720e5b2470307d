"""The attribute security.capability: three revisions, and nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saferun.formats.file_capabilities import read
from saferun.judge.execution import FileCapabilities

HALF = st.integers(0, 2**32 - 1)


@given(low=HALF, low_inh=HALF, high=HALF, high_inh=HALF, root_id=HALF, effective=st.booleans())
def test_every_revision(
    low: int, low_inh: int, high: int, high_inh: int, root_id: int, *, effective: bool
) -> None:
    """As libcap and the kernel write them: low words first, permitted before inheritable."""
    permitted, inheritable = high << 32 | low, high_inh << 32 | low_inh
    words = (low, low_inh, high, high_inh)
    assert read(struct.pack("<3I", 1 << 24 | effective, low, low_inh)) == FileCapabilities(
        low, low_inh, effective
    )
    assert read(struct.pack("<5I", 2 << 24 | effective, *words)) == FileCapabilities(
        permitted, inheritable, effective
    )
    assert read(struct.pack("<6I", 3 << 24 | effective, *words, root_id)) == FileCapabilities(
        permitted, inheritable, effective, root_id
    )


def test_what_ping_carries() -> None:
    """`setcap cap_net_raw+ep`, byte for byte."""
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    assert read(value) == FileCapabilities(1 << 13, 0, effective=True)


@given(st.binary(max_size=40))
@example(bytes.fromhex("01000002") + bytes(15))
@example(bytes.fromhex("01000002") + bytes(20))
@example(bytes.fromhex("01000003") + bytes(16))
@example(bytes.fromhex("01000001"))
@example(bytes.fromhex("01000004") + bytes(16))
def test_garbage_is_an_error_and_nothing_else(value: bytes) -> None:
    """The kernel takes no other size or revision, and neither do we."""
    revision = value[3] if len(value) > 3 else 0
    if {1: 12, 2: 20, 3: 24}.get(revision) == len(value):
        read(value)
        return
    with pytest.raises(ValueError, match="file capabilities of"):
        read(value)
