"""Where something cannot be found out: the best and the worst that it could be.

What is wrong even at its best is wrong; what is right even at its worst is right. Anything between
the two depends on what nobody could see.
"""

from __future__ import annotations

from saferun.formats.docker_run.mounts import mounts
from saferun.formats.engine_api import (
    ContainerFacts,
    EngineFacts,
    MountFacts,
    NetworkFacts,
    VolumeFacts,
)
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts
    from saferun.judge.decision import Decision, Obligation, Violation

    Finding = Violation | Obligation


class Every(dict[str, object]):
    """A mapping that has an answer for every name."""

    def __init__(self, answer: Callable[[str], object]) -> None:
        """Take what gives the answer for a name."""
        super().__init__()
        self._answer = answer

    def get(self, name: str, default: object = None) -> object:
        """Return the answer for a name, never the default."""
        del default
        return self._answer(name)


class Blind(Record):
    """What could not be seen: the engine, the image, who the user is."""

    engine: bool = False
    image: bool = False
    user: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything that could not be seen."""
        return self.engine or self.image or self.user


#: An engine that restricts what it can. Its runtime and log driver are nothing that a law names.
_CAREFUL = EngineFacts("", "", "default", "2", userns=True, no_new_privileges=True)
#: A volume that is the host's root, and a container that shares everything with the host.
_ROOT = VolumeFacts("local", (("type", "none"), ("o", "bind"), ("device", "/")), (), "")
_OPEN = ContainerFacts("", "", "host", "host", "host", (MountFacts("bind", "", "/", "/host"),))
_CLOSED = ContainerFacts("", "", "", "private", "", ())


def best(facts: Facts, blind: Blind) -> Facts:
    """Return the facts with the best that can be where nothing could be seen."""
    if blind.image:
        image = facts.image.replace(health_check=True)
        facts = facts.replace(image=image)
    if not blind.engine:
        return facts
    known: Every | dict[str, object] = Every(lambda name: facts.containers.get(name) or _CLOSED)
    return facts.replace(
        containers=known,
        engine=_CAREFUL,
        paths=Every(lambda path: path),
        local=True,
    )


def worst(facts: Facts, blind: Blind) -> Facts:
    """Return the facts with the worst that can be where nothing could be seen."""
    if blind.image:
        image = facts.image.replace(exposed=("0/tcp", "0/udp"), health_check=False)
        facts = facts.replace(image=image)
    if not blind.engine:
        return facts
    return facts.replace(
        containers=Every(lambda name: facts.containers.get(name) or _OPEN),
        # One without a name is made for the container.
        volumes=Every(lambda name: _ROOT if name else None),
        networks=Every(lambda name: NetworkFacts(name, "host")),
    )


def unsettled(facts: Facts, command: RunCommand, blind: Blind) -> frozenset[str]:
    """Return the controls that refuse even at best what nobody could see."""
    found = {"user"} if blind.user else set()
    found |= {"group"} if facts.gid is None else set()
    found |= {"group-add"} if None in facts.groups else set()
    if blind.image and not command.last("platform"):
        found.add("platform")
    if blind.engine:
        found |= {one for one in ("runtime", "log-driver") if not command.last(one)}
        # A volume is what it was made as, which may be just what a law wants.
        found.add("volume-driver")
        # An image that is mounted may have any name and id.
        if any(mount.kind == "image" for mount in mounts(command, facts)):
            found.add("image")
    return frozenset(found)


def divided(
    at_best: tuple[tuple[Finding, ...], ...], at_worst: tuple[tuple[Finding, ...], ...]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return what is found in any case, and what only perhaps.

    `at_best` and `at_worst` have the findings under every guess. Where the same control speaks
    under each of them, in other words, it is found in any case, in the words of the last.
    """
    checks = frozenset[str].intersection(
        *(frozenset(one.check for one in found) for found in at_best)
    )
    sure = tuple(one for one in at_best[-1] if one.check in checks)
    perhaps = (one for found in at_worst for one in found if one.check not in checks)
    return sure, tuple(dict.fromkeys(perhaps))


def findings(decision: Decision, *, rewrites: bool) -> tuple[Finding, ...]:
    """Return what is wrong by a decision; what is missing only where nobody would add it."""
    return (*decision.violations, *(() if rewrites else decision.obligations))
