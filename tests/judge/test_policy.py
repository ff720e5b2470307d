"""How layers meet, by worked examples."""

from __future__ import annotations

import pytest

from saferun.judge.capabilities import NAMES
from saferun.judge.checks.cap_add import every
from saferun.judge.policy import BUILT_IN, Law, Layer, Origin, Statement, conflicts
from saferun.judge.rules import Match, Rule
from saferun.judge.values.amounts import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from saferun.judge.policy import Value

    Laws: TypeAlias = dict[str, Value]


def layer(name: str, laws: Laws, file: str = "") -> Layer:
    """Make a layer from `nonroot.limits.cap-add`-like keys."""
    return Layer(name, statements(laws, file or f"/{name}.toml"))


def statements(laws: Laws, file: str) -> tuple[Statement, ...]:
    found = []
    for line, (path, value) in enumerate(laws.items(), 1):
        whom, _, rest = path.rpartition(".")[0].rpartition(".")
        origin = Origin(file, line, path)
        found.append(
            Statement(rest, whom or "any", path.rpartition(".")[2], value, origin)  # type: ignore[arg-type]
        )
    return tuple(found)


def against(key: str, name: str, *layers: Layer, whom: str = "nonroot") -> list[str] | None:
    """Return which files leave no room for a name, None where there is no limit."""
    limit = Law((BUILT_IN, *layers), whom).limit(key)
    if limit is None:
        return None
    asked = every((name,))
    origins = limit.against(
        lambda names: asked <= every(names), lambda names: bool(asked & every(names))
    )
    return [origin.source for origin in origins]


def names(*layers: Layer, whom: str = "nonroot", key: str = "cap-add") -> set[str] | None:
    """Return every name that there is room for, None where there is no limit."""
    known = NAMES if key == "cap-add" else ("on", "off")
    found = {name: against(key, name, *layers, whom=whom) for name in known}
    if None in found.values():
        return None
    return {name for name, files in found.items() if not files}


def switch(key: str, *layers: Layer, whom: str) -> tuple[str, ...] | None:
    """Return which statements forbid a switch, None where there is no limit."""
    limit = Law(layers, whom).limit(key)
    return None if limit is None else tuple(map(str, limit.against_switch()))


def required(key: str, *layers: Layer, whom: str) -> tuple[Statement, ...]:
    """Return what requires something."""
    return Law(layers, whom).required(key)


def test_the_built_in_law_is_the_brief_and_nothing_more() -> None:
    """Non-root loses everything and may ask for nothing; root is docker's own business."""
    assert names() == set()
    assert switch("privileged", BUILT_IN, whom="nonroot") == ("built-in nonroot.limits.privileged",)
    assert [one.value for one in required("cap-drop", BUILT_IN, whom="nonroot")] == [("ALL",)]
    assert names(whom="root") is None
    assert switch("privileged", BUILT_IN, whom="root") is None
    assert required("cap-drop", BUILT_IN, whom="root") == ()
    for whom in ("root", "nonroot"):
        assert names(whom=whom, key="verify") == {"on"}
        assert Law((BUILT_IN,), whom).defaults() == ()


def test_a_file_that_states_the_same_key_replaces_the_built_in_limit() -> None:
    """The first layer to speak grants; from there on layers only intersect."""
    system = layer("system", {"nonroot.limits.cap-add": ("NET_BIND_SERVICE", "CHOWN")})
    user = layer("user", {"nonroot.limits.cap-add": ("NET_BIND_SERVICE", "NET_RAW")})
    assert names(system) == {"NET_BIND_SERVICE", "CHOWN"}
    assert names(user) == {"NET_BIND_SERVICE", "NET_RAW"}
    assert names(system, user) == {"NET_BIND_SERVICE"}


def test_a_general_ceiling_is_no_grant_to_non_root() -> None:
    """`[limits] cap-add` narrows what root may ask for and leaves non-root with nothing."""
    system = layer("system", {"limits.cap-add": ("NET_RAW",)})
    assert names(system) == set()
    assert names(system, whom="root") == {"NET_RAW"}


def test_a_general_ceiling_meets_the_grant_of_the_same_layer() -> None:
    """Both tables apply to non-root, so what stands in only one of them is not allowed."""
    system = layer(
        "system",
        {"limits.cap-add": ("NET_RAW", "CHOWN"), "nonroot.limits.cap-add": ("CHOWN", "KILL")},
    )
    assert names(system) == {"CHOWN"}
    assert names(system, whom="root") == {"NET_RAW", "CHOWN"}


def test_an_empty_list_allows_nothing_and_an_absent_one_is_no_opinion() -> None:
    """The two look alike only to somebody who does not read the file."""
    system = layer("system", {"nonroot.limits.cap-add": ()})
    user = layer("user", {"nonroot.limits.cap-add": ("NET_RAW",)})
    silent = layer("system", {})
    assert names(system, user) == set()
    assert names(silent, user) == {"NET_RAW"}


def test_all_in_an_allowlist_is_every_known_capability() -> None:
    """ALL meets another list as the names it stands for."""
    system = layer("system", {"nonroot.limits.cap-add": ("ALL",)})
    user = layer("user", {"nonroot.limits.cap-add": ("NET_RAW",)})
    assert names(system) == set(NAMES)
    assert names(system, user) == {"NET_RAW"}


def test_a_user_cannot_loosen_what_the_system_forbids() -> None:
    """Switches meet by AND; the witness is the layer that says false."""
    system = layer("system", {"limits.privileged": False})
    user = layer("user", {"limits.privileged": True})
    assert switch("privileged", BUILT_IN, system, user, whom="root") == (
        "/system.toml:1 limits.privileged",
    )


def test_verification_may_be_left_out_only_where_a_file_says_so() -> None:
    """The built-in limit on --verify gives way to a file, and the system's binds the user's."""
    system = layer("system", {"limits.verify": ("on",)})
    user = layer("user", {"limits.verify": ("on", "off")})
    assert names(user, key="verify") == {"on", "off"}
    assert names(system, user, key="verify") == {"on"}


def test_every_excluded_name_has_its_witness() -> None:
    """The witness is the statement to change, not merely one that was looked at."""
    system = layer("system", {"nonroot.limits.cap-add": ("NET_BIND_SERVICE", "CHOWN")})
    user = layer("user", {"nonroot.limits.cap-add": ("ALL",)})
    assert against("cap-add", "NET_RAW", system, user) == ["/system.toml"]
    assert against("cap-add", "ALL", system, user) == ["/system.toml"]
    assert against("cap-add", "CHOWN", system, user) == []


def test_requirements_accumulate() -> None:
    """No layer takes back what another requires, and each is named."""
    system = layer("system", {"require.security-opt": ("no-new-privileges",)})
    user = layer("user", {"nonroot.require.security-opt": ("no-new-privileges",)})
    layers = (BUILT_IN, system, user)
    assert len(required("security-opt", *layers, whom="nonroot")) == 2
    assert len(required("security-opt", *layers, whom="root")) == 1
    assert [one.origin.source for one in required("cap-drop", *layers, whom="nonroot")] == [
        "built-in"
    ]


def test_the_last_layer_wins_a_default_key_by_key() -> None:
    """A user's file changes what it speaks of and nothing else."""
    system = layer("system", {"defaults.memory": "1g", "defaults.init": True})
    user = layer("user", {"defaults.memory": "2g"})
    chosen = {one.key: one for one in Law((BUILT_IN, system, user), "root").defaults()}
    assert {key: one.value for key, one in chosen.items()} == {"init": True, "memory": "2g"}
    assert str(chosen["memory"].origin) == "/user.toml:1 defaults.memory"


def test_the_specific_table_beats_the_general_one_within_a_layer_only() -> None:
    """Trust comes before precision: a later layer's general default still wins."""
    system = layer("system", {"defaults.memory": "2g", "nonroot.defaults.memory": "1g"})
    user = layer("user", {"defaults.memory": "3g"})

    def value(whom: str, *layers: Layer) -> list[Value]:
        return [one.value for one in Law(layers, whom).defaults()]

    assert value("nonroot", system) == ["1g"]
    assert value("root", system) == value("any", system) == ["2g"]
    assert value("nonroot", system, user) == ["3g"]


def test_two_files_of_a_layer_that_disagree_on_a_default_are_both_named() -> None:
    """Which file is read first must not decide anything."""
    first = statements({"defaults.memory": "1g", "defaults.init": True}, "/a.toml")
    second = statements({"defaults.memory": "2g", "defaults.init": True}, "/b.toml")
    for both in (first + second, second + first):
        pairs = conflicts(Layer("system", both))
        assert [(one.origin.source, other.origin.source) for one, other in pairs] == [
            ("/a.toml", "/b.toml")
        ]
    assert conflicts(Layer("system", first + first)) == ()


def test_different_tables_and_limits_do_not_conflict() -> None:
    """A specific default beside a general one is meant, and limits meet."""
    system = layer("system", {"nonroot.defaults.memory": "1g", "defaults.memory": "2g"})
    assert conflicts(system) == ()
    twice = statements({"limits.privileged": True}, "/a") + statements(
        {"limits.privileged": False}, "/b"
    )
    assert conflicts(Layer("system", twice)) == ()


@pytest.mark.parametrize("value", [True, 1, "NET_RAW", "ALL"])
def test_a_value_of_the_wrong_type_permits_nothing(value: Value) -> None:
    """No parser lets it through; if one did, it would not be a permission."""
    assert names(layer("system", {"nonroot.limits.cap-add": value})) == set()


def test_a_switch_that_is_not_true_is_off() -> None:
    """Truth is not guessed from something that is merely there."""
    for value in (1, "true", ("true",)):
        found = switch("privileged", layer("system", {"limits.privileged": value}), whom="root")
        assert found is not None
        assert len(found) == 1


def test_an_origin_reads_as_path_line_and_key() -> None:
    """What is printed can be opened in an editor."""
    assert str(Origin("/etc/saferun/policy.toml", 3, "limits.verify")) == (
        "/etc/saferun/policy.toml:3 limits.verify"
    )
    assert str(BUILT_IN.statements[1].origin) == "built-in nonroot.limits.cap-add"


def rule(effect: str, key: str, value: Value) -> tuple[Rule, Match]:
    """Return a rule, and that it is in force."""
    written = Rule(effect, ((key, value, 9),), "/rule.toml", 8, "because")  # type: ignore[arg-type]
    said = Statement(effect, "any", key, value, Origin("/rule.toml", 9, f"{effect}.{key}"))  # type: ignore[arg-type]
    return written, Match(effect, "all", False, "because", Origin("/rule.toml", 8), (said,))  # type: ignore[arg-type]  # noqa: FBT003


def with_rules(base: Layer, *rules: tuple[Rule, Match], in_force: bool = True) -> Layer:
    """Return a layer with rules."""
    matches = tuple(match for _, match in rules) if in_force else ()
    return base.replace(rules=tuple(written for written, _ in rules), matches=matches)


RAW = rule("allow", "cap-add", ("NET_RAW",))
NO_RAW = rule("deny", "cap-add", ("NET_RAW",))


def test_an_exception_widens_its_own_layer_only() -> None:
    """Every other layer still binds."""
    system = layer("system", {"nonroot.limits.cap-add": ("CHOWN",)})
    assert names(with_rules(system, RAW)) == {"CHOWN", "NET_RAW"}
    user = layer("user", {"nonroot.limits.cap-add": ("CHOWN",)})
    assert names(with_rules(system, RAW), user) == {"CHOWN"}
    assert names(system, with_rules(user, RAW)) == {"CHOWN"}


def test_a_denial_beats_an_exception_of_the_same_layer() -> None:
    """And is what is named as the reason."""
    system = with_rules(layer("system", {"nonroot.limits.cap-add": ("CHOWN",)}), RAW, NO_RAW)
    assert names(system) == {"CHOWN"}
    assert against("cap-add", "NET_RAW", system) == ["/rule.toml"]
    assert names(with_rules(layer("system", {}), NO_RAW), whom="root") == set(NAMES) - {"NET_RAW"}


def test_an_exception_without_a_limit_stands_on_the_built_in_one() -> None:
    """It needs no limit of its own, and nobody below can use that the layer has none."""
    system = with_rules(layer("system", {}), RAW)
    assert names(system) == {"NET_RAW"}
    user = layer("user", {"nonroot.limits.cap-add": ("NET_RAW", "CHOWN")})
    assert names(system, user) == {"NET_RAW", "CHOWN"}
    asleep = with_rules(layer("system", {}), RAW, in_force=False)
    assert names(asleep) == set()
    below = with_rules(layer("user", {}), rule("allow", "cap-add", ("KILL",)))
    assert names(asleep, below) == set()


@pytest.mark.parametrize(
    ("laws", "most", "witness"),
    [
        ([("limits", 5)], 5, "a"),
        ([("limits", 5), ("limits", 3)], 3, "b"),
        ([("limits", 5), ("limits", 3), ("allow", 9)], 9, "c"),
        ([("limits", 5), ("allow", 4)], 5, "a"),
    ],
)
def test_amounts_meet_at_the_least_and_join_at_the_most(
    laws: list[tuple[str, int]], most: int, witness: str
) -> None:
    """A lower cap is another limit; an exception lifts it in its own layer."""
    said = tuple(
        Statement(verb, "any", "pids-limit", value, Origin(name))  # type: ignore[arg-type]
        for name, (verb, value) in zip("abc", laws, strict=False)
    )
    found = Law((Layer("system", said),), "root").limit("pids-limit")
    assert found is not None
    assert found.most(number) == (most, (Origin(witness),))
    lower = Layer("user", (Statement("limits", "any", "pids-limit", 2, Origin("z")),))
    found = Law((Layer("system", said), lower), "root").limit("pids-limit")
    assert found is not None
    assert found.most(number) == (2, (Origin("z"),))


def test_layers_that_say_the_same_amount_are_all_named() -> None:
    """To change one of them would change nothing."""
    layers = [
        Layer(name, (Statement("limits", "any", "pids-limit", 2, Origin(name)),))
        for name in ("system", "user")
    ]
    found = Law(layers, "root").limit("pids-limit")
    assert found is not None
    assert found.most(number) == (2, (Origin("system"), Origin("user")))


def test_of_a_floor_the_highest_counts() -> None:
    """Less is more power there."""
    said = tuple(
        Statement("limits", "any", "oom-score-adj", value, Origin(name))
        for name, value in (("a", -500), ("b", 0), ("c", -900))
    )
    found = Law((Layer("system", said),), "root").limit("oom-score-adj")
    assert found is not None
    assert found.most(number) == (0, (Origin("b"),))
