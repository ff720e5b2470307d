"""privileged: whether a container may have everything the engine has."""

from __future__ import annotations

from saferun.judge.capabilities import NAMES
from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.record import Record
from saferun.judge.spec import Device
from saferun.judge.values import device_rules, devices, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from saferun.judge.policy import Law, Origin
    from saferun.judge.spec import ContainerSpec


class Included(Record):
    """What a privileged container has of that which a key limits, whatever else was asked for.

    `covers` tells whether an item of a list permits one of it, `touches` whether an item of a
    denied list names it.
    """

    key: str
    what: tuple[object, ...]
    covers: Callable[..., bool]
    touches: Callable[..., bool]


def _is_capability(item: str, name: str) -> bool:
    return item in ("ALL", name)


def _is_option(item: str, option: settings.Setting) -> bool:
    return settings.covers(item, option, "=")


#: Source: moby daemon/oci_linux.go WithCapabilities, WithDevices, WithApparmor, WithSELinux,
#: WithMounts; daemon/seccomp_linux.go WithSeccomp.
INCLUDED = (
    Included("cap-add", NAMES, _is_capability, _is_capability),
    Included("device", (Device("/dev"),), devices.covers, devices.touches),
    Included("device-cgroup-rule", ("a *:* rwm",), device_rules.covers, device_rules.touches),
    Included(
        "security-opt",
        (
            ("seccomp", "unconfined"),
            ("apparmor", "unconfined"),
            ("label", "disable"),
            ("systempaths", "unconfined"),
        ),
        _is_option,
        _is_option,
    ),
)


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse `--privileged` where a limit says false, or withholds some of what comes with it."""
    if not spec.privileged:
        return
    limit = law.limit("privileged")
    against = limit.against_switch() if limit else ()
    detail = ""
    if not against:
        against = _beyond(law)
        detail = "it would give what these withhold"
    elif spec.whom == "nonroot":
        detail = (
            "it cancels every --cap-drop, so a setuid file in the image would win back everything"
        )
    if not against:
        return
    nonroot = spec.whom == "nonroot"
    yield Violation(
        "privileged",
        f"--privileged is not allowed{' for a non-root user' if nonroot else ''}",
        detail,
        against,
        "ask for the capabilities that are needed with --cap-add, "
        "or run as root with --user=0 if you mean it"
        if nonroot
        else "ask for the capabilities and devices that are needed with --cap-add and --device",
        "privileged",
    )


def _beyond(law: Law) -> tuple[Origin, ...]:
    """Return what limits something that comes with it, in layers without an exception for it."""
    silent = law.without_exception("privileged")
    found: list[Origin] = []
    for one in INCLUDED:
        limit = silent.limit(one.key)
        if limit is not None:
            found += limit.against(
                lambda names, one=one: all(  # type: ignore[misc]
                    any(one.covers(item, what) for item in names) for what in one.what
                ),
                lambda names, one=one: any(  # type: ignore[misc]
                    one.touches(item, what) for item in names for what in one.what
                ),
            )
    return tuple(dict.fromkeys(found))


CONTROL = Control(
    "privileged",
    "A privileged container has every capability of the engine, all devices, no seccomp filter and "
    "unmasked /proc and /sys, whatever else was asked for. It is refused where a limit says false, "
    "and in any layer that limits or denies some of that by `cap-add`, `device`, "
    "`device-cgroup-rule` or `security-opt`, unless an [[allow]] of that layer names `privileged`.",
    (
        "moby daemon/oci_linux.go: privileged comes before every other option",
        "Pod Security Standards, baseline: privileged containers",
        "CIS Docker Benchmark 5.5",
    ),
    check,
    (
        Case("[root.limits]\nprivileged = true", "--user=0 busybox"),
        Case("[limits]\nprivileged = false", "--privileged=false busybox"),
        Case('[limits]\ncap-add = ["ALL"]\ndevice = ["/dev"]', "--privileged --user=0 busybox"),
        Case(
            '[limits]\ncap-add = []\n[[allow]]\nreason = "builds"\nprivileged = true',
            "--privileged --user=0 busybox",
        ),
    ),
    (
        Case("", "-u 3267 --privileged busybox"),
        Case("[limits]\nprivileged = false", "--privileged busybox"),
        Case('[limits]\ncap-add = ["CHOWN"]', "--privileged --user=0 busybox"),
        Case("[limits]\ndevice = []", "--privileged --user=0 busybox"),
        Case("[limits]\ndevice-cgroup-rule = []", "--privileged --user=0 busybox"),
        Case('[limits]\nsecurity-opt = ["apparmor"]', "--privileged --user=0 busybox"),
        Case(
            '[[deny]]\nreason = "spoofing"\ncap-add = ["NET_RAW"]',
            "--privileged --user=0 busybox",
        ),
    ),
)
