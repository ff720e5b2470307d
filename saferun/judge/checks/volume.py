"""volume: which host directories and volumes are mounted."""

from __future__ import annotations

from saferun.judge.checks import volume_driver
from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.listed import unlisted
from saferun.judge.values import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec, Mount


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse every mount that the list does not cover."""
    if law.limit("volume") is None:
        return
    binds = [one for one in spec.mounts if one.kind == "bind" or _is_named(one)]
    hint = "mount something that is allowed, or only a part of it, or read-only"
    asked = [(_shown(one), one) for one in binds]
    yield from unlisted(law, "volume", asked, volumes.covers, volumes.touches, hint=hint)
    driven = law.limit("volume-driver") is not None
    for mount in spec.mounts:
        driver = volume_driver.word(mount)
        if mount.kind not in KNOWN:
            yield _refusal(_shown(mount), law, f"a mount of type {mount.kind} is not known")
        elif mount.kind == "volume" and driver != "local" and not driven:
            why = f"the volume is {driver}, which no volume-driver names"
            yield _refusal(_shown(mount), law, why)
    if spec.volume_driver not in ("", "local") and not driven:
        why = f"the image may ask for volumes of {spec.volume_driver}, which no volume-driver names"
        yield _refusal(f"--volume-driver={spec.volume_driver}", law, why)


#: What is mounted as. An image holds nothing of the host, and what is in memory neither.
KNOWN = frozenset(("bind", "volume", "tmpfs", "image"))


def _is_named(mount: Mount) -> bool:
    # An anonymous volume is new and empty; images ask for them, too.
    return mount.kind == "volume" and (bool(mount.source) or bool(mount.options))


def _refusal(shown: str, law: Law, detail: str) -> Violation:
    limit = law.limit("volume")
    return Violation("volume", f"{shown} is not allowed", detail, limit.origins if limit else ())


def _shown(mount: Mount) -> str:
    source = mount.source or "a volume"
    mode = "read-only" if mount.read_only else "writable"
    where = f"{source}, {mode}" + (", spreading" if mount.propagation != "private" else "")
    unsure = "" if mount.exact else ", whose links cannot be followed from here"
    return f"{mount.asked or 'a mount'} ({where}{unsure})"


CONTROL = Control(
    "volume",
    "Every directory of the host that is mounted must be covered by a path of the list, "
    "links followed and `..` resolved, and every named volume by a name. A volume that "
    "its driver's options make a bind is judged as the directory that it is; one that "
    "mounts anything else (nfs, cifs, a disk) must also be named by `volume-driver`. "
    "Where the engine is on another machine, links cannot be followed, and only a path "
    "that is named exactly is permitted; so it is where they lead through /proc. Anonymous "
    "volumes of the local driver, which are new and empty, memory and images are always "
    "permitted.",
    (
        "Pod Security Standards, baseline: host path volumes",
        "Pod Security Standards, restricted: volume types",
        "CIS Docker Benchmark 5.6 and 5.20",
        "moby volume/local: device, type and o",
    ),
    check,
    (
        Case('[limits]\nvolume = ["/srv:ro", "data"]', "-v data:/data busybox"),
        Case('[limits]\nvolume = ["/srv:ro"]', "-v /srv:/x:ro busybox"),
        Case("[limits]\nvolume = []", "-v /anonymous busybox"),
        Case(
            '[limits]\nvolume = ["nfsvol"]\nvolume-driver = ["local/nfs"]', "-v nfsvol:/x busybox"
        ),
    ),
    (
        Case('[limits]\nvolume = ["/srv:ro"]', "-v /etc:/x:ro busybox"),
        Case('[limits]\nvolume = ["/srv:ro"]', "-v /srv:/x busybox"),
        Case('[limits]\nvolume = ["/srv"]', "-v /srv/../etc:/x busybox"),
        Case('[limits]\nvolume = ["/srv"]', "-v /srv:/x:rshared busybox"),
        Case('[limits]\nvolume = ["*"]', "-v etcvol:/x busybox"),
        Case('[limits]\nvolume = ["*"]', "--volumes-from etc busybox"),
        Case('[limits]\nvolume = ["*"]', "-v nfsvol:/x busybox"),
        Case(
            '[limits]\nvolume = ["*"]',
            "--mount type=volume,dst=/x,volume-driver=local,volume-opt=type=none,"
            "volume-opt=o=bind,volume-opt=device=/etc busybox",
        ),
        Case('[[deny]]\nreason = "secrets"\nvolume = ["/etc/ssh"]', "-v /etc:/x:ro busybox"),
        Case("[limits]\nvolume = []", "-v data:/x busybox"),
        Case('[limits]\nvolume = ["/srv"]', "-v /proc/self/cwd:/x busybox"),
        Case('[limits]\nvolume = ["/proc"]', "-v /proc/self/cwd:/x busybox"),
        Case('[[deny]]\nreason = "secrets"\nvolume = ["/etc/ssh"]', "-v /proc/self/cwd:/x busybox"),
        Case("[limits]\nvolume = []", "--volume-driver=rclone busybox"),
        Case("[limits]\nvolume = []", "--volume-driver=rclone -v /x busybox"),
        Case("[limits]\nvolume = []", "--mount type=volume,dst=/x,volume-driver=rclone busybox"),
    ),
)
