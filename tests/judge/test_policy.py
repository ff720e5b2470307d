"""How layers meet, by worked examples."""

from __future__ import annotations

import pytest

from saferun.judge.capabilities import NAMES
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


def names(*layers: Layer, whom: str = "nonroot", key: str = "cap-add") -> set[str] | None:
    found = limit((BUILT_IN, *layers), whom, key)
    return None if found is None else set(found.names)


def test_the_built_in_law_is_the_brief_and_nothing_more() -> None:
    """Non-root loses everything and may ask for nothing; root is docker's own business."""
    assert names() == set()
    privileged = limit((BUILT_IN,), "nonroot", "privileged")
    assert privileged is not None
    assert privileged.value is False
    assert [one.value for one in requirement((BUILT_IN,), "nonroot", "cap-drop")] == [("ALL",)]
    assert limit((BUILT_IN,), "root", "cap-add") is None
    assert limit((BUILT_IN,), "root", "privileged") is None
    assert requirement((BUILT_IN,), "root", "cap-drop") == ()
    for whom in ("root", "nonroot"):
        assert names(whom=whom, key="verify") == {"on"}
        assert defaults((BUILT_IN,), whom) == ()


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
    found = limit((BUILT_IN, system, user), "root", "privileged")
    assert found is not None
    assert found.value is False
    assert [str(origin) for origin in found.witnesses()] == ["/system.toml:1 limits.privileged"]
    assert [origin.source for origin in found.origins] == ["/system.toml", "/user.toml"]


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
    found = limit((BUILT_IN, system, user), "nonroot", "cap-add")
    assert found is not None
    assert [origin.source for origin in found.witnesses("NET_RAW")] == ["/system.toml"]
    assert [origin.source for origin in found.witnesses("ALL")] == ["/system.toml"]
    assert found.witnesses("CHOWN") == ()


def test_requirements_accumulate() -> None:
    """No layer takes back what another requires, and each is named."""
    system = layer("system", {"require.security-opt": ("no-new-privileges",)})
    user = layer("user", {"nonroot.require.security-opt": ("no-new-privileges",)})
    layers = (BUILT_IN, system, user)
    assert len(requirement(layers, "nonroot", "security-opt")) == 2
    assert len(requirement(layers, "root", "security-opt")) == 1
    assert [one.origin.source for one in requirement(layers, "nonroot", "cap-drop")] == ["built-in"]


def test_the_last_layer_wins_a_default_key_by_key() -> None:
    """A user's file changes what it speaks of and nothing else."""
    system = layer("system", {"defaults.memory": "1g", "defaults.init": True})
    user = layer("user", {"defaults.memory": "2g"})
    chosen = {one.key: one for one in defaults((BUILT_IN, system, user), "root")}
    assert {key: one.value for key, one in chosen.items()} == {"init": True, "memory": "2g"}
    assert str(chosen["memory"].origin) == "/user.toml:1 defaults.memory"


def test_the_specific_table_beats_the_general_one_within_a_layer_only() -> None:
    """Trust comes before precision: a later layer's general default still wins."""
    system = layer("system", {"defaults.memory": "2g", "nonroot.defaults.memory": "1g"})
    user = layer("user", {"defaults.memory": "3g"})

    def value(whom: str, *layers: Layer) -> list[Value]:
        return [one.value for one in defaults(layers, whom)]

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
        found = limit((layer("system", {"limits.privileged": value}),), "root", "privileged")
        assert found is not None
        assert found.value is False
        assert len(found.witnesses()) == 1


def test_an_origin_reads_as_path_line_and_key() -> None:
    """What is printed can be opened in an editor."""
    assert str(Origin("/etc/saferun/policy.toml", 3, "limits.verify")) == (
        "/etc/saferun/policy.toml:3 limits.verify"
    )
    assert str(BUILT_IN.statements[1].origin) == "built-in nonroot.limits.cap-add"
