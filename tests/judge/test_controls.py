"""Every control: that it is complete, and that it passes and refuses what its own cases say."""

from __future__ import annotations

from pathlib import Path

import pytest

from saferun.judge import checks
from saferun.judge.checks import CONTROLS, control
from saferun.judge.control import Case
from saferun.judge.decision import Obligation
from saferun.judge.keys import KEYS
from tests.judge.answers import answers, kept
from tests.judging import decide

PASSES = [(name, case) for name in CONTROLS for case in control(name).passes]
REFUSES = [(name, case) for name in CONTROLS for case in control(name).refuses]
#: Keys that a law can only give defaults for.
ONLY_DEFAULTS = {"dns", "dns-search", "init", "label", "rm", "stop-timeout"}


def label(value: object) -> str | None:
    """Name a case by its law and words."""
    return f"{value.law} | {value.words}".replace("\n", " ") if isinstance(value, Case) else None


def test_every_file_is_a_control_and_every_control_has_a_file() -> None:
    """Nothing is forgotten, and nothing else lives there."""
    files = {path.stem for path in Path(checks.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(CONTROLS)


def test_every_key_is_judged_and_every_key_exists() -> None:
    """A key that no control judged would be a limit that holds nobody."""
    judged = {key for keys in CONTROLS.values() for key in keys}
    limited = {name for name, key in KEYS.items() if key.limits or key.require}
    assert judged == limited
    assert set(KEYS) - limited == ONLY_DEFAULTS


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_complete(name: str) -> None:
    """An id, a rule in words, where it comes from, and a case of each kind."""
    found = control(name)
    assert found.id.replace("-", "_").replace("verify", "verification") == name
    assert found.rule.endswith(".")
    assert found.sources
    assert found.passes
    assert found.refuses


def test_ids_are_unique() -> None:
    """They are anchors."""
    ids = [control(name).id for name in CONTROLS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("name", "case"), PASSES, ids=label)
def test_what_passes(name: str, case: Case) -> None:
    """Allowed; whatever is added is added for good."""
    decision = decide(case.law, case.words)
    assert decision.allowed, [violation.reason for violation in decision.violations]
    assert control(name).id


@pytest.mark.parametrize(("name", "case"), REFUSES, ids=label)
def test_what_is_refused(name: str, case: Case) -> None:
    """By this very control, with a reason, something to go on, and the statement that says so."""
    violations = [
        violation
        for violation in decide(case.law, case.words).violations
        if violation.check == control(name).id
    ]
    assert violations
    for violation in violations:
        assert violation.reason
        assert violation.detail or violation.hint
        if CONTROLS[name]:
            sources = {origin.source for origin in violation.origins}
            assert sources == ({"law.toml"} if case.law else {"built-in"})


@pytest.mark.parametrize("name", CONTROLS)
def test_what_people_are_told(name: str) -> None:
    """Every reason, detail, hint and origin is that of answers.txt, and nothing else is told."""
    assert answers(name) == kept()[name]


@pytest.mark.parametrize(("name", "case"), REFUSES, ids=label)
def test_without_the_law_only_the_built_in_one_refuses(name: str, case: Case) -> None:
    """What is refused is refused by the law that the case has, not by something in the way."""
    built_in = {"privileged", "cap-add", "cap-drop", "gate-mount", "verify"}
    found = {violation.check for violation in decide("", case.words).violations}
    assert found <= built_in
    assert control(name).id in built_in or control(name).id not in found


@pytest.mark.parametrize(
    ("law", "words", "added"),
    [
        ("", "-u 5 busybox", "--cap-drop=ALL"),
        ('[limits]\nmemory = "64m"', "busybox", "--memory=64m"),
        ("[limits]\npids-limit = 100", "busybox", "--pids-limit=100"),
        ("[limits]\ncpus = 1.5", "busybox", "--cpus=1.5"),
        ('[limits]\nshm-size = "32m"', "busybox", "--shm-size=32m"),
        ("[require]\nread-only = true", "busybox", "--read-only=true"),
        ('[limits]\ncgroupns = ["private"]', "busybox", "--cgroupns=private"),
        (
            '[require]\nsecurity-opt = ["no-new-privileges"]',
            "busybox",
            "--security-opt=no-new-privileges",
        ),
    ],
)
def test_what_is_added(law: str, words: str, added: str) -> None:
    """What is missing and can be added without changing the meaning is added."""
    (one,) = decide(law, words).obligations
    assert isinstance(one, Obligation)
    assert f"--{one.flag}={one.value}" == added
    assert one.reason
    assert one.origins


@pytest.mark.parametrize("item", ["seccomp", "seccomp=*", "seccomp=unknown"])
def test_a_seccomp_profile_that_cannot_be_read_is_never_permitted(item: str) -> None:
    """It may say anything by the time that docker reads it."""
    words = "--security-opt seccomp=/gone.json busybox"
    decision = decide(f'[limits]\nsecurity-opt = ["{item}"]', words)
    assert [one.check for one in decision.violations] == ["security-opt"]


def test_a_mount_whose_target_is_not_understood_may_cover_the_gate() -> None:
    """Only the engine could tell, so it is refused under every law."""
    decision = decide("", "-v /tmp:.saferun busybox")
    assert [one.check for one in decision.violations] == ["gate-mount"]


def test_a_mount_of_a_kind_that_is_not_known_is_refused() -> None:
    """Whatever a law permits: nobody can tell what it would bring."""
    decision = decide('[limits]\nvolume = ["*", "/"]', "--mount type=cluster,src=a,dst=/x busybox")
    assert [one.check for one in decision.violations] == ["volume"]


@pytest.mark.parametrize(
    ("law", "words"),
    [
        ('[require]\nsecurity-opt = ["seccomp"]', "busybox"),
        ('[limits]\nlog-driver = ["*"]', "busybox"),
        ('[limits]\nruntime = ["*"]', "busybox"),
        ('[limits]\ncgroupns = ["private"]', "--cgroupns=host busybox"),
    ],
)
def test_what_the_engine_does_not_tell_is_not_permitted(law: str, words: str) -> None:
    """An engine that says nothing of itself may do anything where nothing is said."""
    assert not decide(law, words, engine=None).allowed


def test_receipts_are_kept_from_volumes_that_are_directories_in_disguise() -> None:
    """Not a case for the engine, which would need /etc/receipts to be there."""
    found = decide('[require]\nreceipts = ["/etc/receipts"]', "-v etcvol:/x busybox")
    assert "receipts" in [violation.check for violation in found.violations]
