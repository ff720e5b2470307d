"""Whatever a policy file holds, it is a law or a list of mistakes, never a traceback or a guess."""

from __future__ import annotations

import tomli
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.policy_toml import EFFECTS, SELECTORS, Parsed, parse
from saferun.judge.capabilities import canonical
from saferun.judge.keys import KEYS, ROOT_OR_NOT, VERBS, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from saferun.judge.keys import Kind
    from saferun.judge.policy import Value
    from saferun.judge.rules import Rule

LAW = """\
schema = 1
[defaults]
user = "1000:1000"
memory = "512m"
pids-limit = 512
[limits]
privileged = false # "\\u0041"
verify = ["on", "off"]
nonroot.x = 'y'
[nonroot.limits]
cap-add = [
  "NET_BIND_SERVICE", # reason
  "CHOWN",
]
[root]
require = { cap-drop = ["ALL"], read-only = true }
"""
#: What single values are in TOML, which tells true from 1.
TYPES: dict[str, tuple[type, ...]] = {
    "switch": (bool,),
    "number": (int,),
    "decimal": (int, float),
    "size": (str,),
    "text": (str,),
}
PIECES = st.sampled_from(
    (
        *("[", "]", "[[", "{", "}", "=", ".", ",", "\n", '"', "'", '"""', "#", "\\", "\0", "\r\n"),
        *("true", "false", "1", "-1", "1.5", "2027-01-31", '"ALL"', "[]", "{}", '"\u0405YS_ADMIN"'),
        *("[limits]\n", "[nonroot.limits]\n", "privileged = true\n", 'cap-add = ["ALL"]\n'),
        *(
            "schema = 2\n",
            "verify",
            "root",
            "nonroot",
            "x",
            "\x1b[2J",
            "\u202e",
            "\ufeff",
            "9" * 5000,
        ),
    )
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Return the law above with pieces cut out, doubled or put in."""
    text = LAW.replace("nonroot.x = 'y'\n", "")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        middle = draw(st.one_of(PIECES, st.just(""), st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return text


def stated(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a document states, as tomli reads it."""
    for whom in ("any", *ROOT_OR_NOT):
        tables = document if whom == "any" else document.get(whom, {})
        for verb in VERBS:
            for key, value in tables.get(verb, {}).items():
                yield ("" if whom == "any" else f"{whom}.") + f"{verb}.{key}", value


def assert_law_or_mistakes(data: bytes) -> None:
    parsed = parse(data, "/p")
    statements, mistakes = parsed.statements, parsed.mistakes
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\r\n", "\n")
    if mistakes:
        assert parsed == Parsed(mistakes=mistakes)
        for mistake in mistakes:
            assert 1 <= mistake.line <= text.count("\n") + 1
            assert 1 <= mistake.column <= len(mistake.text) + 1
            assert mistake.text == text.split("\n")[mistake.line - 1]
            assert all(line.isprintable() for line in str(mistake).split("\n"))
        return
    document = tomli.loads(text)
    assert [one.name for one in parsed.extends] == document.get("extends", [])
    assert_rules(document, parsed.rules)
    read = dict(stated(document))
    assert len(statements) == len(read)
    for one in statements:
        raw = read[one.origin.key]
        kind = kind_of(one.verb, one.whom, one.key)  # type: ignore[arg-type]
        assert_said(kind, one.value, raw)
        assert tomli_key(text, one.origin.line, one.key)


def assert_rules(document: dict[str, Any], rules: tuple[Rule, ...]) -> None:
    """Every rule is a table of the document, with all that narrows it."""
    tables = [(effect, table) for effect in EFFECTS for table in document.get(effect, [])]
    for (effect, table), rule in zip(tables, rules, strict=True):
        assert (rule.effect, rule.reason) == (effect, table["reason"])
        assert rule.expires == (table["expires"].isoformat() if "expires" in table else "")
        for name, found in (("image", rule.images), ("users", rule.users), ("groups", rule.groups)):
            said = table.get(name, [])
            assert found == tuple(dict.fromkeys([said] if isinstance(said, str) else said))
        assert {key for key, _, _ in rule.entries} == table.keys() - set(SELECTORS)
        for key, value, _ in rule.entries:
            assert_said(kind_of("limits", "any", key), value, table[key])


def assert_said(kind: Kind | None, value: Value, raw: Any) -> None:  # noqa: ANN401 - TOML
    """What a key is read as is what stands there, and of the type that the key has."""
    assert kind is not None
    assert type(value) in TYPES.get(kind.form, (tuple,))
    if isinstance(raw, list):
        assert isinstance(value, tuple)
        assert set(value) <= {canonical(name) for name in raw} | set(raw)
    else:
        assert type(value) is type(raw)
        assert value == raw


def tomli_key(text: str, line: int, key: str) -> bool:
    """Tell whether the line of an origin mentions its key, perhaps with escapes."""
    shown = text.split("\n")[line - 1]
    return key in shown or "\\u" in shown


@given(damaged())
def test_a_damaged_law_states_what_it_says_or_nothing(text: str) -> None:
    """Nothing that TOML does not say is ever read into it, and every place exists."""
    assert_law_or_mistakes(text.encode())


@given(st.one_of(st.binary(max_size=64), st.text(max_size=64).map(str.encode)))
def test_garbage_is_no_law(data: bytes) -> None:
    """Any bytes at all."""
    assert_law_or_mistakes(data)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_pieces_of_the_language_in_any_order(text: str) -> None:
    """What looks like a law is held to be one only where it is."""
    assert_law_or_mistakes(text.encode())


VALUES = st.recursive(
    st.sampled_from(
        (
            *("true", "false", "0", "1", "-1", "512", "1.5", "nan", "2027-01-31", "07:00:00"),
            *('""', '"512m"', '"ALL"', '"all"', '"CHOWN"', '"on"', '"no-new-privileges"', '"x"'),
        )
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=4,
)


@given(
    st.sampled_from(("", "root.", "nonroot.")),
    st.sampled_from(VERBS),
    st.sampled_from(tuple(KEYS)),
    VALUES,
)
def test_every_key_takes_its_own_kind_of_value_only(
    whom: str, verb: str, key: str, value: str
) -> None:
    """Any value for any key of any table."""
    assert_law_or_mistakes(f"{whom}{verb}.{key} = {value}".encode())
