"""Who asks for what, and when: what the law's [[allow]] and [[deny]] are matched against."""

from __future__ import annotations

import time

from saferun.errors import PolicyError
from saferun.judge.rules import Asking, in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.judge.policy import Layer
    from saferun.judge.rules import Image, Rule


def layers_for(
    image: Image, layers: tuple[Layer, ...], environ: Mapping[str, str]
) -> tuple[Layer, ...]:
    """Return the layers with those of their rules in force that match this run.

    Raises PolicyError when a [[deny]] names a user or group that does not exist here: whether it is
    for this run cannot be told then. An [[allow]] that does is for nobody.
    """
    rules = [rule for layer in layers for rule in layer.rules]
    if not rules:
        return layers
    from saferun.host import caller  # only for laws with rules

    uid, gids = caller.ids()
    named = any(rule.users or rule.groups for rule in rules)
    sudo_uids, sudo_gids = caller.sudo_ids(environ) if named else (frozenset(), frozenset())
    return in_force(
        layers,
        Asking(
            image=image,
            uid=uid,
            gids=gids,
            today=time.strftime("%Y-%m-%d", time.gmtime()),
            sudo_uids=sudo_uids,
            sudo_gids=sudo_gids,
            user_ids=_ids(rules, "user"),
            group_ids=_ids(rules, "group"),
        ),
    )


def _ids(rules: list[Rule], what: str) -> dict[str, int]:
    from saferun.host import caller

    found: dict[str, int] = {}
    for rule in rules:
        for name in rule.users if what == "user" else rule.groups:
            if name in found or name.isdigit():
                continue
            number = caller.user_id(name) if what == "user" else caller.group_id(name)
            if number is not None:
                found[name] = number
            elif rule.effect == "deny":
                place = f"{rule.source}:{rule.line}"
                message = f"{place}: [[deny]] names {what} {name}, who is not on this machine"
                raise PolicyError(message, f"name the {what} by number, or correct the name")
    return found
