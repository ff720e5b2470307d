"""The schema and the reference: up to date, and no stricter or laxer than they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import tomli
from hypothesis import example, given, settings
from hypothesis import strategies as st

from saferun.formats import policy_reference, policy_schema
from saferun.formats.policy_toml import parse
from saferun.formats.policy_values import EXAMPLES
from saferun.judge.checks import CONTROLS, control
from saferun.judge.keys import KEYS, VERBS, kind_of

if TYPE_CHECKING:
    from typing import Any

    from saferun.judge.keys import Verb

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
        "[[deny]]\nreason = 'x'\nnetwork = []",
        "[[allow]]\nreason = 'x'\ncap-add = []",
        "[[allow]]\nreason = 'x'\ngpus = false",
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


#: For each form values that are right somewhere, and for all forms values that are often not.
RIGHT: dict[str, tuple[object, ...]] = {
    "switch": (True, False),
    "number": (1, 5, -1, 0),
    "size": ("512m", "1.5GiB", "0"),
    "decimal": (1.5, 2, 0),
    "text": ("always", "private", "x", ""),
}


@st.composite
def entries(draw: st.DrawFn, verbs: list[Verb], more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return keys with values, most of them right for one of the verbs."""
    found: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from([*KEYS, *more, "nonsense"]), max_size=4)):
        kinds = [kind for verb in verbs if (kind := kind_of(verb, "any", key)) is not None]
        right = [one for kind in kinds for one in RIGHT.get(kind.form, ())]
        words = [one for kind in kinds for one in (*kind.words[:3], *_example(kind.form))]
        lists = st.lists(st.sampled_from([*words, "a"]), max_size=2)
        found[key] = draw(st.one_of(st.sampled_from([*right, []]), lists, VALUES))
    return found


def _example(form: str) -> list[str]:
    found: list[str] = json.loads(EXAMPLES.get(form, "[]"))
    return found


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Return a policy of any tables and rules."""
    lines: list[str] = []
    names = ("limits", "defaults", "require", "nonroot.limits", "root.defaults", "root.require")
    for name in draw(st.sets(st.sampled_from([*names, "limit"]), max_size=3)):
        verb = name.rpartition(".")[2]
        verbs: list[Verb] = [verb] if verb in VERBS else []
        lines += [f"[{name}]", *_lines(draw(entries(verbs)))]
    for effect in draw(st.lists(st.sampled_from(["allow", "deny"]), max_size=2)):
        rule = draw(entries(["limits"], ("users", "groups")))
        rule |= draw(st.sampled_from([{}, {"reason": "x"}, {"reason": "x"}, {"reason": ""}]))
        rule.pop("image", None)
        rule |= draw(st.sampled_from([{}, {"image": "busybox"}, {"image": ["a/*"]}, {"image": []}]))
        lines += [f"[[{effect}]]", *_lines(rule)]
        lines += draw(st.sampled_from([[], [], ["expires = 2027-01-01"]]))
    return "\n".join(lines)


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


#: What the parser alone looks into: what words and items say. A rule without any entry is the one
#: thing about the form of a file that the schema does not tell.
BEYOND_A_SCHEMA = (
    "cannot hold",
    "unknown capability",
    "can only hold",
    "must be a size",
    "must be a number of processors",
    "holds names or numbers",
    "says nothing",
)


@settings(max_examples=300)
@given(documents())
@example('[defaults]\ncgroup-parent = "/a"\n[limits]\ncgroup-parent = "/a"')
def test_parser_and_schema_agree(text: str) -> None:
    """What the parser takes the schema takes, and what that takes is right but for its words."""
    mistakes = parse(text.encode(), "/p").mistakes
    if fits(text):
        for mistake in mistakes:
            assert any(one in mistake.message for one in BEYOND_A_SCHEMA), mistake
    else:
        assert mistakes


def test_the_reference_has_every_key_and_every_control() -> None:
    """Each control with an anchor of its own."""
    page = policy_reference.page()
    for key in KEYS:
        assert f"| `{key}` |" in page
    for name in CONTROLS:
        assert f"\n### {control(name).id}\n" in page
        assert control(name).rule in page
