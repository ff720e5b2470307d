"""The controls, one a file; importing one registers nothing, `CHECKS` is the list.

A check is a function of the spec and the layers that yields violations and obligations. It sees
no other check's answer, so their order decides only the order of the reasons.
"""

from __future__ import annotations

from saferun.judge.checks.cap_add import cap_add
from saferun.judge.checks.cap_drop import cap_drop
from saferun.judge.checks.gate_mount import gate_mount
from saferun.judge.checks.no_new_privileges import no_new_privileges
from saferun.judge.checks.privileged import privileged
from saferun.judge.checks.read_only import read_only
from saferun.judge.checks.verification import verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from saferun.judge.decision import Obligation, Violation
    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec

    Check: TypeAlias = Callable[
        [ContainerSpec, tuple[Layer, ...]], Iterator["Violation | Obligation"]
    ]

CHECKS: tuple[Check, ...] = (
    privileged,
    cap_add,
    cap_drop,
    no_new_privileges,
    read_only,
    gate_mount,
    verification,
)
