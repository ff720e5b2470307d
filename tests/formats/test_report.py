"""Decisions and verdicts as people and programs get to see them."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import report
from saferun.judge.capabilities import ANY
from saferun.judge.decision import Decision, Masks, Obligation, Violation
from saferun.judge.policy import Origin, Statement
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import Evidence, Verdict

SECRET = "hunter2"
LAW = Origin("/etc/saferun/policy.toml", 7, "nonroot.limits.cap-add")
OTHER = Origin("/home/u/policy.toml", 12, "require.read-only")
SPEC = ContainerSpec(user="app", uid=3267)
ALLOWED = Decision(
    (),
    (Obligation("cap-drop", "cap-drop", "ALL", "nothing is kept", (Origin("built-in"),)),),
    Masks(0x400, 0x400, no_new_privileges=True),
)
DENIED = Decision(
    (
        Violation("cap-add", "no NET_RAW", "allowed: none", (LAW, OTHER), "ask"),
        Violation("read-only", "must be read-only", origins=(OTHER,)),
        Violation("gate-mount", "a mount at /.saferun", "the gate is there"),
        Violation("bare", "just no"),
    ),
    (),
    Masks(0, 0),
)
DEFAULTS = (
    Statement("defaults", "any", "pids-limit", 512, Origin("/p.toml", 2, "defaults.pids-limit")),
    Statement("defaults", "any", "init", value=True, origin=Origin("/p.toml", 3, "defaults.init")),
    Statement("defaults", "any", "cap-drop", ("A", "B"), Origin("/p.toml", 4, "defaults.cap-drop")),
)
ARGV = ("/usr/bin/docker", "run", f"--env=PASSWORD={SECRET}", "--env=HOME", "--", "img", "sh", "-c")


def test_a_denial_gives_every_reason_with_every_origin() -> None:
    """All at once, in order, and at the end that nothing was started."""
    lines = report.denial(DENIED)
    text = "\n".join(lines)
    places = [text.index(violation.reason) for violation in DENIED.violations]
    assert places == sorted(places)
    assert str(LAW) in text
    assert text.count(str(OTHER)) == 2
    assert "/etc/saferun/policy.toml:7 nonroot.limits.cap-add" in text
    assert lines.count("hint: ask") == 1
    assert lines[-1] == "nothing was started"
    assert all(line.strip() and not line.endswith(".") for line in lines)


def test_an_explanation_of_what_would_run() -> None:
    """Who, the defaults, what is added and why, the masks, and the command line."""
    lines = report.explanation(SPEC, ALLOWED, DEFAULTS, (), ARGV)
    text = "\n".join(lines)
    assert "app" in lines[0]
    assert "uid 3267" in lines[0]
    assert "--pids-limit=512 (/p.toml:2 defaults.pids-limit)" in text
    assert "--init=true (/p.toml:3 defaults.init)" in text
    assert "--cap-drop=A,B" in text
    assert "--cap-drop=ALL: nothing is kept (built-in)" in text
    assert "NET_BIND_SERVICE" in text
    assert "no-new-privileges" in text
    assert shlex.split(lines[-1]) == ["/usr/bin/docker", "run", "--env=PASSWORD=***", *ARGV[3:]]


def test_an_explanation_of_a_denial_shows_no_command() -> None:
    """What would not run is not shown as if it would."""
    lines = report.explanation(SPEC, DENIED, (), (), ARGV)
    assert lines[-len(report.denial(DENIED)) :] == report.denial(DENIED)
    assert not any("/usr/bin/docker" in line for line in lines)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ContainerSpec(), "root"),
        (ContainerSpec(user="toor"), "uid 0: root"),
        (ContainerSpec(user="who", uid=None), "cannot be told"),
        (ContainerSpec(user="5", uid=5), "not root"),
    ],
)
def test_who_the_user_is(spec: ContainerSpec, words: str) -> None:
    """Also when nobody can tell."""
    assert words in report.explanation(spec, ALLOWED, (), (), ())[0]


def test_masks_for_people() -> None:
    """No limit and no capability are told apart."""
    decision = Decision((), (), Masks(ANY, 0))
    text = "\n".join(report.explanation(SPEC, decision, (), (), ()))
    assert "uid 0: anything" in text
    assert "any other uid: nothing" in text


@pytest.mark.parametrize("decision", [ALLOWED, DENIED])
def test_the_document_is_json_with_a_schema(decision: Decision) -> None:
    """It says the same as the text, with the place of every origin."""
    told = json.loads(json.dumps(report.document(SPEC, decision, DEFAULTS, (), ARGV)))
    assert told["schema"] == report.SCHEMA
    assert told["decision"] == ("allowed" if decision.allowed else "denied")
    assert told["user"] == {"asked": "app", "uid": 3267, "root": False}
    assert [one["reason"] for one in told["violations"]] == [
        violation.reason for violation in decision.violations
    ]
    for one, violation in zip(told["violations"], decision.violations, strict=True):
        assert [(at["source"], at["line"], at["key"]) for at in one["origins"]] == [
            (origin.source, origin.line, origin.key) for origin in violation.origins
        ]
    assert [one["flag"] for one in told["obligations"]] == [
        obligation.flag for obligation in decision.obligations
    ]
    assert [one["value"] for one in told["defaults"]] == [512, True, ["A", "B"]]
    masks = {"root": f"{0x400:016x}", "other": f"{0x400:016x}", "no_new_privileges": True}
    assert told["masks"] == (masks if decision.allowed else None)


def test_a_verdict_is_json_with_its_evidence() -> None:
    """Each process with its five sets."""
    process = Evidence(42, (0, 1, 2, 3), (1, 2, 4, 8, 16), no_new_privileges=True)
    told = json.loads(
        json.dumps(report.verdict_document(Verdict("confirmed", ("because",), (process,))))
    )
    assert told["outcome"] == "confirmed"
    assert told["reasons"] == ["because"]
    [shown] = told["evidence"]
    assert (shown["pid"], shown["uids"], shown["no_new_privileges"]) == (42, [0, 1, 2, 3], True)
    assert shown["CapBnd"] == "0000000000000008"


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), st.text())
def test_values_of_the_environment_are_never_shown(name: str, noise: str) -> None:
    """Neither to people nor to programs, whatever they look like."""
    value = f"{noise}{SECRET}{noise}"
    argv = ("docker", "run", f"--env={name}={value}", "--", "img")
    assert report.withheld(argv[2]) == f"--env={name}=***"
    assert SECRET not in "\n".join(report.explanation(SPEC, ALLOWED, (), (), argv))
    assert SECRET not in json.dumps(report.document(SPEC, ALLOWED, (), (), argv))
    assert SECRET not in report.quoted(argv)


@pytest.mark.parametrize("word", ["--env=HOME", "--env=", "--env-file=x=y", "--label=a=b", "img"])
def test_other_words_are_shown(word: str) -> None:
    """A name without a value is no secret."""
    assert report.withheld(word) == word


@pytest.mark.parametrize(
    "user", ["\x1b[2Jroot", "app\nallowed: this would run", "a\rb", "\u202egnp", "\x9b2J"]
)
def test_an_image_cannot_forge_lines_of_an_explanation(user: str) -> None:
    """Its USER and its words are its own, and go to somebody's terminal."""
    lines = report.explanation(
        SPEC.replace(user=user), ALLOWED, (), (), ("docker", "run", "--", "img", user)
    )
    assert all(line.isprintable() for line in lines)


def test_arguments_of_the_container_are_shown_as_they_are() -> None:
    """What looks like --env behind the image is the command's own business, and exact."""
    argv = ("docker", "run", "--env=A=b", "--", "img", "prog", "--env=A=b")
    assert shlex.split(report.quoted(argv)) == [
        *("docker", "run", "--env=A=***", "--", "img", "prog", "--env=A=b")
    ]
