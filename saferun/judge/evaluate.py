"""Before: may this container run, under what conditions, and what may its processes hold.

The judge does not know which door is asking, so it cannot favour one.
"""

from __future__ import annotations

from saferun.judge.capabilities import ANY, granted
from saferun.judge.checks import control, relevant
from saferun.judge.checks.no_new_privileges import is_required
from saferun.judge.decision import Decision, Masks, Obligation, Violation
from saferun.judge.policy import Law

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def evaluate(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Decision:
    """Judge a container by every control that the law speaks of.

    All reasons come at once, in a fixed order. `layers` hold the rules that are in force.
    """
    law = Law(layers, spec.whom)
    findings = [finding for control in relevant(law.keys) for finding in control.check(spec, law)]
    return Decision(
        tuple(finding for finding in findings if isinstance(finding, Violation)),
        tuple(finding for finding in findings if isinstance(finding, Obligation)),
        masks(spec, law),
        law.matches,
    )


def refusals_before_pull(spec: ContainerSpec, layers: tuple[Layer, ...]) -> tuple[Violation, ...]:
    """Return what forbids an image that is not there yet, judged by its reference alone.

    What may not run need not be fetched either. When it is there, it is judged as a whole.
    """
    found: list[Violation] = []
    # Which tables apply is not known before the image is: it must be hopeless under both.
    for whom in ("root", "nonroot"):
        law = Law(layers, whom)
        names = [name for name in ("image", "pull", "platform") if name in law.keys]
        findings = [finding for name in names for finding in control(name).check(spec, law)]
        refused = [finding for finding in findings if isinstance(finding, Violation)]
        if not refused:
            return ()
        found += refused
    return tuple(dict.fromkeys(found))


def masks(spec: ContainerSpec, law: Law) -> Masks:
    """Return what the container's processes may hold once every obligation is met.

    A container judged "not root" may hold what it was given back, whoever it turns out to be. One
    judged "root" is limited only where a law speaks of root's capabilities, and must not turn out
    to be anybody else: then it was judged wrongly, and nothing is allowed.
    """
    required = bool(is_required(law))
    drop = spec.cap_drop
    if law.required("cap-drop"):
        drop = (*drop, "ALL")
    given = granted(spec.cap_add, drop, privileged=spec.privileged)
    if spec.whom == "nonroot":
        return Masks(given, given, required)
    lawful = drop is not spec.cap_drop or any(
        law.limit(key) is not None for key in ("cap-add", "privileged")
    )
    return Masks(given if lawful else ANY, 0, required)
