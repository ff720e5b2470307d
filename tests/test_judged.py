"""From words to a decision and to the words that meet it, without an engine."""

from __future__ import annotations

import pytest

from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.formats.docker_run.gate_command import Gate
from saferun.formats.engine_api import ContainerFacts, ImageFacts
from saferun.formats.facts import Facts
from saferun.judge.policy import BUILT_IN, Layer, Origin, Statement
from saferun.judge.rules import Image, Match
from saferun.judged import (
    Judged,
    Prepared,
    judge,
    judge_reference,
    prepare,
    with_early_defaults,
)

GATE = Gate("ab" * 32, ("amd64", "arm64"))
PLACE = "/.saferun/5ec2e7"
YES, NO = True, False
IMAGE = ImageFacts("sha256:feed", "linux", "amd64", cmd=("sh",))
FOREIGN = IMAGE.replace(architecture="s390x")
UNCHECKED = Statement("limits", "any", "verify", ("on", "off"), Origin("p", 1, "limits.verify"))
DEFAULT_USER = Statement("defaults", "any", "user", "7:7", Origin("p", 2, "defaults.user"))


def judged(
    words: str,
    uid: int | None,
    *laws: Statement,
    image: ImageFacts = IMAGE,
    layers: tuple[Layer, ...] = (),
) -> Judged:
    """Judge a command line by the built-in law and others."""
    command = parse(words.split())
    assert isinstance(command, RunCommand)
    layers = (BUILT_IN, Layer("system", laws), *layers)
    command, early = with_early_defaults(command, layers)
    return judge(command, Facts(image, uid), early, layers)


def prepared(words: str, uid: int | None, *laws: Statement, image: ImageFacts = IMAGE) -> Prepared:
    """Judge, then prepare; it has to be allowed."""
    one = judged(words, uid, *laws, image=image)
    assert one.decision.allowed
    return prepare(one, GATE, PLACE, (BUILT_IN, Layer("system", laws)), TABLE)


def test_the_words_that_docker_gets() -> None:
    """Canonical, with the drop, without a pull, and with the gate before the command."""
    assert prepared("-u5 img id -u", 5).arguments == (
        *("--user=5", "--cap-drop=ALL", "--pull=never", f"--mount={GATE.mount(PLACE)}"),
        *(f"--entrypoint={PLACE}/gate-amd64", "--", "img", "0" * 16, "0" * 16, "-", "--"),
        *("id", "-u"),
    )


def test_what_was_rewritten_is_judged_again() -> None:
    """If the drop were lost on the way, for whatever reason, nothing would run."""
    one = judged("-u5 img", 5)
    without = one.replace(decision=one.decision.replace(obligations=()))
    with pytest.raises(SaferunError, match="judged differently"):
        prepare(without, GATE, PLACE, (BUILT_IN,), TABLE)


@pytest.mark.parametrize("option", ["--privileged", "--cap-add=ALL", "--cap-add=CHOWN"])
def test_nothing_forbidden_gets_in_on_the_way(option: str) -> None:
    """Not even behind the back of the first judgement."""
    allowed, forbidden = judged("-u5 img", 5), judged(f"-u5 {option} img", 5)
    assert not forbidden.decision.allowed
    smuggled = allowed.replace(command=forbidden.command)
    with pytest.raises(SaferunError, match="judged differently"):
        prepare(smuggled, GATE, PLACE, (BUILT_IN,), TABLE)


@pytest.mark.parametrize(
    ("words", "on_docker"),
    [
        # A flag that only this CLI's help names, with and without a value.
        ("--frob", False),
        ("--pod=p", False),
        # Values that Podman reads otherwise: as two, or as a change of the host's files.
        ("--sysctl=net.ipv4.a=1,kernel.b=2", True),
        ('--device "/dev/null"', True),
        ("--device /dev/dri/x,/dev/sda", True),
        ("--network ns:/proc/1/ns/net", True),
        ("-v /srv:/x:ro,U", True),
        ("--mount type=bind,src=/srv,dst=/x,ro,chown=true", True),
    ],
)
def test_what_no_policy_can_speak_of_is_refused_where_there_is_one(
    words: str, *, on_docker: bool
) -> None:
    """The built-in law alone does not mind: the gate asks the kernel, whatever was on the line."""
    table = TABLE.extended("      --frob        x\n      --pod string   y\n")
    command = parse(["-u5", *words.split(), "img"], table)
    assert isinstance(command, RunCommand)
    one = judge(command, Facts(IMAGE, 5), (), (BUILT_IN,))
    policy = Layer("system", sources=(("/etc/saferun/policy.toml", b"schema = 1\n"),))
    for podman in (True, False):
        gate = GATE.replace(podman=podman)
        assert prepare(one, gate, PLACE, (BUILT_IN,), table).gated
        if on_docker and not podman:
            assert prepare(one, gate, PLACE, (BUILT_IN, policy), table).gated
        else:
            with pytest.raises(SaferunError, match="no policy can speak of --"):
                prepare(one, gate, PLACE, (BUILT_IN, policy), table)


@pytest.mark.parametrize("mode", [":rw", ":z", ":rw,z"])
@pytest.mark.parametrize(("user", "uid"), [("5", 5), ("0", 0)])
def test_podman_makes_no_gate_of_another_container_writable(mode: str, user: str, uid: int) -> None:
    """Any mode but ro would, whoever the user is; Docker keeps what is read-only."""
    # The facts leave out the gate's own mount, which counts for nothing where it is read-only.
    other = ContainerFacts("c" * 64, "c", "", "private", "", ())
    podman = GATE.replace(podman=True)
    for words, refused in ((f"c{mode}", True), ("c:ro", False), ("c", False)):
        command = parse(["-u", user, "--volumes-from", words, "img"])
        assert isinstance(command, RunCommand)
        one = judge(command, Facts(IMAGE, uid, containers={"c": other}), (), (BUILT_IN,))
        prepare(one, GATE, PLACE, (BUILT_IN,), TABLE)
        if refused:
            with pytest.raises(SaferunError, match="gate writable"):
                prepare(one, podman, PLACE, (BUILT_IN,), TABLE)
        else:
            prepare(one, podman, PLACE, (BUILT_IN,), TABLE)


@pytest.mark.parametrize("words", ["-v /srv:/U", "-v U:/x:ro", "--label=a,b", "--sysctl=a=1"])
def test_what_podman_reads_as_docker_does_is_judged(words: str) -> None:
    """A comma or a U elsewhere means nothing."""
    one = judged(f"-u5 {words} img", 5)
    policy = Layer("system", sources=(("/etc/saferun/policy.toml", b""),))
    assert prepare(one, GATE.replace(podman=True), PLACE, (BUILT_IN, policy), TABLE).gated


@pytest.mark.parametrize(
    ("option", "limit"),
    [
        ("--pid=host", ("pid", ("private",))),
        ("--mount=type=bind,src=/etc,dst=/x", ("volume", ("/srv",))),
        ("--cap-add=NET_ADMIN", ("cap-add", ("NET_ADMIN",))),
    ],
    ids=["forbidden, with the same masks", "a mount besides the gate's", "allowed, other masks"],
)
def test_the_final_words_are_decided_as_the_first_were(
    option: str, limit: tuple[str, object]
) -> None:
    """What the gate was told to check, and what the law forbids besides, are each held against."""
    law = stated("limits", *limit, 1)
    first, other = judged("-u0 img", 0, law), judged(f"-u0 {option} img", 0, law)
    smuggled = first.replace(command=other.command)
    with pytest.raises(SaferunError, match="judged differently"):
        prepare(smuggled, GATE, PLACE, (BUILT_IN, Layer("system", (law,))), TABLE)


@pytest.mark.parametrize(
    ("words", "uid", "image", "reference"),
    [
        ("img", 0, FOREIGN, "sha256:feed"),
        ("-u root img", 0, FOREIGN, "sha256:feed"),
        ("-u 0 img", 0, FOREIGN, "img"),
        ("-u 0 img", 0, IMAGE, "img"),
        ("img", 0, IMAGE, "img"),
        ("--verify=off img", 0, IMAGE, "sha256:feed"),
        ("--verify=off -u app img", 5, IMAGE, "sha256:feed"),
        ("--verify=off -u 5 img", 5, IMAGE, "img"),
    ],
)
def test_without_the_gate_the_image_that_was_judged_is_the_one_that_runs(
    words: str, uid: int, image: ImageFacts, reference: str
) -> None:
    """By its id, unless the command line alone says who the user is; behind the gate by name."""
    arguments = prepared(words, uid, UNCHECKED, image=image).arguments
    assert arguments[arguments.index("--") + 1] == reference


@pytest.mark.parametrize(
    ("words", "uid", "gated"),
    [("-u 0 img", 0, False), ("-u root img", 0, True), ("img", 0, True), ("-u 5 img", 5, True)],
)
def test_the_gate_is_left_out_only_where_it_could_find_nothing(
    *, words: str, uid: int, gated: bool
) -> None:
    """The number 0 is root in every image; everything else might turn out differently."""
    assert prepared(words, uid).gated is gated


@pytest.mark.parametrize(
    ("key", "value"),
    [("cap-add", ()), ("security-opt", ("no-new-privileges",))],
)
def test_the_gate_is_kept_for_root_where_the_law_speaks_of_root(key: str, value: object) -> None:
    """Of its capabilities, or of its no-new-privileges: then there is something to find wrong."""
    verb = "limits" if key == "cap-add" else "require"
    law = Statement(verb, "root", key, value, Origin("p", 1, f"{verb}.{key}"))  # type: ignore[arg-type]
    assert prepared("-u 0 img", 0, law).gated


def test_no_gate_for_the_image() -> None:
    """A container that is not root is refused, and told the way out."""
    with pytest.raises(GateError, match="linux/s390x") as caught:
        prepared("-u 5 img", 5, image=FOREIGN)
    assert "--verify=off" in caught.value.hints[0]


def test_nothing_to_execute() -> None:
    """Neither image nor command line has a command."""
    with pytest.raises(ImageError, match="no command specified"):
        prepared("-u 5 img", 5, image=IMAGE.replace(cmd=()))


@pytest.mark.parametrize(
    ("words", "used"),
    [("img", True), ("--user= img", True), ("-u 5 img", False), ("-u : img", False)],
)
def test_the_default_user(*, words: str, used: bool) -> None:
    """For who says nothing; it is named among the defaults, with its origin."""
    one = judged(words, 7, DEFAULT_USER)
    assert (one.defaults == (DEFAULT_USER,)) is used
    assert (one.command.last("user") == "7:7") is used


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [("img", "pull", "never"), ("--pull= img", "pull", "never"), ("--pull=always img", "", "")],
)
def test_defaults_that_come_first(words: str, key: str, value: str) -> None:
    """When to pull has to be known before there is an image."""
    default = Statement("defaults", "any", "pull", "never", Origin("p", 2, "defaults.pull"))
    one = judged(words, 7, default)
    assert [(used.key, used.value) for used in one.defaults] == ([(key, value)] if key else [])
    assert one.command.all("pull") == (value or "always",)


def stated(verb: str, key: str, value: object, line: int) -> Statement:
    """Return a statement of a plain table."""
    return Statement(verb, "any", key, value, Origin("p", line, f"{verb}.{key}"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("default", "limit", "words", "said"),
    [
        pytest.param(("memory", "4g"), "1g", (), "not used", id="amount: the limit is added"),
        pytest.param(("pids-limit", -1), 100, (), "not used", id="no limit is more than any"),
        pytest.param(
            ("cap-add", ("CHOWN", "NET_RAW")),
            ("CHOWN",),
            ("--cap-add=CHOWN",),
            "cut down to CHOWN",
            id="list: what may be asked for",
        ),
        pytest.param(("cap-add", ("KILL",)), ("CHOWN",), (), "not used", id="nothing of it"),
        pytest.param(("pid", "host"), ("private",), (), "not used", id="word"),
    ],
)
def test_a_default_beyond_the_limit_is_cut_down(
    default: tuple[str, object], limit: object, words: tuple[str, ...], said: str
) -> None:
    """With a notice that names both; what is left may be asked for."""
    key, value = default
    laws = (stated("defaults", key, value, 1), stated("limits", key, limit, 2))
    one = judged("-u 0 img", 0, *laws)
    assert one.decision.allowed
    (notice,) = one.notices
    assert "p:1 defaults" in notice
    assert "p:2 limits" in notice
    assert notice.endswith(said)
    assert tuple(f"--{name}={given}" for name, given in one.command.options[1:]) == words


def test_what_the_command_line_asks_beyond_the_limit_is_not_cut_down() -> None:
    """It is refused: nothing else than what was asked for is ever run."""
    laws = (stated("defaults", "memory", "4g", 1), stated("limits", "memory", "1g", 2))
    one = judged("-u 0 --memory=2g img", 0, *laws)
    assert not one.decision.allowed
    assert one.notices == ()


def test_a_default_that_contradicts_a_requirement_is_refused() -> None:
    """A requirement is not a limit: which of the two was meant cannot be told."""
    laws = (stated("defaults", "read-only", NO, 1), stated("require", "read-only", YES, 2))
    assert not judged("-u 0 img", 0, *laws).decision.allowed


@pytest.mark.parametrize(
    ("words", "used"),
    [
        ("-u 0 img", {"cpus", "restart"}),
        ("-u 0 --cpu-quota=5000 img", {"restart"}),
        ("-u 0 --rm img", {"cpus"}),
    ],
)
def test_a_default_is_silent_where_another_flag_speaks(words: str, used: set[str]) -> None:
    """Docker refuses the two together."""
    laws = (stated("defaults", "cpus", 1.5, 1), stated("defaults", "restart", "always", 2))
    assert {one.key for one in judged(words, 0, *laws).defaults} == used


def rule(effect: str, images: tuple[str, ...]) -> Match:
    """Return a rule in force that says something of a capability."""
    return Match(effect, "it", bool(images), "because", Origin("p", 1, effect), ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        (Layer("user", (), (), (rule("allow", ("img",)),)), "sha256:feed"),
        (Layer("user", (), (), (rule("deny", ("img",)),)), "sha256:feed"),
        (Layer("user", (stated("limits", "image", ("img",), 1),)), "sha256:feed"),
        (Layer("user", (), (), (rule("allow", ()),)), "img"),
        (Layer("user", ()), "img"),
    ],
)
def test_an_image_that_was_let_pass_by_its_name_runs_by_its_id(
    layer: Layer, reference: str
) -> None:
    """So that a tag cannot move between judging and running."""
    one = judged("-u5 img", 5, layers=(layer,), image=IMAGE.replace(tags=("img:latest",)))
    arguments = prepare(one, GATE, PLACE, (BUILT_IN, layer), TABLE).arguments
    assert arguments[arguments.index("--") + 1] == reference


def test_what_is_forbidden_is_refused_before_it_is_pulled() -> None:
    """By the reference alone; both for root and for everybody else."""
    command = parse(["registry.example.com/x"])
    assert isinstance(command, RunCommand)
    image = Image((("registry.example.com/x", "latest"),))

    def refused(*laws: Statement) -> bool:
        return judge_reference(command, image, (), (BUILT_IN, Layer("system", laws))) is not None

    assert not refused()
    assert not refused(stated("limits", "image", ("registry.example.com/*",), 1))
    assert refused(stated("limits", "image", ("busybox",), 1))
    assert refused(stated("limits", "pull", ("never",), 1))
    only_root = Statement("limits", "root", "image", ("busybox",), Origin("p", 1, "x"))
    assert not refused(only_root)


@pytest.mark.parametrize(
    ("key", "allowed", "words"),
    [
        ("image", ("busybox",), []),
        ("pull", ("never",), []),
        ("platform", ("linux/arm64",), ["--platform=linux/amd64"]),
    ],
)
def test_it_is_hopeless_when_both_tables_forbid_it(
    key: str, allowed: tuple[str, ...], words: list[str]
) -> None:
    """Each by a statement of its own, and both are told."""
    command = parse([*words, "registry.example.com/x"])
    assert isinstance(command, RunCommand)
    image = Image((("registry.example.com/x", "latest"),))
    root, others = (
        Statement("limits", whom, key, allowed, Origin("p", line, f"limits.{whom}"))  # type: ignore[arg-type]
        for line, whom in enumerate(("root", "nonroot"), 1)
    )
    refused = judge_reference(command, image, (), (BUILT_IN, Layer("system", (root, others))))
    assert refused is not None
    told = [one.origins for one in refused.decision.violations]
    assert told == [(root.origin,), (others.origin,)]
    for alone in (root, others):
        assert judge_reference(command, image, (), (BUILT_IN, Layer("system", (alone,)))) is None
