"""Whether containers can be seen from here, and the reasons why not."""

from __future__ import annotations

import pytest

from saferun.formats import outside_lines
from saferun.formats.engine_api import EngineFacts
from saferun.judge.verify import Evidence, Verdict

ENGINE = EngineFacts(
    "runc", "", "default", "2", userns=False, no_new_privileges=False, system="Debian", kernel="6.1"
)
PROC = "22 1 0:21 / /proc rw,relatime shared:5 - proc proc rw{}\n"


@pytest.mark.parametrize(
    ("engine", "is_here", "outcome"),
    [
        (ENGINE, True, "pass"),
        (ENGINE, False, "cannot tell"),
        (ENGINE.replace(kernel="6.6-linuxkit"), True, "cannot tell"),
        (ENGINE.replace(kernel=""), True, "cannot tell"),
        (ENGINE.replace(system="Docker Desktop"), True, "cannot tell"),
    ],
)
def test_an_engine_elsewhere_cannot_be_looked_at(
    engine: EngineFacts,
    is_here: bool,  # noqa: FBT001 - a case's value
    outcome: str,
) -> None:
    """Another machine, a virtual one, or a tunnel to one."""
    assert outside_lines.local(engine, is_here=is_here, kernel="6.1").outcome == outcome


@pytest.mark.parametrize(
    ("mountinfo", "uid", "outcome"),
    [
        (PROC.format(""), 1000, "pass"),
        (PROC.format(",hidepid=0"), 1000, "pass"),
        (PROC.format(",hidepid=off"), 1000, "pass"),
        (PROC.format(",hidepid=2"), 1000, "cannot tell"),
        (PROC.format(",gid=5,hidepid=invisible"), 1000, "cannot tell"),
        (PROC.format(",hidepid=2"), 0, "pass"),
        # The one on top counts, and only what is at /proc.
        (PROC.format("") + PROC.format(",hidepid=2"), 1000, "cannot tell"),
        (PROC.format(",hidepid=2") + PROC.format(""), 1000, "pass"),
        ("22 1 0:21 / /x/proc rw - proc proc rw,hidepid=2\n", 1000, "pass"),
        ("nonsense\n\n - \n", 1000, "pass"),
        ("", 0, "cannot tell"),
    ],
)
def test_a_proc_that_hides_others_is_noticed(mountinfo: str, uid: int, outcome: str) -> None:
    """By those from whom it hides them."""
    assert outside_lines.hidepid(mountinfo.encode(), uid).outcome == outcome


def test_only_a_process_that_was_identified_counts() -> None:
    """Whatever it holds: that is another check's."""
    seen = Evidence(7, (1, 1, 1, 1), (0, 0, 0, 0, 0), no_new_privileges=False)
    assert outside_lines.process(Verdict("confirmed", (), (seen,))).outcome == "pass"
    assert outside_lines.process(Verdict("contradicted", ("x",), (seen,))).outcome == "pass"
    unseen = outside_lines.process(Verdict("unverified", ("it is not the container's",)))
    assert (unseen.outcome, unseen.seen) == ("cannot tell", "it is not the container's")
    assert outside_lines.process(None).outcome == "cannot tell"
