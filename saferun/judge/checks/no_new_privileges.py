"""no-new-privileges: execve gives nothing that the caller did not have."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law, Origin
    from saferun.judge.spec import ContainerSpec

NAME = "no-new-privileges"


def is_required(law: Law) -> tuple[Origin, ...]:
    """Return the statements that require it; none means it is not required."""
    return tuple(one.origin for one in law.required("security-opt") if NAME in one.names)


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Oblige to set it where it is required; refuse a command line that turns it off."""
    origins = is_required(law)
    if not origins:
        return
    if f"{NAME}=false" in spec.security_opt:
        yield Violation(
            NAME,
            "no-new-privileges is required, but turned off",
            origins=origins,
            hint="leave out no-new-privileges=false",
        )
    elif f"{NAME}=true" not in spec.security_opt:
        yield Obligation(NAME, "security-opt", NAME, "no-new-privileges is required", origins)


CONTROL = Control(
    "no-new-privileges",
    "Where it is required, `--security-opt=no-new-privileges` is added, and a command line whose "
    "last word on it is false, in either spelling, is refused.",
    (
        "prctl(2) PR_SET_NO_NEW_PRIVS",
        "moby daemon/daemon_unix.go parseSecurityOpt: `:` and `=`, the last one wins",
        "Pod Security Standards, restricted: privilege escalation",
        "CIS Docker Benchmark 5.26",
    ),
    check,
    (
        Case('[require]\nsecurity-opt = ["no-new-privileges"]', "busybox"),
        Case(
            '[require]\nsecurity-opt = ["no-new-privileges"]',
            "--security-opt no-new-privileges:true busybox",
        ),
    ),
    (
        Case(
            '[require]\nsecurity-opt = ["no-new-privileges"]',
            "--security-opt no-new-privileges --security-opt no-new-privileges:false busybox",
        ),
    ),
)
