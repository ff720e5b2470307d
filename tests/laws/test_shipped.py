"""Every law that comes with saferun answers as its table says, and is complete."""

from __future__ import annotations

import pytest

from saferun.host import shipped as host
from saferun.judge.policy import BUILT_IN, Law, Origin
from tests.judging import command
from tests.laws.shipped import NAMES, Case, answer, cases, run, shipped, text

TABLES = [(name, case) for name in NAMES for case in cases(name)]
NOWHERE = BUILT_IN.statements[0].origin


def label(value: object) -> str | None:
    """Name a case by its words."""
    return value.words if isinstance(value, Case) else None


@pytest.mark.parametrize(("name", "case"), TABLES, ids=label)
def test_a_law_answers_as_its_table_says(name: str, case: Case) -> None:
    """`refused` by just these controls; `adds` just these options; `runs`, whatever is added."""
    law, asked = shipped(name), command(case.words)
    decision, whole = run(asked, law)
    answered, *words = case.answer.split()
    assert {one.check for one in decision.violations} == set(words if answered == "refused" else ())
    if answered == "refused":
        return
    if answered == "adds":
        added = [f"--{key}={value}" for key, value in whole.options[len(asked.options) :]]
        assert sorted(added) == sorted([] if words == ["nothing"] else words)
    met = answer(whole, law, built_in=True)
    assert met.allowed
    assert not met.obligations


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_a_law_is_tried(name: str) -> None:
    """Each limit, requirement and rule is why something in its table is refused or added to."""
    law = shipped(name)
    stated = {one.origin for one in law.statements if one.verb != "defaults"}
    stated |= {
        Origin(rule.source, line, f"{rule.effect}.{key}")
        for rule in law.rules
        for key, _, line in rule.entries
    }
    tried = {
        origin
        for case in cases(name)
        for decision in [run(command(case.words), law)[0]]
        for origins in (
            *(one.origins for one in decision.violations),
            *(one.origins for one in decision.obligations),
        )
        for origin in origins
    }
    own = {origin for origin in stated if origin.source == name}
    assert own
    assert own <= tried, sorted(str(one) for one in own - tried)


DENIED = [
    (name, item, mode)
    for name in NAMES
    for rule in shipped(name).rules
    for key, items, _ in rule.entries
    if key == "volume" and isinstance(items, tuple)
    for item in items
    for mode in ("shared" if item.endswith(":shared") else "ro", "rw,shared")
]


@pytest.mark.parametrize(("name", "item", "mode"), DENIED)
def test_no_directory_that_a_law_denies_can_be_mounted(name: str, item: str, mode: str) -> None:
    """Neither it, nor what is in it, nor what it is in, to read or to write."""
    path = item.partition(":")[0].replace("*", "alice")
    for asked in (path, f"{path}/below", path.rpartition("/")[0] or "/"):
        decision, _ = run(command(f"-v {asked}:/x:{mode} busybox"), shipped(name))
        against = [origin.key for one in decision.violations for origin in one.origins]
        assert "deny.volume" in against, asked


@pytest.mark.parametrize("name", NAMES)
def test_the_header_of_a_law(name: str) -> None:
    """It says for whom the law is, where it comes from, what it does not do, and how it is used."""
    header = text(name).partition("\n\n")[0].splitlines()
    assert header[0].startswith(f"# The {name} law: ")
    parts = ("# For whom: ", "# Stands on: ", "# Leaves open: ", "# To use it: ")
    assert [line for line in header if line.startswith(parts)] == [
        next(line for line in header if line.startswith(part)) for part in parts
    ]
    assert "\nschema = 1\n" in text(name)
    assert len(cases(name)) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_lines_that_a_law_leaves_open_are_valid(name: str) -> None:
    """Taking the comment sign away is enough."""
    assert len(shipped(name, with_comments=True).statements) >= len(shipped(name).statements)


def test_the_names_of_the_laws() -> None:
    """Those that `extends` and --policy take."""
    assert host.names() == NAMES
    assert set(NAMES) == {"agent", "baseline", "ci", "cis", "default", "hardened", "restricted"}


def test_the_default_law_is_the_built_in_law() -> None:
    """Whoever starts from the file starts from what holds without it."""
    statements = shipped("default").statements
    assert {one.replace(origin=NOWHERE) for one in statements} == {
        one.replace(origin=NOWHERE) for one in BUILT_IN.statements
    }
    assert {one.origin.key for one in statements} == {one.origin.key for one in BUILT_IN.statements}


@pytest.mark.parametrize("whom", ["root", "nonroot"])
def test_installing_the_default_law_changes_no_decision(whom: str) -> None:
    """As the system's file it binds users, and allows and requires what is built in."""
    before, after = Law((BUILT_IN,), whom), Law((BUILT_IN, shipped("default")), whom)
    for key in ("cap-add", "privileged", "verify"):
        values = [
            limit and {one.value for bound in limit.bounds for one in bound.base}
            for limit in (before.limit(key), after.limit(key))
        ]
        assert values[0] == values[1]
    required = [{one.value for one in law.required("cap-drop")} for law in (before, after)]
    assert required[0] == required[1]
