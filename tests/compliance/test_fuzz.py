"""A short run of the fuzzer: the same lines each time."""

from __future__ import annotations

import pytest

from tests.compliance.conftest import installed
from tests.compliance.fuzz import fuzz, line
from tests.compliance.oracle import OTHER_REASON

#: What few minutes allow; `python -m tests.compliance.fuzz` makes as many as one likes.
LINES = 400
SEED = 2026


@pytest.mark.parametrize("docker", installed()[:1])
def test_made_up_lines_are_docker_runs_and_keep_the_promise(docker: str) -> None:
    """Most of them mean something, and none is anything but docker run and the promise."""
    kinds, faults = fuzz(docker, SEED, range(LINES), workers=2)
    assert faults == []
    assert kinds["gated"] > 0.15 * LINES
    assert kinds["denied"] > 0
    assert kinds[OTHER_REASON] < 0.15 * LINES


def test_a_line_is_known_by_its_number() -> None:
    """Whatever was found can be played again."""
    assert [line(1, number) for number in range(50)] == [line(1, number) for number in range(50)]
    assert len({line(1, number).words for number in range(200)}) > 150
    assert line(1, 5) != line(2, 5)
