"""What must hold of the law for every policy and every request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.evaluate import evaluate
from saferun.judge.keys import KEYS
from saferun.judge.policy import BUILT_IN, Law, Layer, Origin, Statement, conflicts
from saferun.judge.rules import Asking, Image, Rule, in_force
from saferun.judge.spec import UNLIMITED, ContainerSpec, Device, Mount, Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random

    from saferun.judge.policy import Value
    from saferun.judge.rules import Entry

#: For each key a few values that meet, contain one another, or have nothing to do with each other;
#: of every form of value there is at least one key.
LIMITS: dict[str, tuple[Value, ...]] = {
    "cap-add": ((), ("CHOWN",), ("CHOWN", "NET_RAW"), ("ALL",)),
    "privileged": (True, False),
    "pid": ((), ("private",), ("private", "host")),
    "network": ((), ("bridge",), ("bridge", "host"), ("*",)),
    "volume": ((), ("/srv:ro",), ("/srv",), ("/srv/a", "data"), ("/",)),
    "publish": ((), ("127.0.0.1:*",), ("*:8000-8999",), ("*",)),
    "user": (("1-",), ("0-99",), ("1000-1999", "0")),
    "memory": ("1m", "2m", "1g"),
    "pids-limit": (1, 10, 100),
    "image": ((), ("busybox",), ("**",)),
    "sysctl": ((), ("net.**",), ("net.ipv4.*",)),
    "forbid": ((), ("label",), ("label", "dns")),
    "cgroup-parent": ((), ("/a",), ("/a/b", "/c")),
    "device": ((), ("/dev/null:r",), ("/dev/null",), ("/dev",)),
    "device-cgroup-rule": ((), ("c 1:3 r",), ("c 1:* rwm",), ("a *:* rwm",)),
    "tmpfs": ((), ("/tmp",), ("/tmp:exec",), ("/",)),
    "ulimit": ((), ("nofile=10",), ("nofile=100", "core=unlimited")),
    "cpus": (0.5, 1, 2.5),
    "oom-score-adj": (-500, 0, 100),
    "security-opt": ((), ("apparmor=x",), ("seccomp", "apparmor", "label", "systempaths")),
    "restart": ((), ("on-failure:5",), ("on-failure", "always")),
    "volume-driver": (("local",), ("local/nfs",), ("*",)),
    "use-api-socket": (True, False),
}
REQUIRED: dict[str, tuple[Value, ...]] = {
    "cap-drop": (("ALL",),),
    "security-opt": (("no-new-privileges",), ("seccomp",)),
    "read-only": (True,),
    "memory": (True,),
}
AMOUNTS = ("memory", "pids-limit", "cpus", "oom-score-adj")
SWITCHES = ("privileged", "use-api-socket")
DENIED = tuple(key for key in LIMITS if key not in AMOUNTS)
WHOM = st.sampled_from(("any", "root", "nonroot"))
ORIGINS = st.builds(Origin, st.sampled_from(("/a", "/b", "/c")), st.integers(1, 9))
BUSYBOX = Image((("docker.io/library/busybox", "latest"),), "sha256:1")


@st.composite
def statements(draw: st.DrawFn, verb: str) -> Statement:
    table = LIMITS if verb == "limits" else REQUIRED
    key = draw(st.sampled_from(sorted(table)))
    value = draw(st.sampled_from(table[key]))
    return Statement(verb, draw(WHOM), key, value, draw(ORIGINS))  # type: ignore[arg-type]


@st.composite
def rules(draw: st.DrawFn, effect: str) -> Rule:
    key = draw(st.sampled_from(sorted(LIMITS if effect == "allow" else DENIED)))
    value = True if key in SWITCHES else draw(st.sampled_from(LIMITS[key]))
    images = draw(st.sampled_from(((), ("busybox",), ("other",))))
    users = draw(st.sampled_from(((), ("1000",), ("5",))))
    expires = draw(st.sampled_from(("", "2026-01-01", "2027-01-01"))) if effect == "allow" else ""
    entries: tuple[Entry, ...] = ((key, value, draw(st.integers(1, 9))),)
    if effect == "deny" and draw(st.booleans()):
        other = draw(st.sampled_from(DENIED))
        entries += ((other, True if other in SWITCHES else LIMITS[other][-1], 1),)
    return Rule(effect, entries, "/r", 1, "because", images, users, (), expires)  # type: ignore[arg-type]


STATED = st.lists(st.one_of(statements("limits"), statements("require")), max_size=5).map(tuple)
RULED = st.lists(st.one_of(rules("allow"), rules("deny")), max_size=3).map(tuple)
LAYER = st.tuples(STATED, RULED)
LAYERS = st.tuples(LAYER, LAYER, LAYER).map(
    lambda three: tuple(
        Layer(name, stated, ruled)
        for name, (stated, ruled) in zip(("system", "user", "explicit"), three, strict=True)
    )
)
REQUESTS = st.fixed_dictionaries(
    {
        "uid": st.sampled_from((0, 5, 1000, None)),
        "cap_add": st.sampled_from(((), ("CHOWN",), ("NET_RAW",), ("ALL",))),
        "cap_drop": st.sampled_from(((), ("ALL",))),
        "privileged": st.booleans(),
        "pid": st.sampled_from((("private",), ("host",))),
        "networks": st.sampled_from((("none",), ("bridge",), ("host",))),
        "mounts": st.sampled_from(
            (
                (),
                (Mount("bind", "/srv/a", "/x"),),
                (Mount("bind", "/srv", "/x", read_only=True),),
                (Mount("bind", "/etc", "/x"), Mount("volume", "data", "/y")),
                (Mount("bind", "/srv/a", "/x", exact=False),),
                (Mount("bind", "/run", "/x"), Mount("tmpfs", "", "/tmp", options=(("exec", ""),))),
                (Mount("volume", "data", "/x", options=(("type", "nfs"),)),),
            )
        ),
        "ports": st.sampled_from(
            ((), (Port("127.0.0.1", 80, 80),), (Port("0.0.0.0", 8080, 8090), Port("::", 0, 0)))
        ),
        "memory": st.sampled_from((None, 1 << 20, 1 << 40)),
        "pids_limit": st.sampled_from((None, 5, 50)),
        "sysctls": st.sampled_from(((), (("net.ipv4.x", "1"),), (("kernel.y", "1"),))),
        "flags": st.sampled_from(((), ("label",), ("dns",))),
        "seccomp": st.sampled_from((True, False, None)),
        "security_opt": st.sampled_from(
            ((), ("no-new-privileges=false",), ("seccomp=unconfined", "apparmor=x"))
        ),
        "sockets": st.just(("/run/docker.sock",)),
        "cgroup_parent": st.sampled_from(("", "/a/b", "/c/../d")),
        "devices": st.sampled_from(((), (Device("/dev/null", "r"),), (Device("/dev"),))),
        "device_rules": st.sampled_from(((), ("c 1:3 r",), ("a *:* rwm",))),
        "ulimits": st.sampled_from(((), (("nofile", 5, 50),), (("core", UNLIMITED, UNLIMITED),))),
        "cpus": st.sampled_from((None, 1_000_000_000, UNLIMITED)),
        "oom_score_adj": st.sampled_from((None, -100, 500)),
        "restart": st.sampled_from((("no", 0), ("on-failure", 3), ("always", 0))),
        "volume_driver": st.sampled_from(("", "", "rclone")),
        "image": st.sampled_from((BUSYBOX, Image())),
    }
).map(lambda fields: ContainerSpec().replace(**fields))


def decided(layers: tuple[Layer, ...], request: ContainerSpec) -> object:
    """Return all that is decided, without the order in which origins are named."""
    decision = evaluate(request, ready(layers, request))
    return (
        {(one.check, one.reason, frozenset(one.origins)) for one in decision.violations},
        {(one.flag, one.value, frozenset(one.origins)) for one in decision.obligations},
        decision.masks,
    )


def ready(layers: tuple[Layer, ...], request: ContainerSpec) -> tuple[Layer, ...]:
    asking = Asking(request.image, 1000, frozenset((1000,)), "2026-06-01")
    return in_force((BUILT_IN, *layers), asking)


def clean(layers: tuple[Layer, ...], request: ContainerSpec) -> bool:
    """Tell whether a request is allowed as it is, with nothing to be added."""
    decision = evaluate(request, ready(layers, request))
    return decision.allowed and not decision.obligations


def allowed(layers: tuple[Layer, ...], request: ContainerSpec) -> bool:
    return evaluate(request, ready(layers, request)).allowed


def speaks(layer: Layer, key: str) -> bool:
    """Tell whether a layer states a limit that the built-in one may give way to."""
    return layer.widens(key) or any(
        (one.verb, one.key) == ("limits", key) for one in layer.statements
    )


@given(LAYERS, REQUESTS, st.randoms(use_true_random=False))
def test_order_decides_nothing(
    layers: tuple[Layer, ...], request: ContainerSpec, random: Random
) -> None:
    """Neither that of files inside a layer, nor, for limits and requirements, that of layers."""
    inside = tuple(
        layer.replace(
            statements=tuple(random.sample(layer.statements, len(layer.statements))),
            rules=tuple(random.sample(layer.rules, len(layer.rules))),
        )
        for layer in layers
    )
    assert decided(inside, request) == decided(layers, request)
    if not any(layer.rules for layer in layers):
        among = tuple(random.sample(layers, len(layers)))
        assert decided(among, request) == decided(layers, request)


@given(LAYERS, REQUESTS)
def test_loading_twice_changes_nothing(layers: tuple[Layer, ...], request: ContainerSpec) -> None:
    """A file that is read twice is the same law."""
    twice = tuple(
        layer.replace(statements=layer.statements * 2, rules=layer.rules * 2) for layer in layers
    )
    assert decided(twice, request) == decided(layers, request)


@given(LAYERS, LAYER, REQUESTS)
def test_one_more_layer_never_allows_more(
    layers: tuple[Layer, ...],
    more: tuple[tuple[Statement, ...], tuple[Rule, ...]],
    request: ContainerSpec,
) -> None:
    """Only a built-in limit gives way, and only where no layer before has spoken of its key."""
    added = Layer("explicit", *more)
    grants = any(
        speaks(added, key) and not any(speaks(layer, key) for layer in layers)
        for key in ("cap-add", "privileged")
    )
    grants = grants or any(
        one.whom == "nonroot" and one.key in ("cap-add", "privileged") for one in added.statements
    )
    if not grants:
        assert not allowed((*layers, added), request) or allowed(layers, request)
        assert not clean((*layers, added), request) or clean(layers, request)


@given(LAYERS, st.integers(0, 2), rules("deny"), statements("require"), REQUESTS)
def test_a_denial_and_a_requirement_never_allow_more(
    layers: tuple[Layer, ...],
    where: int,
    denial: Rule,
    requirement: Statement,
    request: ContainerSpec,
) -> None:
    """Wherever they are added."""
    for changes in (
        {"rules": (*layers[where].rules, denial)},
        {"statements": (*layers[where].statements, requirement)},
    ):
        changed = (*layers[:where], layers[where].replace(**changes), *layers[where + 1 :])
        assert not clean(changed, request) or clean(layers, request)


@given(LAYERS, st.integers(0, 2), rules("allow"), REQUESTS)
def test_an_exception_widens_no_other_layer(
    layers: tuple[Layer, ...], where: int, exception: Rule, request: ContainerSpec
) -> None:
    """What another layer refuses by its own limits stays refused."""
    (key, _, _), *_ = exception.entries
    changed = layers[where].replace(rules=(*layers[where].rules, exception))
    others = (*layers[:where], *layers[where + 1 :])
    for other in others:
        if not any(one.verb == "limits" and one.key == key for one in other.statements):
            continue
        alone = {one.key for one in evaluate(request, ready((other,), request)).violations}
        if key in alone and key not in ("cap-add", "privileged"):
            both = (*layers[:where], changed, *layers[where + 1 :])
            found = {one.key for one in evaluate(request, ready(both, request)).violations}
            assert key in found


@given(LAYER, LAYER, REQUESTS)
def test_less_trusted_layers_cannot_widen_what_the_system_states(
    above: tuple[tuple[Statement, ...], tuple[Rule, ...]],
    below: tuple[tuple[Statement, ...], tuple[Rule, ...]],
    request: ContainerSpec,
) -> None:
    """Whatever the system's limits refuse, no file of a user's lets pass."""
    system, user = Layer("system", *above), Layer("user", *below)
    keys = {one.key for one in system.statements if one.verb == "limits"}
    before = evaluate(request, ready((system,), request)).violations
    violations = evaluate(request, ready((system, user), request)).violations
    after = {one.key for one in violations}
    if any(one.check == "cap-drop" for one in violations):
        # Where ALL has to be dropped, this is who refuses an added ALL.
        after.add("cap-add")
    for violation in before:
        its = {origin.source for origin in violation.origins}
        if violation.key in keys and "built-in" not in its:
            assert violation.key in after


@given(LAYERS, REQUESTS)
def test_every_refusal_names_a_statement_in_force(
    layers: tuple[Layer, ...], request: ContainerSpec
) -> None:
    """There is always a file and a line to point at, and it is one that applies."""
    ruled = ready(layers, request)
    law = Law(ruled, request.whom)
    decision = evaluate(request, ruled)
    sources = {one.origin for layer in ruled for one in layer.statements}
    sources |= {one.origin for match in law.matches for one in match.statements}
    for violation in decision.violations:
        if violation.check != "gate-mount":
            assert violation.origins
            assert set(violation.origins) <= sources
        assert violation.detail or violation.hint


def test_every_form_of_value_is_generated() -> None:
    """A form that meets otherwise than the others would go unseen."""
    forms = {key.limits.form for key in KEYS.values() if key.limits is not None}
    generated = {KEYS[name].limits for name in LIMITS}
    assert forms == {kind.form for kind in generated if kind is not None}


@given(LAYERS, WHOM)
def test_non_root_is_never_without_the_built_in_requirement(
    layers: tuple[Layer, ...], whom: str
) -> None:
    """No file can take the dropping of capabilities away."""
    origins = {one.origin.source for one in Law((BUILT_IN, *layers), whom).required("cap-drop")}
    assert ("built-in" in origins) == (whom == "nonroot")


DEFAULTS = st.lists(
    st.builds(
        Statement,
        st.just("defaults"),
        WHOM,
        st.sampled_from(("memory", "init")),
        st.sampled_from(("1m", "2m")),
        ORIGINS,
    ),
    max_size=5,
).map(tuple)


@given(st.lists(DEFAULTS, max_size=3), st.randoms(use_true_random=False))
def test_there_is_one_default_for_a_key_and_it_is_the_last_layers(
    said: list[tuple[Statement, ...]], random: Random
) -> None:
    """Whatever the order inside a layer, which is an error where it would matter."""
    layers = tuple(Layer("explicit", statements) for statements in said)
    shuffled = tuple(
        layer.replace(statements=tuple(random.sample(layer.statements, len(layer.statements))))
        for layer in layers
    )
    for whom in ("root", "nonroot"):
        chosen = Law(layers, whom).defaults()
        assert chosen == Law(shuffled, whom).defaults()
        assert len({one.key for one in chosen}) == len(chosen)
        for one in chosen:
            speaking = [
                layer.statements
                for layer in layers
                if any(
                    other.key == one.key and other.whom in ("any", whom)
                    for other in layer.statements
                )
            ]
            assert one in speaking[-1]
    assert [conflicts(layer) for layer in shuffled] == [conflicts(layer) for layer in layers]
