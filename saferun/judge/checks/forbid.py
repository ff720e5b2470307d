"""forbid: flags that must not be used at all."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse every flag that any layer forbids."""
    limit = law.limit("forbid")
    if limit is None:
        return
    stated = [one for bound in limit.bounds for one in (*bound.base, *bound.deny)]
    for flag in spec.flags:
        against = tuple(one.origin for one in stated if flag in one.names)
        if against:
            yield Violation(
                "forbid", f"--{flag} is not allowed", origins=against, hint="leave it out", key=flag
            )


CONTROL = Control(
    "forbid",
    "A flag of docker run that `forbid` names, in any file, is refused however it is "
    "used: this is for flags that no other key limits. These lists add up, and no "
    "[[allow]] lifts them.",
    ("saferun: a flag that is not understood can still be forbidden",),
    check,
    (Case('[limits]\nforbid = ["link"]', "busybox"),),
    (
        Case('[limits]\nforbid = ["link", "label"]', "--label a=b busybox"),
        Case('[[deny]]\nreason = "not here"\nforbid = ["dns"]', "--dns 10.0.0.1 busybox"),
    ),
)
