"""cgroup-parent: where the container stands among the cgroups."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a place that the list does not cover."""
    if not spec.cgroup_parent:
        return iter(())
    asked = ((f"--cgroup-parent={spec.cgroup_parent}", spec.cgroup_parent),)
    return unlisted(law, "cgroup-parent", asked, covers, touches)


def covers(pattern: str, parent: str) -> bool:
    """Tell whether a path of the list covers a place; engines clean it against the root."""
    return paths.covers(pattern, paths.clean(parent))


def touches(pattern: str, parent: str) -> bool:
    """Tell whether a place is one that is denied, or above it."""
    return paths.touches(pattern, paths.clean(parent))


CONTROL = Control(
    "cgroup-parent",
    "A cgroup that is named must lie at or below a path of the list, `..` resolved: "
    "another place has other limits. A slice of systemd is named as `/NAME.slice`. "
    "Silence is always permitted.",
    (
        "CIS Docker Benchmark 5.25",
        "cgroups(7)",
    ),
    check,
    (
        Case('[limits]\ncgroup-parent = ["/saferun-engine"]', "busybox"),
        Case('[limits]\ncgroup-parent = ["/team"]', "--cgroup-parent=team/a busybox"),
    ),
    (
        Case('[limits]\ncgroup-parent = ["/team"]', "--cgroup-parent=/ busybox"),
        Case('[limits]\ncgroup-parent = ["/team"]', "--cgroup-parent=/team/../x busybox"),
    ),
)
