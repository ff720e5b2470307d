"""[[allow]] and [[deny]]: whom they are for, and how long."""

from __future__ import annotations

import pytest

from saferun.judge.policy import Layer
from saferun.judge.rules import Asking, Image, Match, Rule, in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ID, DIGEST = "sha256:" + "a" * 64, "sha256:" + "d" * 64
REPOSITORY = "registry.example.com/net/tcpdump"
IMAGE = Image(((REPOSITORY, "4"),), ID, (DIGEST,))
ASKING = Asking(
    IMAGE,
    1000,
    frozenset((1000, 27)),
    "2026-06-15",
    sudo_uids=frozenset((4711,)),
    sudo_gids=frozenset((4712,)),
    user_ids={"alice": 1000, "bob": 1001, "carol": 4711},
    group_ids={"sudo": 27, "wheel": 10, "carols": 4712},
)


def matched(effect: str = "allow", asking: Asking = ASKING, **fields: Any) -> Match | None:  # noqa: ANN401 - a rule's
    """Return what is in force of one rule."""
    rule = Rule(effect, (("cap-add", ("NET_RAW",), 7),), "/p", 3, "because", **fields)  # type: ignore[arg-type]
    (layer,) = in_force((Layer("system", (), (rule,)),), asking)
    return layer.matches[0] if layer.matches else None


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (REPOSITORY, True),
        (f"{REPOSITORY}:4", True),
        (f"{REPOSITORY}:5", False),
        (f"{REPOSITORY}:*", True),
        ("registry.example.com/net/*", True),
        ("registry.example.com/*/tcpdump", True),
        ("registry.example.com/*", False),
        ("registry.example.com/**", True),
        ("**", True),
        ("*", False),
        ("registry.example.com/net/tcp", False),
        ("tcpdump", False),
        (ID, True),
        (DIGEST, True),
        (f"{REPOSITORY}@{DIGEST}", True),
        (f"{REPOSITORY}@{ID}", True),
        (f"{REPOSITORY}@sha256:{'0' * 64}", False),
        (f"other@{DIGEST}", False),
    ],
)
def test_images(*, pattern: str, matches: bool) -> None:
    """By normalised reference, digest or id; `*` stays between two slashes."""
    found = matched(images=(pattern,))
    assert (found is not None) is matches
    if found:
        assert found.by_image
        assert found.matched == f"image {pattern}"


def test_what_is_only_an_id_has_no_name() -> None:
    """Whatever the pattern, the engine has not said that it is called so."""
    nameless = ASKING.replace(image=IMAGE.replace(names=()))
    assert matched(asking=nameless, images=("**",)) is None
    assert matched(asking=nameless, images=(ID,)) is not None


def test_of_an_image_by_digest_no_tag_is_known() -> None:
    """The tag beside a digest is not looked at by engines."""
    by_digest = ASKING.replace(image=IMAGE.replace(names=((REPOSITORY, ""),)))
    assert matched(asking=by_digest, images=(REPOSITORY,)) is not None
    assert matched(asking=by_digest, images=(f"{REPOSITORY}:*",)) is None


@pytest.mark.parametrize(
    ("fields", "allow", "deny"),
    [
        ({"users": ("1000",)}, True, True),
        ({"users": ("alice",)}, True, True),
        ({"users": ("bob",)}, False, False),
        ({"users": ("bob", "alice")}, True, True),
        ({"groups": ("sudo",)}, True, True),
        ({"groups": ("wheel",)}, False, False),
        ({"users": ("bob",), "groups": ("27",)}, True, True),
        ({"users": ("carol",)}, False, True),
        ({"groups": ("carols",)}, False, True),
        ({"users": ("unknown",)}, False, False),
        ({}, True, True),
        ({"images": ("other",), "users": ("alice",)}, False, False),
    ],
)
def test_users_and_groups(*, fields: dict[str, Any], allow: bool, deny: bool) -> None:
    """Any of both; whoever called sudo is only ever denied."""
    assert (matched("allow", **fields) is not None) is allow
    assert (matched("deny", **fields) is not None) is deny


@pytest.mark.parametrize(
    ("expires", "holds"),
    [("", True), ("2026-06-14", False), ("2026-06-15", True), ("2027-01-01", True)],
)
def test_the_last_day_counts(*, expires: str, holds: bool) -> None:
    """An exception ends by itself, and nothing else has to be done."""
    assert (matched(expires=expires) is not None) is holds


def test_what_matched_is_known() -> None:
    """With the reason, and where everything is said."""
    found = matched(images=(REPOSITORY,), groups=("sudo",))
    assert found is not None
    assert found.matched == f"image {REPOSITORY} and group sudo"
    assert str(found.origin) == "/p:3 allow"
    assert [str(one.origin) for one in found.statements] == ["/p:7 allow.cap-add"]
