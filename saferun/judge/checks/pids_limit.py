"""pids-limit: how many processes the container may have."""

from __future__ import annotations

from saferun.judge.amount import at_most
from saferun.judge.control import Case, Control
from saferun.judge.values.amounts import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse more than the limit, or none where some is required; add the limit."""
    return at_most(law, "pids-limit", spec.pids_limit, number, str)


CONTROL = Control(
    "pids-limit",
    "The container may have at most this many processes; 0 and -1 ask for no limit, which "
    "is more than any. A command line that says nothing gets the limit; `[require] pids- "
    "limit` asks only that there is one.",
    (
        "CIS Docker Benchmark 5.29",
        "cgroups(7), pids controller",
    ),
    check,
    (
        Case("[limits]\npids-limit = 100", "busybox"),
        Case("[require]\npids-limit = true", "--pids-limit=50 busybox"),
    ),
    (
        Case("[limits]\npids-limit = 100", "--pids-limit=101 busybox"),
        Case("[limits]\npids-limit = 100", "--pids-limit=0 busybox"),
        Case("[limits]\npids-limit = 100", "--pids-limit=-1 busybox"),
        Case("[require]\npids-limit = true", "busybox"),
    ),
)
