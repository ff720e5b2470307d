"""volumes-from: whose mounts are taken over."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse what the list for `volumes-from` does not name."""
    return words(law, "volumes-from", spec.volumes_from)


CONTROL = Control(
    "volumes-from",
    "Every container whose mounts are taken over must be named by a glob of the list. "
    "What comes from it is judged by `volume` and `engine-socket` as well.",
    (
        "docker run reference: --volumes-from",
        "Pod Security Standards have no such thing: it brings binds along",
    ),
    check,
    (Case('[limits]\nvolumes-from = ["etc"]', "--volumes-from etc busybox"),),
    (Case("[limits]\nvolumes-from = []", "--volumes-from etc:ro busybox"),),
)
