"""From words to a decision and to the words that meet it, without an engine."""

from __future__ import annotations

import pytest

from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.formats.docker_run.gate_command import Gate
from saferun.formats.engine_api import ImageFacts
from saferun.judge.policy import BUILT_IN, Layer, Origin, Statement
from saferun.judged import Judged, Prepared, judge, prepare, with_default_user

GATE = Gate("ab" * 32, ("amd64", "arm64"))
PLACE = "/.saferun/5ec2e7"
IMAGE = ImageFacts("sha256:feed", "linux", "amd64", cmd=("sh",))
FOREIGN = IMAGE.replace(architecture="s390x")
UNCHECKED = Statement("limits", "any", "verify", ("on", "off"), Origin("p", 1, "limits.verify"))
DEFAULT_USER = Statement("defaults", "any", "user", "7:7", Origin("p", 2, "defaults.user"))


def judged(words: str, uid: int | None, *laws: Statement, image: ImageFacts = IMAGE) -> Judged:
    """Judge a command line by the built-in law and others."""
    command = parse(words.split())
    assert isinstance(command, RunCommand)
    layers = (BUILT_IN, Layer("system", laws))
    command, users = with_default_user(command, layers)
    return judge(command, image, uid, (), users, layers)


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
