"""cap-add: which capabilities may be given back.

Source: capabilities(7); PSS baseline and restricted `capabilities`; CIS Docker 5.4.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.capabilities import NAMES, is_known
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def cap_add(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Iterator[Violation]:
    """Refuse every capability that was asked for and that the allowlist does not name.

    Where ALL must be dropped, an added ALL is the cap-drop check's business.
    """
    limit = policy.limit(layers, spec.whom, "cap-add")
    if limit is None:
        return
    allowed = set(limit.names)
    if allowed.issuperset(NAMES) or policy.requirement(layers, spec.whom, "cap-drop"):
        allowed.add("ALL")
    refused = [name for name in dict.fromkeys(spec.cap_add) if name not in allowed]
    if not refused:
        return
    nonroot = spec.whom == "nonroot"
    named = " ".join(name or '""' for name in refused)
    unknown = [name or '""' for name in refused if not is_known(name)]
    if unknown:
        hint = f"no capability is called {' or '.join(unknown)}; see capabilities(7)"
    elif "ALL" in refused:
        hint = "name the capabilities that are needed, one --cap-add each"
    else:
        table = "nonroot.limits" if nonroot else "limits"
        names = ", ".join(f'"{name}"' for name in refused)
        hint = f"to allow this, a policy has to say [{table}] cap-add = [{names}]"
    yield Violation(
        "cap-add",
        f"capabilities not allowed{' for a non-root user' if nonroot else ''}: {named}",
        f"allowed: {' '.join(name for name in NAMES if name in allowed) or 'none'}",
        tuple(dict.fromkeys(origin for name in refused for origin in limit.witnesses(name))),
        hint,
    )
