"""no-new-privileges: execve gives nothing that the caller did not have.

Source: prctl(2) PR_SET_NO_NEW_PRIVS; moby daemon/daemon_unix.go parseSecurityOpt, which accepts
`:` and `=` and lets the last one win; PSS restricted `allowPrivilegeEscalation`; CIS Docker 5.26.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.decision import Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer, Origin
    from saferun.judge.spec import ContainerSpec

NAME = "no-new-privileges"
#: What Go's strconv.ParseBool takes for true.
TRUE = ("1", "t", "T", "TRUE", "true", "True")


def asked(security_opt: tuple[str, ...]) -> bool | None:
    """Return what these options make of no-new-privileges; None when they do not speak of it."""
    answer: bool | None = None
    for option in security_opt:
        key, separator, value = option.partition("=" if "=" in option else ":")
        if key == NAME:
            answer = value in TRUE if separator else True
    return answer


def is_required(layers: tuple[Layer, ...], whom: str) -> tuple[Origin, ...]:
    """Return the statements that require it; none means it is not required."""
    return tuple(
        statement.origin
        for statement in policy.requirement(layers, whom, "security-opt")
        if NAME in statement.names
    )


def no_new_privileges(
    spec: ContainerSpec, layers: tuple[Layer, ...]
) -> Iterator[Violation | Obligation]:
    """Oblige to set it where it is required; refuse a command line that turns it off."""
    origins = is_required(layers, spec.whom)
    if not origins:
        return
    given = asked(spec.security_opt)
    if given is False:
        yield Violation(
            NAME,
            "no-new-privileges is required, but turned off",
            origins=origins,
            hint="leave out no-new-privileges=false",
        )
    elif given is None:
        yield Obligation(NAME, "security-opt", NAME, "no-new-privileges is required", origins)
