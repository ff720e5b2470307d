"""security-opt: how the container is confined."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

HARDENING = "no-new-privileges=true"
UNKNOWN = "seccomp=unknown"


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse options that the list does not cover, and no filter where one is required."""
    asked = [(f"--security-opt={one}", one) for one in spec.security_opt if one != HARDENING]
    yield from unlisted(law, "security-opt", asked, covers, _touches, hint=_hint(spec))
    required = [one.origin for one in law.required("security-opt") if "seccomp" in one.names]
    if required and spec.seccomp is not True:
        unknown = spec.seccomp is None
        yield Violation(
            "security-opt",
            "a seccomp filter is required",
            "whether there is one cannot be told" if unknown else "this container would have none",
            tuple(required),
            "leave out seccomp=unconfined and --privileged",
        )


def covers(pattern: str, option: str) -> bool:
    """Tell whether an item permits an option; a profile that could not be read never is."""
    key, _, value = option.partition("=")
    return option != UNKNOWN and settings.covers(pattern, (key, value), "=")


def _touches(pattern: str, option: str) -> bool:
    key, _, value = option.partition("=")
    return option == UNKNOWN or settings.covers(pattern, (key, value), "=")


def _hint(spec: ContainerSpec) -> str:
    if UNKNOWN in spec.security_opt:
        return "the seccomp profile cannot be read, or is none"
    profiles = [one for one in spec.security_opt if one.startswith("seccomp=sha256:")]
    return f'to allow this profile, a policy has to say "{profiles[0]}"' if profiles else ""


CONTROL = Control(
    "security-opt",
    "Every option must be covered by an item `KEY` or `KEY=VALUE` of the list, whichever "
    "separator was used, the last one of each key counting: `seccomp=unconfined`, "
    "`seccomp=sha256:…` for a profile by its content, `apparmor=…`, `label=…`, "
    "`systempaths=unconfined`, `writable-cgroups=true`, `no-new-privileges=false`. no- "
    'new-privileges itself is always permitted. `[require] security-opt = ["seccomp"]` '
    "asks that some filter is on.",
    (
        "Pod Security Standards, baseline: seccomp, AppArmor, SELinux, /proc mount type",
        "Pod Security Standards, restricted: seccomp",
        "CIS Docker Benchmark 5.2, 5.3 and 5.22",
        "moby daemon/daemon_unix.go parseSecurityOpt",
    ),
    check,
    (
        Case(
            '[limits]\nsecurity-opt = ["seccomp=sha256:*"]',
            "--security-opt seccomp=profile.json busybox",
        ),
        Case("[limits]\nsecurity-opt = []", "--security-opt no-new-privileges busybox"),
        Case('[require]\nsecurity-opt = ["seccomp"]', "busybox"),
    ),
    (
        Case('[limits]\nsecurity-opt = ["apparmor"]', "--security-opt seccomp=unconfined busybox"),
        Case("[limits]\nsecurity-opt = []", "--security-opt seccomp:unconfined busybox"),
        Case("[limits]\nsecurity-opt = []", "--security-opt systempaths=unconfined busybox"),
        Case("[limits]\nsecurity-opt = []", "--security-opt label:disable busybox"),
        Case("[limits]\nsecurity-opt = []", "--security-opt no-new-privileges:false busybox"),
        Case(
            '[limits]\nsecurity-opt = ["seccomp=builtin"]',
            "--security-opt seccomp=profile.json busybox",
        ),
        Case('[require]\nsecurity-opt = ["seccomp"]', "--security-opt seccomp=unconfined busybox"),
    ),
)
