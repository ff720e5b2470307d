"""cap-add: which capabilities may be given back."""

from __future__ import annotations

from saferun.judge.capabilities import NAMES, is_known
from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from saferun.judge.policy import Law, Limit, Origin
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every capability that was asked for and that the allowlist does not name.

    Where ALL must be dropped, an added ALL is the cap-drop check's business.
    """
    limit = law.limit("cap-add")
    if limit is None:
        return
    spared = "ALL" if law.required("cap-drop") else None
    refused = {
        name: against
        for name in dict.fromkeys(spec.cap_add)
        if name != spared and (against := _against(limit, name))
    }
    if not refused:
        return
    nonroot = spec.whom == "nonroot"
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
        f"capabilities not allowed{' for a non-root user' if nonroot else ''}: "
        f"{' '.join(name or chr(34) * 2 for name in refused)}",
        f"allowed: {' '.join(name for name in NAMES if not _against(limit, name)) or 'none'}",
        tuple(dict.fromkeys(origin for against in refused.values() for origin in against)),
        hint,
        "cap-add",
    )


def _against(limit: Limit, name: str) -> tuple[Origin, ...]:
    asked = every((name,))
    return limit.against(
        lambda names: asked <= every(names), lambda names: bool(asked & every(names))
    )


def every(names: Iterable[str]) -> frozenset[str]:
    """Return names as a set, in which ALL stands for every capability."""
    held = frozenset(names)
    return held - {"ALL"} | frozenset(NAMES) if "ALL" in held else held


CONTROL = Control(
    "cap-add",
    "Only capabilities that the list names may be given back. For a container whose user is not "
    "root the built-in list is empty. `ALL` in the list names every one.",
    (
        "capabilities(7)",
        "Pod Security Standards, baseline and restricted: capabilities",
        "CIS Docker Benchmark 5.4",
    ),
    check,
    (
        Case(
            '[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE"]',
            "-u 3267 --cap-add=cap_net_bind_service busybox",
        ),
        Case("", "--cap-add=NET_ADMIN --user=0 busybox"),
    ),
    (
        Case("", "-u 3267 --cap-add=NET_RAW busybox"),
        Case('[limits]\ncap-add = ["CHOWN"]', "--cap-add=SYS_ADMIN busybox"),
        Case('[[deny]]\nreason = "spoofing"\ncap-add = ["NET_RAW"]', "--cap-add=NET_RAW busybox"),
    ),
)
