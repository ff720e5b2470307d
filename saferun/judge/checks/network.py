"""network: what the container can reach, and be reached by."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

HOST = "host"
JOINED = "container:"


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every network that the law does not name."""
    for name in spec.networks:
        if name != "none":
            asked = ((f"--network={name}", name),)
            yield from unlisted(law, "network", asked, covers, globs.covers, hint=_hint(name))


def covers(pattern: str, name: str) -> bool:
    """Tell whether a law's item permits a network; one that is not the container's own by name."""
    if name == HOST:
        return pattern == HOST
    if name.startswith(JOINED) and not pattern.startswith(JOINED):
        return False
    return globs.covers(pattern, name)


def _hint(name: str) -> str:
    if name == HOST:
        return 'only a policy that names "host" itself permits it; no * stands for it'
    if name.startswith(JOINED):
        return f'only a policy with an item that begins with "{JOINED}" permits it'
    return "choose a network that is allowed with --network=NAME; --network=none always is"


CONTROL = Control(
    "network",
    "Every network of the container must be one that the list names, `bridge` where nothing is "
    "said. `*` stands for any part of a network's name, but never for `host`, which the list has "
    "to name itself, nor for another container's network, which only items that begin with "
    "`container:` permit. Joining a container that has the host's counts as the host's as well. "
    "`none` is always permitted, as it gives nothing.",
    (
        "Pod Security Standards, baseline: host namespaces",
        "CIS Docker Benchmark 5.10, 5.30",
        "OWASP Docker Security Cheat Sheet, rule 5",
        "network_namespaces(7)",
    ),
    check,
    (
        Case("[limits]\nnetwork = []", "--network=none busybox"),
        Case('[limits]\nnetwork = ["bridge"]', "busybox"),
        Case('[limits]\nnetwork = ["c*"]', "--network=corp busybox"),
        Case('[limits]\nnetwork = ["host"]', "--network=host busybox"),
        Case('[limits]\nnetwork = ["container:e*"]', "--network=container:etc busybox"),
    ),
    (
        Case('[limits]\nnetwork = ["*"]', "--network=host busybox"),
        Case('[limits]\nnetwork = ["*"]', "--network name=HOST busybox"),
        Case('[limits]\nnetwork = ["*"]', "--network=container:etc busybox"),
        Case('[limits]\nnetwork = ["container:*"]', "--network=container:nethost busybox"),
        Case("[limits]\nnetwork = []", "busybox"),
        Case('[limits]\nnetwork = ["corp"]', "--network=bridge busybox"),
        Case('[[deny]]\nreason = "alone"\nnetwork = ["*"]', "--network=host busybox"),
    ),
)
