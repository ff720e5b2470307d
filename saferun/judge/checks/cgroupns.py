"""cgroupns: whether the container sees the host's tree of cgroups."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Obligation
from saferun.judge.listed import words
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

KEY = "cgroupns"


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse a cgroup namespace that the law does not name; ask for a private one in silence."""
    refused = tuple(words(law, KEY, spec.cgroupns))
    limit = law.limit(KEY)
    silent = KEY not in spec.flags
    if refused and limit and silent and not limit.against(_permit_private):
        origins = tuple(dict.fromkeys(origin for one in refused for origin in one.origins))
        reason = "the engine's own choice of cgroup namespace is not allowed"
        yield Obligation(KEY, KEY, "private", reason, origins)
    else:
        yield from refused


def _permit_private(names: tuple[str, ...]) -> bool:
    return any(globs.covers(name, "private") for name in names)


CONTROL = Control(
    KEY,
    "The container's cgroup namespace must be one that the list names: `private` or `host`. Where "
    "nothing is said, engines on cgroup v1, and on v2 for a privileged container, take the host's; "
    "if only `private` is permitted, `--cgroupns=private` is added (engines from API 1.41).",
    ("cgroup_namespaces(7)", "moby daemon/container.go: the default by cgroup version"),
    check,
    (
        Case('[limits]\ncgroupns = ["private", "host"]', "busybox"),
        Case('[limits]\ncgroupns = ["private"]', "busybox"),
        Case('[limits]\ncgroupns = ["private"]', "--cgroupns=private busybox"),
    ),
    (
        Case('[limits]\ncgroupns = ["private"]', "--cgroupns=host busybox"),
        Case("[limits]\ncgroupns = []", "busybox"),
    ),
)
