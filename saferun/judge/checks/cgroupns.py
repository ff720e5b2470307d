"""cgroupns: whose cgroups the container sees."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Obligation
from saferun.judge.listed import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse what the list does not name; ask for an own one where nothing was said."""
    found = list(words(law, "cgroupns", spec.cgroupns))
    limit = law.limit("cgroupns")
    own = limit is not None and not limit.against(lambda names: "private" in names)
    if found and own and "cgroupns" not in spec.flags and not spec.privileged:
        why = "the engine's own default is the host's cgroup namespace"
        yield Obligation("cgroupns", "cgroupns", "private", why, limit.origins if limit else ())
    else:
        yield from found


CONTROL = Control(
    "cgroupns",
    "The container's cgroup namespace must be one that the list names: `private` or "
    "`host`. Where nothing is said, engines take the host's on cgroup v1 and for "
    "privileged containers; then `--cgroupns=private` is added, or the privileged "
    "container refused.",
    (
        "cgroup_namespaces(7)",
        "moby daemon/container_operations_unix.go",
    ),
    check,
    (
        Case('[limits]\ncgroupns = ["private"]', "busybox"),
        Case('[limits]\ncgroupns = ["host"]', "--cgroupns=host busybox"),
    ),
    (Case('[limits]\ncgroupns = ["private"]', "--cgroupns=host busybox"),),
)
