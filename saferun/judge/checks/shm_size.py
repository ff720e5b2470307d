"""shm-size: how large /dev/shm may be."""

from __future__ import annotations

from saferun.judge.amount import at_most
from saferun.judge.control import Case, Control
from saferun.judge.values.amounts import show_size, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

#: What engines take where nothing is said (HostConfig.ShmSize).
DEFAULT = 64 << 20


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse more than the limit; add the limit where the engine's default is more."""
    asked = DEFAULT if spec.shm_size is None else spec.shm_size
    limit = law.limit("shm-size")
    most, _ = limit.most(size) if limit else (None, ())
    silent = spec.shm_size is None and most is not None and asked > most
    return at_most(law, "shm-size", None if silent else asked, size, show_size)


CONTROL = Control(
    "shm-size",
    "Shared memory in files (/dev/shm) may be at most this large. Engines make it 64 MiB where "
    "nothing is said; where the limit is less, it is added.",
    (
        "docker run reference: --shm-size",
        "OWASP Docker Security Cheat Sheet, rule 7",
    ),
    check,
    (
        Case('[limits]\nshm-size = "128m"', "busybox"),
        Case('[limits]\nshm-size = "32m"', "busybox"),
    ),
    (
        Case('[limits]\nshm-size = "32m"', "--shm-size=64m busybox"),
        Case('[limits]\nshm-size = "32m"', "--shm-size=1g busybox"),
    ),
)
