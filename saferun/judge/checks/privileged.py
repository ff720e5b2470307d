"""privileged: whether a container may have everything the engine has."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from saferun.judge.policy import Law, Origin
    from saferun.judge.spec import ContainerSpec

    T = TypeVar("T")


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
    """Return what limits something that comes with it, in layers without an exception for it.

    Source: moby daemon/oci_linux.go WithCapabilities, WithDevices, WithApparmor, WithSELinux,
    WithMounts; daemon/seccomp_linux.go WithSeccomp.
    """
    # Few command lines ask for it, and every run imports this module.
    from saferun.judge.capabilities import NAMES
    from saferun.judge.spec import Device
    from saferun.judge.values import device_rules, devices, settings

    def is_capability(item: str, name: str) -> bool:
        return item in ("ALL", name)

    def is_option(item: str, option: settings.Setting) -> bool:
        return settings.covers(item, option, "=")

    off = [(name, "unconfined") for name in ("seccomp", "apparmor", "systempaths")]
    every = Device("/dev")
    silent = law.without_exception("privileged")
    return (
        *_withheld(silent, "cap-add", NAMES, is_capability, is_capability),
        *_withheld(silent, "device", (every,), devices.covers, devices.touches),
        *_withheld(
            silent, "device-cgroup-rule", ("a *:* rwm",), device_rules.covers, device_rules.touches
        ),
        *_withheld(silent, "security-opt", (*off, ("label", "disable")), is_option, is_option),
    )


def _withheld(
    law: Law,
    key: str,
    what: Iterable[T],
    covers: Callable[[str, T], bool],
    touches: Callable[[str, T], bool],
) -> tuple[Origin, ...]:
    """Return which statements about a key withhold any of what comes with it."""
    limit = law.limit(key)
    if limit is None:
        return ()
    return limit.against(
        lambda names: all(any(covers(name, one) for name in names) for one in what),
        lambda names: any(touches(name, one) for name in names for one in what),
    )


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
        Case("[limits]\nprivileged = true\ndevice = []", "--privileged --user=0 busybox"),
        Case("[limits]\ndevice-cgroup-rule = []", "--privileged --user=0 busybox"),
        Case('[limits]\nsecurity-opt = ["apparmor"]', "--privileged --user=0 busybox"),
        Case(
            '[[deny]]\nreason = "spoofing"\ncap-add = ["NET_RAW"]',
            "--privileged --user=0 busybox",
        ),
    ),
)
