"""Who asks: the kernel's word may grant, sudo's word can only take away."""

from __future__ import annotations

import os
import pwd

import pytest

from saferun import asking
from saferun.errors import PolicyError
from saferun.judge.policy import Layer
from saferun.judge.rules import Image, Rule

NOBODY = pwd.getpwnam("nobody")
ENTRIES = (("cap-add", ("CHOWN",), 3),)


def matched(rule: Rule, **environ: str) -> bool:
    """Tell whether a rule is in force for this very process."""
    layers = asking.layers_for(Image(), (Layer("system", (), (rule,)),), environ)
    return bool(layers[0].matches)


def rule(effect: str, **fields: object) -> Rule:
    """Make a rule."""
    return Rule(effect, ENTRIES, "p.toml", 1, "because", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_the_real_user_and_groups_count(effect: str) -> None:
    """By number or by name."""
    uid, gid = os.getuid(), os.getgid()
    assert matched(rule(effect, users=(str(uid),)))
    assert matched(rule(effect, users=(pwd.getpwuid(uid).pw_name,)))
    assert matched(rule(effect, groups=(str(gid),)))
    assert not matched(rule(effect, users=(str(uid + 1),)))
    assert not matched(rule(effect, groups=("4294967294",)))


@pytest.mark.parametrize("what", ["users", "groups"])
def test_whoever_called_sudo_is_denied_but_not_allowed(what: str) -> None:
    """Also by the groups that the password database says he has."""
    sudo = {"SUDO_UID": str(NOBODY.pw_uid), "SUDO_GID": str(NOBODY.pw_gid)}
    ids = (str(NOBODY.pw_uid if what == "users" else NOBODY.pw_gid),)
    assert matched(rule("deny", **{what: ids}), **sudo)
    assert not matched(rule("deny", **{what: ids}))
    assert not matched(rule("allow", **{what: ids}), **sudo)


@pytest.mark.parametrize("word", ["", "x", "-1", "\u0660", "0x0"])
def test_what_is_no_number_is_no_user(word: str) -> None:
    """And no reason to fail: sudo itself writes numbers."""
    assert not matched(rule("deny", users=("4711",)), SUDO_UID=word, SUDO_GID=word)


def test_a_denied_name_that_nobody_has_stops_everything() -> None:
    """It may be a typing error for somebody; an allowed one is simply for nobody."""
    unknown = ("nobody-has-this-name",)
    assert not matched(rule("allow", users=unknown))
    assert not matched(rule("allow", groups=unknown))
    with pytest.raises(PolicyError, match=r"p\.toml:1: \[\[deny\]\] names user nobody-has-this"):
        matched(rule("deny", users=unknown))
    with pytest.raises(PolicyError, match="names group"):
        matched(rule("deny", groups=unknown))
