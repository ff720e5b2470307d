"""[[allow]] and [[deny]]: for which images, and on whose behalf, a layer says something else.

A rule matches by what cannot be claimed: the reference that the engine has under that name, the
image's id and digests, the kernel's user and group ids. An image's labels, and its USER, are its
author's word and match nothing. Source: controls worked out in NIST SP 800-162 (attribute based
access control); Docker's image list of Enhanced Container Isolation for matching by digest.
"""

from __future__ import annotations

from saferun.judge.policy import Layer, Origin, Statement
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    from saferun.judge.policy import Value

    Effect: TypeAlias = Literal["allow", "deny"]
    #: A key, its value, and the line that it stands on.
    Entry: TypeAlias = tuple[str, Value, int]


class Image(Record):
    """The image that a run is about.

    `names` are what the reference on the command line is known to stand for, each as repository and
    tag; the tag is empty where the engine does not have the image under it, as with a digest. There
    is none when it is only an id. `id` is the engine's content hash; `digests` are the repository
    digests (`sha256:…`) that it has.
    """

    names: tuple[tuple[str, str], ...] = ()
    id: str = ""
    digests: tuple[str, ...] = ()


class Asking(Record):
    """Who asks for what, and when.

    `uid` and `gids` are the kernel's for this process; `sudo_uids` and `sudo_gids` those of whoever
    called sudo, by its word, which can only tighten; `user_ids` and `group_ids` are the ids of
    those names that rules mention; `today` is the date, as in 2027-01-31, in UTC.
    """

    image: Image
    uid: int
    gids: frozenset[int]
    today: str
    sudo_uids: frozenset[int] = frozenset()
    sudo_gids: frozenset[int] = frozenset()
    user_ids: Mapping[str, int] = {}
    group_ids: Mapping[str, int] = {}


class Rule:
    """One [[allow]] or [[deny]] as written; there may be thousands, so it is no Record.

    `images`, `users` and `groups` are what it is for, any of each, empty for everybody; `expires`
    is the last day on which it holds, in UTC, or nothing; `entries` are what it says.
    """

    __slots__ = (
        "effect",
        "entries",
        "expires",
        "groups",
        "images",
        "line",
        "reason",
        "source",
        "users",
    )

    def __init__(  # noqa: PLR0913 - the fields
        self,
        effect: Effect,
        entries: tuple[Entry, ...],
        source: str,
        line: int,
        reason: str = "",
        images: tuple[str, ...] = (),
        users: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        expires: str = "",
    ) -> None:
        """Take the fields."""
        self.effect = effect
        self.entries = entries
        self.source = source
        self.line = line
        self.reason = reason
        self.images = images
        self.users = users
        self.groups = groups
        self.expires = expires


class Match(Record):
    """A rule in force for this run: by what it matched, in words, and what it says."""

    effect: Effect
    matched: str
    by_image: bool
    reason: str
    origin: Origin
    statements: tuple[Statement, ...]


def covering(patterns: tuple[str, ...], image: Image) -> str:
    """Return the first of the patterns that covers an image, or nothing."""
    names = [name.rpartition("/")[2] for name, _ in image.names]
    for pattern in patterns:
        # There may be thousands, and most are about something else altogether.
        if "*" in pattern or "sha256:" in pattern or any(name in pattern for name in names):
            from saferun.judge.values import images  # few laws have rules

            if images.covers(pattern, image):
                return pattern
    return ""


def in_force(layers: tuple[Layer, ...], asking: Asking) -> tuple[Layer, ...]:
    """Return the layers with those of their rules that are in force for this run."""
    return tuple(
        layer.replace(matches=tuple(filter(None, (_match(rule, asking) for rule in layer.rules))))
        if layer.rules
        else layer
        for layer in layers
    )


def _match(rule: Rule, asking: Asking) -> Match | None:
    matched = []
    if rule.images:
        found = covering(rule.images, asking.image)
        if not found:
            return None
        matched.append(f"image {found}")
    if rule.expires and asking.today > rule.expires:
        return None
    if rule.users or rule.groups:
        who = _who(rule, asking)
        if not who:
            return None
        matched.append(who)
    effect: Effect = rule.effect
    return Match(
        effect,
        " and ".join(matched) or "everybody",
        bool(rule.images),
        rule.reason,
        Origin(rule.source, rule.line, effect),
        tuple(
            Statement(effect, "any", key, value, Origin(rule.source, line, f"{effect}.{key}"))
            for key, value, line in rule.entries
        ),
    )


def _who(rule: Rule, asking: Asking) -> str:
    uids, gids = {asking.uid}, asking.gids
    if rule.effect == "deny":
        uids, gids = uids | asking.sudo_uids, gids | asking.sudo_gids
    for word in rule.users:
        if _id(word, asking.user_ids) in uids:
            return f"user {word}"
    for word in rule.groups:
        if _id(word, asking.group_ids) in gids:
            return f"group {word}"
    return ""


def _id(word: str, ids: Mapping[str, int]) -> int | None:
    return int(word) if word.isascii() and word.isdigit() else ids.get(word)
