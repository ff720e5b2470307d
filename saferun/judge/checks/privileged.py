"""privileged: whether a container may have everything the engine has.

Source: moby gives a privileged container every capability it holds itself, all devices, no seccomp
filter and unmasked /proc and /sys, whatever else was asked for; PSS baseline, CIS Docker 5.5.
"""

from __future__ import annotations

from saferun.judge import policy
from saferun.judge.decision import Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec


def privileged(spec: ContainerSpec, layers: tuple[Layer, ...]) -> Iterator[Violation]:
    """Refuse `--privileged` where a limit says false."""
    if not spec.privileged:
        return
    limit = policy.limit(layers, spec.whom, "privileged")
    if limit is None or limit.value is True:
        return
    if spec.whom == "nonroot":
        yield Violation(
            "privileged",
            "--privileged is not allowed for a non-root user",
            "it cancels every --cap-drop, so a setuid file in the image would win back everything",
            limit.witnesses(),
            "ask for the capabilities that are needed with --cap-add, "
            "or run as root with --user=0 if you mean it",
        )
    else:
        yield Violation(
            "privileged",
            "--privileged is not allowed",
            origins=limit.witnesses(),
            hint="ask for the capabilities and devices that are needed with --cap-add and --device",
        )
