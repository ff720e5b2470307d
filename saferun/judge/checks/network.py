"""network: which networks the container is in."""

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


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every network that the list does not name; the host's only by its own name."""
    asked = ((f"--network={word}", word) for word in spec.networks if word != "none")
    return unlisted(law, "network", asked, covers, globs.covers)


def covers(pattern: str, word: str) -> bool:
    """Tell whether an item of the list permits a network.

    The host's network, and joining a container, give more than any network does, so that a glob for
    networks is not meant for them.
    """
    if word == "host" or word.startswith("container:"):
        same = pattern.startswith("container:") == word.startswith("container:")
        return same and globs.covers(pattern, word) and (word != "host" or pattern == word)
    return not pattern.startswith("container:") and globs.covers(pattern, word)


CONTROL = Control(
    "network",
    "Every network must be one that the list names, by a glob over its name; `bridge` "
    "stands for the default one. `host` must be named as it is, and `container:NAME` by "
    "an item that begins with `container:`; joining a container that has the host's "
    "network counts as the host's as well. `none` is always permitted.",
    (
        "Pod Security Standards, baseline: host namespaces",
        "CIS Docker Benchmark 5.10 and 5.30",
        "OWASP Docker Security Cheat Sheet, rule 5",
    ),
    check,
    (
        Case('[limits]\nnetwork = ["bridge", "corp*"]', "busybox"),
        Case("[limits]\nnetwork = []", "--network=none busybox"),
        Case('[limits]\nnetwork = ["corp"]', "--network=corp busybox"),
    ),
    (
        Case('[limits]\nnetwork = ["bridge"]', "--network=host busybox"),
        Case('[limits]\nnetwork = ["*"]', "--network=host busybox"),
        Case('[limits]\nnetwork = ["container:*"]', "--network=container:nethost busybox"),
        Case("[limits]\nnetwork = []", "busybox"),
        Case('[limits]\nnetwork = ["bridge"]', "--network name=HOST busybox"),
    ),
)
