"""verify: whether the kernel's own answer may be left unasked.

Without the gate nothing is checked before the command's first instruction, so a law has to say
that this is allowed.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def verification(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Iterator[Violation]:
    """Refuse a mode of `--verify` that the law does not name."""
    limit = policy.limit(layers, spec.whom, "verify")
    if limit is None or spec.verify in limit.names:
        return
    yield Violation(
        "verify",
        f"--verify={spec.verify} is not allowed",
        f"allowed: {' '.join(sorted(limit.names)) or 'none'}",
        limit.witnesses(spec.verify),
        'to allow this, a policy has to say [limits] verify = ["on", "off"]',
    )
