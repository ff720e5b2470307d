"""receipts: a container cannot write where the receipts are kept."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.values import destinations, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every writable mount of a directory of receipts, of what is above it, or in it.

    That the receipts are written is for the door that starts the container to see to.
    """
    binds = [one for one in spec.mounts if one.kind == "bind" and not one.read_only]
    for statement in law.required("receipts"):
        for directory in destinations.directories(statement.names):
            for mount in binds:
                # Where a link may lead that could not be followed, nobody knows.
                if not mount.exact or paths.touches(directory, mount.source):
                    yield Violation(
                        "receipts",
                        f"a writable mount of {mount.source} is not allowed",
                        f"receipts are kept in {directory}",
                        (statement.origin,),
                        "leave it out, or mount it read-only",
                        "volume",
                    )


CONTROL = Control(
    "receipts",
    "Where `receipts` are required, a receipt of every run is kept in each of the places that any "
    "layer names, or nothing is started. A writable mount of such a directory, of one above it or "
    "of anything in it is refused: what a container can write proves nothing about it.",
    (
        "saferun: a receipt that its subject can write is none",
        "NIST SP 800-53 AU-9 (protection of audit information)",
    ),
    check,
    (
        Case('[require]\nreceipts = ["/var/log/saferun"]', "-v /srv:/x busybox"),
        Case('[require]\nreceipts = ["/var/log/saferun"]', "-v /var/log:/x:ro busybox"),
        Case('[require]\nreceipts = ["journald"]', "-v /var/log:/x busybox"),
    ),
    (
        Case('[require]\nreceipts = ["/var/log/saferun"]', "-v /var/log/saferun:/x busybox"),
        Case('[require]\nreceipts = ["/var/log/saferun"]', "-v /var/log:/x busybox"),
    ),
)
