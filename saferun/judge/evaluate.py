"""Before: may this container run, under what conditions, and what may its processes hold.

The judge does not know which door is asking, so it cannot favour one.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.capabilities import ANY, granted
from saferun.judge.checks import CHECKS
from saferun.judge.checks.no_new_privileges import is_required
from saferun.judge.decision import Decision, Masks, Obligation, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def evaluate(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Decision:
    """Judge a container by every check there is; all reasons come at once, in a fixed order."""
    findings = [finding for check in CHECKS for finding in check(spec, layers)]
    return Decision(
        tuple(finding for finding in findings if isinstance(finding, Violation)),
        tuple(finding for finding in findings if isinstance(finding, Obligation)),
        masks(spec, layers),
    )


def masks(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Masks:
    """Return what the container's processes may hold once every obligation is met.

    A container judged "not root" may hold what it was given back, whoever it turns out to be. One
    judged "root" is limited only where a law speaks of root's capabilities, and must not turn out
    to be anybody else: then it was judged wrongly, and nothing is allowed.
    """
    whom = spec.whom
    required = bool(is_required(layers, whom))
    drop = spec.cap_drop
    if policy.requirement(layers, whom, "cap-drop"):
        drop = (*drop, "ALL")
    given = granted(spec.cap_add, drop, privileged=spec.privileged)
    if whom == "nonroot":
        return Masks(given, given, required)
    lawful = drop is not spec.cap_drop or any(
        policy.limit(layers, whom, key) is not None for key in ("cap-add", "privileged")
    )
    return Masks(given if lawful else ANY, 0, required)
