"""volume-driver: what is behind a volume."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec, Mount


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a driver that the list does not name."""
    words = [word(one) for one in spec.mounts if _is_driven(one)]
    if spec.volume_driver:
        # Also of volumes that only the image asks for.
        words.append(spec.volume_driver)
    return unlisted(
        law, "volume-driver", ((f"a volume of {one}", one) for one in words), globs.covers
    )


def word(mount: Mount) -> str:
    """Return what the list has to name for a volume: its driver.

    The local driver mounts whatever its options say, so that `local` is only for one without, and
    `local/TYPE` for one that mounts a file system of that type.
    """
    driver = mount.driver or "local"
    said = dict(mount.options)
    if driver != "local" or not said:
        return driver
    return f"local/{said.get('type') or 'none'}"


def _is_driven(mount: Mount) -> bool:
    return mount.kind == "volume" or (mount.kind == "bind" and bool(mount.options))


CONTROL = Control(
    "volume-driver",
    "The driver of every volume must be one that the list names: `local` for plain ones, "
    "`local/TYPE` for those that the local driver mounts from elsewhere (`local/nfs`, "
    "`local/cifs`, `local/none` for a bind in disguise), and the names of plugins. So must what "
    "`--volume-driver` names, as it also makes the volumes that only the image asks for.",
    (
        "Pod Security Standards, restricted: volume types",
        "moby volume/local",
        "docker volume create reference",
    ),
    check,
    (
        Case('[limits]\nvolume-driver = ["local"]', "-v data:/x busybox"),
        Case('[limits]\nvolume-driver = ["local/nfs"]', "-v nfsvol:/x busybox"),
    ),
    (
        Case('[limits]\nvolume-driver = ["local"]', "-v nfsvol:/x busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "-v etcvol:/x busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "--volume-driver=rclone -v other:/x busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "--volume-driver=rclone -v /x busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "--volume-driver=rclone busybox"),
    ),
)
