"""security-opt: the filters between the container and the kernel, and what turns them off."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

KEY = "security-opt"
#: It can only take privileges away.
ALWAYS = "no-new-privileges=true"
#: A seccomp profile whose content could not be found out.
UNKNOWN = "seccomp=unknown"
#: Options that docker reads as switched on when they have no value.
SWITCHES = ("no-new-privileges", "writable-cgroups")


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every option that the law does not name, and no seccomp filter where it wants one."""
    for option in spec.security_opt:
        if option != ALWAYS:
            shown = f"--{KEY}={option}"
            yield from unlisted(law, KEY, ((shown, option),), covers, touches, hint=_hint(option))
    required = tuple(one.origin for one in law.required(KEY) if "seccomp" in one.names)
    if required and spec.seccomp is not True:
        yield Violation(
            KEY,
            "a seccomp filter is required",
            "it is turned off"
            if spec.seccomp is False
            else "whether there will be one cannot be told",
            required,
            f"leave out --privileged and --{KEY}=seccomp=unconfined, and see that `docker info` "
            "names a seccomp profile",
        )


def covers(pattern: str, option: str) -> bool:
    """Tell whether a law's item permits an option; nothing does a profile that cannot be read."""
    return option != UNKNOWN and _matches(pattern, option)


def touches(pattern: str, option: str) -> bool:
    """Tell whether an item of a denied list names an option; an unread profile may be any."""
    if option == UNKNOWN:
        return _matches(pattern.partition("=")[0], option)
    return _matches(pattern, option)


def _matches(pattern: str, option: str) -> bool:
    name, _, value = option.partition("=")
    return settings.covers(
        f"{pattern}=true" if pattern in SWITCHES else pattern, (name, value), "="
    )


def _hint(option: str) -> str:
    if option == UNKNOWN:
        return "give --security-opt=seccomp a file that can be read and holds a profile in JSON"
    return f'leave it out; to allow it, a policy has to name "{option}"'


CONTROL = Control(
    KEY,
    "Every option must be one that the list names, in the form NAME=VALUE whichever way docker was "
    "told: `seccomp=unconfined`, `seccomp=builtin`, `seccomp=sha256:…` for a profile by the hash "
    "of its content, `apparmor=NAME`, `label=type:NAME`, `label=disable`, "
    "`systempaths=unconfined`, `writable-cgroups=true`. A NAME alone stands for any value, only "
    "that `no-new-privileges` and `writable-cgroups` mean `=true`, as for docker. "
    "`no-new-privileges=true` is always permitted, as it can only take away; a seccomp profile "
    "that cannot be read never is. "
    '`[require] security-opt = ["seccomp"]` wants a filter, whichever: a container that has none, '
    "or of which it cannot be told, is refused.",
    (
        "Pod Security Standards, baseline: seccomp, AppArmor, SELinux, /proc mount type",
        "CIS Docker Benchmark 5.2, 5.3, 5.22",
        "OWASP Docker Security Cheat Sheet, rule 6",
        "moby daemon/daemon_unix.go parseSecurityOpt: `:` and `=`, the last one wins",
        "seccomp(2)",
    ),
    check,
    (
        Case("[limits]\nsecurity-opt = []", "--security-opt no-new-privileges busybox"),
        Case(
            '[limits]\nsecurity-opt = ["apparmor=web-*"]', "--security-opt apparmor:web-1 busybox"
        ),
        Case(
            '[limits]\nsecurity-opt = ["seccomp=sha256:*"]',
            "--security-opt seccomp=profile.json busybox",
        ),
        Case('[limits]\nsecurity-opt = ["label=level:*"]', "--security-opt label=level:s0 busybox"),
        Case('[require]\nsecurity-opt = ["seccomp"]', "busybox"),
    ),
    (
        Case("[limits]\nsecurity-opt = []", "--security-opt seccomp=unconfined busybox"),
        Case("[limits]\nsecurity-opt = []", "--security-opt seccomp=profile.json busybox"),
        Case(
            '[limits]\nsecurity-opt = ["seccomp=sha256:*"]',
            "--security-opt seccomp:unconfined busybox",
        ),
        Case(
            '[limits]\nsecurity-opt = ["no-new-privileges"]',
            "--security-opt no-new-privileges=false busybox",
        ),
        Case("[limits]\nsecurity-opt = []", "--security-opt systempaths=unconfined busybox"),
        Case(
            '[limits]\nsecurity-opt = ["label=level:*"]',
            "--security-opt label=level:s0 --security-opt label=disable busybox",
        ),
        Case(
            '[[deny]]\nreason = "no profile"\nsecurity-opt = ["apparmor=unconfined"]',
            "--security-opt apparmor:unconfined busybox",
        ),
        Case('[require]\nsecurity-opt = ["seccomp"]', "--security-opt seccomp=unconfined busybox"),
        Case('[require]\nsecurity-opt = ["seccomp"]', "--privileged --user=0 busybox"),
    ),
)
