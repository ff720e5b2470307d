"""The schema and the reference: up to date, and no stricter or laxer than they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import policy_reference, policy_schema
from saferun.formats.policy_toml import parse
from saferun.judge.checks import CONTROLS, control
from saferun.judge.keys import KEYS

if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).parents[2]
SCHEMA = policy_schema.schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
LAWS = sorted((ROOT / "policies").glob("*.toml"))


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever TOML has
    """Return a document as an editor hands it to the schema: dates are text."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | str) else str(value)


def fits(text: str) -> bool:
    """Tell whether a policy fits the schema."""
    return bool(VALIDATOR.is_valid(plain(tomli.loads(text))))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("policies/policy.schema.json", json.dumps(SCHEMA, indent=2) + "\n"),
        ("docs/policy-reference.md", policy_reference.page()),
    ],
)
def test_what_is_made_from_the_code_is_up_to_date(path: str, text: str) -> None:
    """script/generate makes it again."""
    assert (ROOT / path).read_text(encoding="utf-8") == text


def test_the_schema_is_one() -> None:
    """Of the draft that it names."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", LAWS, ids=lambda path: path.stem)
def test_every_shipped_law_fits(path: Path) -> None:
    """And an editor will say so."""
    assert fits(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CONTROLS)
def test_every_law_of_a_case_fits(name: str) -> None:
    """What the parser takes, the schema takes."""
    for case in (*control(name).passes, *control(name).refuses):
        assert not parse(case.law.encode(), "/p").mistakes
        assert fits(case.law), case.law


@pytest.mark.parametrize(
    "text",
    [
        "[limits]\nmemroy = '1g'",
        "[limit]",
        "[limits]\nmemory = 5",
        "[limits]\nmemory = 'much'",
        "[limits]\npids-limit = 0",
        "[limits]\npids-limit = '5'",
        "[limits]\nprivileged = 'false'",
        "[limits]\npid = 'private'",
        "[limits]\npid = ['nobody']",
        "[limits]\nvolume = ['/a:rx']",
        "[limits]\nuser = ['root']",
        "[limits]\nforbid = ['no-such-flag']",
        "[defaults]\nprivileged = true",
        "[root.defaults]\nuser = '5'",
        "[require]\nread-only = false",
        "[require]\nsecurity-opt = []",
        "[[allow]]\ncap-add = ['CHOWN']",
        "[[allow]]\nreason = ''\ncap-add = ['CHOWN']",
        "[[allow]]\nreason = 'x'\nusers = []\ncap-add = ['CHOWN']",
        "[[deny]]\nreason = 'x'\nexpires = 2027-01-01\npid = ['host']",
        "[[deny]]\nreason = 'x'\nmemory = '1g'",
        "[[deny]]\nreason = 'x'\nprivileged = false",
        "[[alow]]\nreason = 'x'",
        "schema = 2",
        "extends = 'restricted'",
    ],
)
def test_what_both_refuse(text: str) -> None:
    """An editor shows it while it is written."""
    assert parse(text.encode(), "/p").mistakes
    assert not fits(text)


WORDS = st.sampled_from(
    [
        *KEYS,
        "limits",
        "nonroot",
        "a",
        "/x",
        "1-",
        "ALL",
        "CHOWN",
        "private",
        "80",
        "512m",
        "c 1:3 r",
    ]
)
VALUES = st.one_of(st.booleans(), st.integers(-2, 9), WORDS, st.lists(WORDS, max_size=2))


@given(
    st.dictionaries(st.sampled_from(sorted(KEYS)), VALUES, max_size=3),
    st.sampled_from(["limits", "defaults", "require", "nonroot.limits"]),
)
def test_what_the_parser_takes_the_schema_takes(table: dict[str, Any], name: str) -> None:
    """Otherwise an editor would complain of a law that works."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    text = "\n".join([f"[{name}]", *lines])
    if not parse(text.encode(), "/p").mistakes:
        assert fits(text)


def test_the_reference_has_every_key_and_every_control() -> None:
    """Each control with an anchor of its own."""
    page = policy_reference.page()
    for key in KEYS:
        assert f"| `{key}` |" in page
    for name in CONTROLS:
        assert f"\n### {control(name).id}\n" in page
        assert control(name).rule in page
