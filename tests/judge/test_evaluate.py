"""The law as a whole: properties that hold for every container under every policy."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saferun.judge.capabilities import ANY, DEFAULT, granted, mask_of
from saferun.judge.capabilities import NAMES as EVERY
from saferun.judge.checks.cap_add import every
from saferun.judge.decision import Decision, Masks, Obligation
from saferun.judge.evaluate import evaluate
from saferun.judge.policy import BUILT_IN, Law, Layer, Origin, Statement
from saferun.judge.spec import ContainerSpec, Mount

NNP = "no-new-privileges"
NAMES = ["CHOWN", "NET_RAW", "SYS_ADMIN", "KILL"]
SOME = st.lists(st.sampled_from([*NAMES, "ALL", "NONSENSE"]), max_size=3).map(tuple)
LISTED = st.lists(st.sampled_from([*NAMES, "ALL"]), max_size=4, unique=True).map(tuple)
SPECS = st.builds(
    ContainerSpec,
    user=st.just("x"),
    uid=st.sampled_from([0, 3267, None]),
    cap_add=SOME,
    cap_drop=SOME,
    privileged=st.booleans(),
    security_opt=st.lists(
        st.sampled_from([f"{NNP}=false", f"{NNP}=true", "seccomp=x"]), max_size=2
    ).map(tuple),
    read_only=st.sampled_from([None, True, False]),
    mounts=st.lists(
        st.sampled_from(["/data", "/.saferun", None]).map(lambda at: Mount("volume", "", at)),
        max_size=1,
    ).map(tuple),
    verify=st.sampled_from(["on", "on", "off"]),
)
#: Containers that are often allowed.
CALM = st.builds(
    ContainerSpec,
    user=st.just("x"),
    uid=st.sampled_from([0, 3267, None]),
    cap_add=st.lists(st.sampled_from(NAMES), max_size=1).map(tuple),
    cap_drop=SOME,
    security_opt=st.sampled_from([(), (f"{NNP}=true",), (f"{NNP}=true", "seccomp=x")]),
    read_only=st.sampled_from([None, True]),
)
RULES = st.one_of(
    st.tuples(st.just("limits"), st.just("cap-add"), LISTED),
    st.tuples(st.just("limits"), st.just("privileged"), st.booleans()),
    st.tuples(st.just("limits"), st.just("verify"), st.sampled_from([("on",), ("on", "off")])),
    st.tuples(st.just("require"), st.just("cap-drop"), st.just(("ALL",))),
    st.tuples(st.just("require"), st.just("security-opt"), st.just((NNP,))),
    st.tuples(st.just("require"), st.just("read-only"), st.just(value=True)),
    st.tuples(st.just("defaults"), st.just("init"), st.booleans()),
)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    """Anything that a policy file may say."""
    verb, key, value = draw(RULES)
    whom = draw(st.sampled_from(["any", "root", "nonroot"]))
    return Statement(verb, whom, key, value, Origin("p.toml", draw(st.integers(1, 99)), key))  # type: ignore[arg-type]


LAYER = st.builds(
    Layer,
    st.sampled_from(["system", "user", "explicit"]),
    st.lists(statements(), max_size=5).map(tuple),
)
LAYERS = st.lists(LAYER, max_size=3).map(lambda files: (BUILT_IN, *files))


def met(spec: ContainerSpec, obligations: tuple[Obligation, ...]) -> ContainerSpec:
    """Return the container with what a door would add to it."""
    for one in obligations:
        if one.flag == "read-only":
            spec = spec.replace(read_only=True)
        elif one.flag == "security-opt":
            spec = spec.replace(security_opt=(*spec.security_opt, f"{one.value}=true"))
        else:
            field = one.flag.replace("-", "_")
            spec = spec.replace(**{field: (*getattr(spec, field), one.value)})
    return spec


def replaces_built_in(layer: Layer, layers: tuple[Layer, ...]) -> bool:
    """Tell whether a layer states a built-in limit that nobody has stated yet."""
    stated = {
        (one.whom, one.key)
        for file in layers[1:]
        for one in file.statements
        if one.verb == "limits"
    }
    built_in = {(one.whom, one.key) for one in BUILT_IN.statements if one.verb == "limits"}
    new = {(one.whom, one.key) for one in layer.statements if one.verb == "limits"}
    return bool((new & built_in) - stated)


def beyond(one: int, other: int) -> int:
    """Return what the one mask has and the other has not."""
    return one & ~other


@given(CALM, LAYERS, st.data())
def test_a_non_root_container_gets_no_more_than_was_asked_for_and_allowed(
    spec: ContainerSpec, layers: tuple[Layer, ...], data: st.DataObject
) -> None:
    """Whatever the policy says, and whoever the user turns out to be."""
    limit = Law(layers, "nonroot").limit("cap-add")
    assert limit is not None
    room = [
        name
        for name in EVERY
        if not limit.against(lambda names, name=name: name in every(names))  # type: ignore[misc]
    ]
    choice = st.sampled_from(sorted(room) or NAMES)
    added = tuple(data.draw(st.lists(choice, max_size=3)))
    spec = spec.replace(uid=data.draw(st.sampled_from([3267, None])), cap_add=added)
    decision = evaluate(spec, layers)
    assume(decision.allowed)
    lawful = mask_of(spec.cap_add) & mask_of(tuple(room))
    assert decision.masks.root == decision.masks.other
    assert beyond(decision.masks.other, lawful) == 0
    # And that is what the engine will give, so that the gate lets it start.
    final = met(spec, decision.obligations)
    assert granted(final.cap_add, final.cap_drop, privileged=final.privileged) == (
        decision.masks.other
    )


@given(CALM, LAYERS)
def test_meeting_the_obligations_settles_the_matter(
    spec: ContainerSpec, layers: tuple[Layer, ...]
) -> None:
    """Judged again, a rewritten container is clean, and may hold what it might hold before."""
    decision = evaluate(spec, layers)
    assume(decision.allowed)
    again = evaluate(met(spec, decision.obligations), layers)
    assert again == Decision((), (), decision.masks)


@given(st.one_of(CALM, SPECS), LAYERS, LAYER, st.integers(1, 4))
def test_another_layer_never_allows_more(
    spec: ContainerSpec, layers: tuple[Layer, ...], layer: Layer, at: int
) -> None:
    """Wherever it stands, unless it is the first to state a limit that is built in."""
    assume(not replaces_built_in(layer, layers))
    before = evaluate(spec, layers)
    after = evaluate(spec, (*layers[:at], layer, *layers[at:]))
    assert before.allowed or not after.allowed
    if after.allowed:
        assert beyond(after.masks.root, before.masks.root) == 0
        assert after.masks.no_new_privileges >= before.masks.no_new_privileges
        wanted = {(one.flag, one.value) for one in before.obligations}
        assert wanted <= {(one.flag, one.value) for one in after.obligations}


@given(SPECS, st.lists(LAYER, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_layers_and_statements_changes_nothing(
    spec: ContainerSpec, files: list[Layer], random: object
) -> None:
    """Limits and requirements have no order."""
    shuffled = [Layer(file.name, file.statements[::-1]) for file in files]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = evaluate(spec, (BUILT_IN, *files)), evaluate(spec, (BUILT_IN, *shuffled))
    assert one.masks == other.masks
    assert [(each.check, each.reason) for each in one.violations] == [
        (each.check, each.reason) for each in other.violations
    ]


@given(SPECS)
def test_root_is_left_alone_where_no_law_speaks_of_it(spec: ContainerSpec) -> None:
    """It may hold anything, but must not turn out to be somebody else."""
    root = spec.replace(uid=0, mounts=(), verify="on")
    assert evaluate(root, (BUILT_IN,)) == Decision((), (), Masks(ANY, 0))


@pytest.mark.parametrize(
    ("spec", "rule", "masks"),
    [
        ({}, ("limits", "cap-add", ("ALL",)), Masks(DEFAULT, 0)),
        ({}, ("limits", "cap-add", ()), Masks(DEFAULT, 0)),
        ({}, ("require", "cap-drop", ("ALL",)), Masks(0, 0)),
        ({"cap_add": ("KILL",)}, ("require", "cap-drop", ("ALL",)), Masks(1 << 5, 0)),
        ({"cap_drop": ("ALL",)}, ("limits", "privileged", False), Masks(0, 0)),
        ({}, ("limits", "privileged", False), Masks(DEFAULT, 0)),
        ({}, ("require", "security-opt", (NNP,)), Masks(ANY, 0, no_new_privileges=True)),
        ({}, ("require", "read-only", True), Masks(ANY, 0)),
    ],
)
def test_root_under_a_law(
    spec: dict[str, object], rule: tuple[str, str, object], masks: Masks
) -> None:
    """What the engine gives becomes the most that it may hold, once a law speaks of that."""
    verb, key, value = rule
    statement = Statement(verb, "any", key, value, Origin("p.toml", 1))  # type: ignore[arg-type]
    decision = evaluate(ContainerSpec().replace(**spec), (BUILT_IN, Layer("system", (statement,))))
    assert decision.allowed
    assert decision.masks == masks


@pytest.mark.parametrize("uid", [0, 5, None])
def test_no_new_privileges_is_looked_for_where_it_is_required(uid: int | None) -> None:
    """Whoever the container's user is, and only there."""
    law = Statement("require", "any", "security-opt", (NNP,), Origin("p", 1, "x"))
    spec = ContainerSpec(uid=uid)
    assert evaluate(spec, (BUILT_IN, Layer("system", (law,)))).masks.no_new_privileges
    assert not evaluate(spec, (BUILT_IN,)).masks.no_new_privileges


@pytest.mark.parametrize("uid", [0, 5])
def test_a_privileged_container_that_may_be_one_may_hold_everything(uid: int) -> None:
    """Engines give it everything, whatever is dropped."""
    whom = "nonroot" if uid else "root"
    law = Statement("limits", whom, "privileged", value=True, origin=Origin("p", 1, "x"))  # type: ignore[arg-type]
    spec = ContainerSpec(uid=uid, cap_drop=("ALL",), privileged=True)
    every_one = mask_of(EVERY)
    expected = Masks(every_one, every_one if uid else 0)
    assert evaluate(spec, (Layer("system", (law,)),)).masks == expected


@given(SPECS, LAYERS)
def test_every_reason_comes_at_once_in_a_fixed_order(
    spec: ContainerSpec, layers: tuple[Layer, ...]
) -> None:
    """Taking one fault away leaves exactly the other reasons."""
    decision = evaluate(spec, layers)
    without = evaluate(spec.replace(mounts=()), layers)
    assert without.violations == tuple(
        one for one in decision.violations if one.check != "gate-mount"
    )
    assert decision == evaluate(spec, layers)
