"""What lines come to together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.diagnosis import CHECKS, Line, complete, failed, overall, passed, unclear

LINES = st.builds(
    Line, st.sampled_from(CHECKS), st.sampled_from(["pass", "fail", "cannot tell"]), st.text()
)


def test_one_failure_outweighs_everything_and_not_knowing_outweighs_success() -> None:
    """Nothing at all is not known, either."""
    well, bad, unknown = passed("a", ""), failed("b", "", "do"), unclear("c", "")
    assert overall([well, unknown, bad]) == "fail"
    assert overall([well, unknown]) == "cannot tell"
    assert overall([well, well]) == "pass"
    assert overall([]) == "cannot tell"


@given(st.lists(LINES))
def test_every_check_has_a_line_whatever_was_found_out(lines: list[Line]) -> None:
    """In their order; what was found out is kept, and the rest is not known."""
    told = complete(lines, "why")
    assert list(dict.fromkeys(line.id for line in told)) == list(CHECKS)
    assert sorted(map(repr, lines)) == sorted(
        repr(line) for line in told if any(line is one for one in lines)
    )
    assert all(
        (line.outcome, line.seen) == ("cannot tell", "why")
        for line in told
        if not any(line is one for one in lines)
    )
