"""[[allow]] and [[deny]] in a policy file: what they may say, and what is a mistake."""

from __future__ import annotations

import pytest

from saferun.formats.policy_toml import parse

GOOD = """\
[[allow]]
image = "registry.example.com/net/*"
users = ["alice", "1001"]
groups = ["netops"]
cap-add = ["net_raw", "CAP_NET_RAW"]
privileged = true
memory = "4g"
reason = "capture"
expires = 2027-01-31

[[deny]]
image = ["a", "b"]
volume = ["/etc"]
forbid = ["link"]
reason = "never"
"""


def test_a_rule_is_read_whole() -> None:
    """Whom it is for, what it says, until when, and where."""
    allow, deny = parse(GOOD.encode(), "/p").rules
    assert (allow.effect, allow.images) == ("allow", ("registry.example.com/net/*",))
    assert (allow.users, allow.groups) == (("alice", "1001"), ("netops",))
    assert (allow.reason, allow.expires, allow.line) == ("capture", "2027-01-31", 1)
    assert allow.entries == (
        ("cap-add", ("NET_RAW",), 5),
        ("privileged", True, 6),
        ("memory", "4g", 7),
    )
    assert (deny.effect, deny.images, deny.expires) == ("deny", ("a", "b"), "")
    assert deny.entries == (("volume", ("/etc",), 13), ("forbid", ("link",), 14))


def test_both_ways_of_reading_agree() -> None:
    """With an escape in it, tomli reads the file."""
    plain, other = parse(GOOD.encode(), "/p"), parse(f"{GOOD}# \\\n".encode(), "/p")
    for one, same in zip(plain.rules, other.rules, strict=True):
        for name in one.__slots__:
            assert getattr(one, name) == getattr(same, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[allow]]\npid = ['host']", '1:3: "reason" must say why in words, and it is missing'),
        ("[[allow]]\npid = ['host']\nreason = ' '", '3:1: "reason" must say why'),
        ("[[allow]]\nreason = 'x'", "1:3: this [[allow]] says nothing"),
        ("[[deny]]\nreason = 'x'\nmemory = '1g'", '3:1: "memory" cannot be denied'),
        (
            "[[deny]]\nreason = 'x'\nprivileged = false",
            '3:1: "privileged" in [[deny]] must be true',
        ),
        (
            "[[allow]]\nreason = 'x'\ngpus = false",
            '3:1: "gpus" in [[allow]] must be true, not false',
        ),
        (
            "[[allow]]\nreason = 'x'\npid = ['host']\nexpires = 2027-01-31T00:00:00Z",
            '4:1: "expires" must be a date, such as 2027-01-31, not a date with a time',
        ),
        (
            "[[deny]]\nreason = 'x'\nnetwork = []",
            '3:1: "network = []" names nothing; name what the [[deny]] is about',
        ),
        (
            "[[deny]]\nreason = 'x'\npid = ['host']\nexpires = 2027-01-01",
            "4:1: what is denied cannot",
        ),
        ("[[allow]]\nreason = 'x'\nforbid = ['link']", '3:1: "forbid" has no place in [[allow]]'),
        ("[[allow]]\nreason = 'x'\ncap-drop = ['ALL']", '3:1: "cap-drop" has no place'),
        (
            "[[allow]]\nreason = 'x'\ncap-ad = ['KILL']",
            '"cap-ad" is unknown in [[allow]]; did you mean',
        ),
        (
            "[[allow]]\nreason = 'x'\npid = ['host']\nexpires = '2027-01-01'",
            '4:1: "expires" must be',
        ),
        (
            "[[allow]]\nreason = 'x'\npid = ['host']\nexpires = 2027-01-01T00:00:00",
            '"expires" must',
        ),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nexpires = 2027-02-30", "not valid TOML"),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nusers = []", '4:1: "users" must be a list'),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nusers = 'bob'", '4:1: "users" must be a list'),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nusers = [1000]", "4:10:"),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nusers = ['uid:5']", "4:10:"),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nimage = 'corp/**x'", "4:1:"),
        ("[[allow]]\nreason = 'x'\npid = ['host']\nimage = 'a@sha256:12'", "hexadecimal"),
        (
            "[[allow]]\nreason = 'x'\ncap-add = ['NET_R\u0410W']",
            'unknown capability "NET_R\\u0410W"',
        ),
        ("[allow]\nreason = 'x'", "1:2: rules are written [[allow]], with two brackets"),
        ("allow = [1]", '"allow.0" must be a table'),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """Each with its place; the file then says nothing at all."""
    parsed = parse(text.encode(), "/p")
    told = "\n".join(str(mistake).removeprefix("/p:") for mistake in parsed.mistakes)
    assert said in told
    assert (parsed.statements, parsed.rules, parsed.extends) == ((), (), ())


def test_a_thousand_rules_with_one_mistake_are_no_law() -> None:
    """The mistake is found, wherever it is."""
    rule = "[[allow]]\nreason = 'x'\npid = ['host']\n"
    text = rule * 999 + rule.replace("pid", "pidd")
    (mistake,) = parse(text.encode(), "/p").mistakes
    assert mistake.line == 3000


def test_ten_thousand_lines_are_read_quickly_enough_to_be_read_at_all() -> None:
    """Whether it is plain or not."""
    rule = "[[allow]]\nreason = 'x'\npid = ['host']\n\n"
    assert len(parse((rule * 2500).encode(), "/p").rules) == 2500
    plain = rule.replace("'", '"')
    assert len(parse((plain * 2500).encode(), "/p").rules) == 2500
