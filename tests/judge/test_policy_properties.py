"""What must hold of the merge for every law."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import NAMES
from saferun.judge.keys import KEYS, kind_of
from saferun.judge.policy import (
    BUILT_IN,
    Layer,
    Origin,
    Statement,
    conflicts,
    defaults,
    limit,
    requirement,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random

    from saferun.judge.policy import Value

WHOM = st.sampled_from(("root", "nonroot"))
CAPABILITY = st.sampled_from((*NAMES[:4], "ALL"))
VALUES: dict[str, st.SearchStrategy[Value]] = {
    "switch": st.booleans(),
    "number": st.integers(-1, 3),
    "size": st.sampled_from(("1m", "2m")),
    "text": st.sampled_from(("a", "b")),
    "capabilities": st.lists(CAPABILITY, max_size=3, unique=True).map(tuple),
}
PLACES = [
    (verb, whom, key, kind)
    for key in KEYS
    for verb in ("limits", "require", "defaults")
    for whom in ("any", "root", "nonroot")
    if (kind := kind_of(verb, whom, key)) is not None
]
LIMITS = [key for key in KEYS if KEYS[key].limits]


@st.composite
def statement(draw: st.DrawFn) -> Statement:
    verb, whom, key, kind = draw(st.sampled_from(PLACES))
    words = st.lists(st.sampled_from(kind.words or ("",)), max_size=2, unique=True).map(tuple)
    value = draw(VALUES.get(kind.form, words))
    origin = Origin(f"/{draw(st.integers(1, 3))}.toml", draw(st.integers(1, 9)), key)
    return Statement(verb, whom, key, value, origin)  # type: ignore[arg-type]


STATEMENTS = st.lists(statement(), max_size=6).map(tuple)
LAYERS = st.tuples(STATEMENTS, STATEMENTS, STATEMENTS).map(
    lambda three: (
        BUILT_IN,
        *(Layer(*one) for one in zip(("system", "user", "explicit"), three, strict=True)),
    )
)


def allowed(layers: tuple[Layer, ...], whom: str, key: str) -> set[str]:
    """Return what a limit leaves room for; "?" stands for anything that nobody spoke of."""
    found = limit(layers, whom, key)
    if found is None:
        return {"true", "?", "on", "off", *NAMES}
    return set(found.names) | ({"true"} if found.value is True else set())


def everything(layers: tuple[Layer, ...]) -> object:
    """Return all that a law says, without the order of its origins."""
    return [
        (
            [allowed(layers, whom, key) for key in LIMITS],
            [set(found.origins) for key in LIMITS if (found := limit(layers, whom, key))],
            [set(requirement(layers, whom, key)) for key in KEYS],
            defaults(layers, whom),
        )
        for whom in ("root", "nonroot")
    ]


@given(LAYERS, st.randoms(use_true_random=False))
def test_order_inside_a_layer_means_nothing(layers: tuple[Layer, ...], random: Random) -> None:
    """Files may be named and sorted as anybody likes."""
    shuffled = tuple(
        layer.replace(statements=tuple(random.sample(layer.statements, len(layer.statements))))
        for layer in layers
    )
    assert everything(shuffled) == everything(layers)
    assert [conflicts(layer) for layer in shuffled] == [conflicts(layer) for layer in layers]


@given(LAYERS)
def test_stating_everything_twice_changes_nothing(layers: tuple[Layer, ...]) -> None:
    """A file that is read twice is the same law."""
    twice = tuple(layer.replace(statements=layer.statements * 2) for layer in layers)
    assert everything(twice) == everything(layers)


@given(LAYERS, st.integers(1, 3), statement(), WHOM)
def test_one_more_statement_never_allows_more(
    layers: tuple[Layer, ...], where: int, more: Statement, whom: str
) -> None:
    """Only a built-in limit gives way, and only to a limit of the same key and the same table."""
    changed = list(layers)
    changed[where] = layers[where].replace(statements=(*layers[where].statements, more))
    for key in LIMITS:
        before = limit(layers, whom, key)
        grants = before is not None and any(
            one in BUILT_IN.statements and (one.whom, one.key) == (more.whom, more.key)
            for one in before.statements
        )
        if not (grants and more.verb == "limits"):
            assert allowed(tuple(changed), whom, key) <= allowed(layers, whom, key)
    for key in KEYS:
        assert set(requirement(layers, whom, key)) <= set(requirement(changed, whom, key))


@given(LAYERS, STATEMENTS)
def test_less_trusted_layers_cannot_widen_what_the_system_states(
    layers: tuple[Layer, ...], theirs: tuple[Statement, ...]
) -> None:
    """Where the system has spoken of a table's key, nobody below grants more than it does."""
    built_in, system, *_ = layers
    below = Layer("user", theirs)
    stated = {(one.whom, one.key) for one in system.statements if one.verb == "limits"}
    for key in LIMITS:
        if ("nonroot", key) in stated:
            alone, together = (built_in, system), (built_in, system, below)
            assert allowed(together, "nonroot", key) <= allowed(alone, "nonroot", key)


@given(LAYERS, WHOM, st.sampled_from(LIMITS), CAPABILITY)
def test_what_is_not_allowed_has_a_witness_in_force(
    layers: tuple[Layer, ...], whom: str, key: str, name: str
) -> None:
    """There is always a file and a line to point at, and it is one that applies."""
    found = limit(layers, whom, key)
    if found is None:
        return
    if isinstance(found.value, bool):
        assert bool(found.witnesses()) == (not found.value)
    else:
        assert bool(found.witnesses(name)) == (
            not found.names.issuperset(NAMES if name == "ALL" else {name})
        )
    assert all(one.whom in ("any", whom) and one.key == key for one in found.statements)
    assert set(found.witnesses(name)) <= set(found.origins)


@given(LAYERS, WHOM)
def test_non_root_is_never_without_the_built_in_requirement(
    layers: tuple[Layer, ...], whom: str
) -> None:
    """No file can take the dropping of capabilities away."""
    origins = {one.origin.source for one in requirement(layers, whom, "cap-drop")}
    assert ("built-in" in origins) == (whom == "nonroot")


@given(LAYERS, WHOM)
def test_there_is_at_most_one_default_for_a_key(layers: tuple[Layer, ...], whom: str) -> None:
    """It is one that some layer states for this user, and no later layer states another."""
    chosen = defaults(layers, whom)
    assert len({one.key for one in chosen}) == len(chosen)
    for one in chosen:
        speaking = [
            layer.statements
            for layer in layers
            if any(
                (other.verb, other.key) == ("defaults", one.key) and other.whom in ("any", whom)
                for other in layer.statements
            )
        ]
        assert one in speaking[-1]
