"""The grammar of docker run's command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import (
    BOOLS,
    Problem,
    RunCommand,
    parse,
    to_argv,
    unknown,
)
from saferun.formats.docker_run.flags import ALIASES, TABLE

if TYPE_CHECKING:
    from saferun.formats.docker_run.flags import Flag

DOCKER = [flag for flag in TABLE if not flag.own]
OWN = [flag for flag in TABLE if flag.own]

#: Words as a shell may pass them: any bytes but NUL, and those that have a meaning somewhere.
MEANINGFUL = ["", "-", "--", "=", "-d", "-u", "--privileged", "--help", "-test.v", "a=b", "false"]
words = st.sampled_from(MEANINGFUL) | st.binary(max_size=6).filter(lambda raw: 0 not in raw).map(
    os.fsdecode
)


def understood(*argv: str) -> RunCommand:
    """Parse words that must be a command line."""
    command = parse(argv)
    assert isinstance(command, RunCommand), command
    return command


def refused(*argv: str) -> Problem:
    """Parse words that must not be one."""
    problem = parse(argv)
    assert isinstance(problem, Problem), problem
    return problem


@st.composite
def spelled(draw: st.DrawFn) -> tuple[tuple[str, str], list[str]]:
    """One option as it is understood, and words that spell it."""
    flag = draw(st.sampled_from(DOCKER))
    names = [flag.name, *(alias for alias, name in ALIASES.items() if name == flag.name)]
    long = f"--{draw(st.sampled_from(names))}"
    if flag.kind == "bool":
        given = draw(st.sampled_from([*BOOLS]))
        spellings = [[f"{long}={given}"], *([[f"-{flag.short}={given}"]] if flag.short else [])]
        if BOOLS[given] == "true":
            spellings += [[long], *([[f"-{flag.short}"]] if flag.short else [])]
        return (flag.name, BOOLS[given]), draw(st.sampled_from(spellings))
    value = draw(words)
    spellings = [[f"{long}={value}"], [long, value]]
    if flag.short:
        spellings.append([f"-{flag.short}", value])
        if value:
            spellings.append([f"-{flag.short}={value}"])
        if value and (value == "=" or not value.startswith("=")):
            spellings.append([f"-{flag.short}{value}"])
    return (flag.name, value), draw(st.sampled_from(spellings))


def clustered(spellings: list[list[str]]) -> list[str]:
    """Put bare letters in front of the cluster that follows them."""
    argv: list[str] = []
    letters = {f"-{flag.short}" for flag in DOCKER if flag.kind == "bool" and flag.short}
    pending = ""
    for first, *rest in spellings:
        is_cluster = not first.startswith("--")
        if first in letters and not rest:
            pending += first[1:]
            continue
        # "-t" before "-est.x" must not become "-test.x", which means something else.
        if is_cluster and not (pending + first[1:]).count("test."):
            argv += ["-" + pending + first[1:], *rest]
        else:
            argv += [*(["-" + pending] if pending else []), first, *rest]
        pending = ""
    return [*argv, *(["-" + pending] if pending else [])]


@given(
    st.lists(spelled(), max_size=8),
    st.booleans(),
    st.booleans(),
    words,
    st.lists(words, max_size=4),
)
def test_every_spelling_is_understood_alike(
    options: list[tuple[tuple[str, str], list[str]]],
    together: bool,  # noqa: FBT001 - hypothesis passes it
    dashes: bool,  # noqa: FBT001 - hypothesis passes it
    image: str,
    args: list[str],
) -> None:
    """However options are written, and wherever they end, the same command is meant."""
    assume(dashes or image in ("", "-") or not image.startswith("-"))
    spellings = [spelling for _, spelling in options]
    argv = clustered(spellings) if together else [word for words_ in spellings for word in words_]
    command = understood(*argv, *(["--"] if dashes else []), image, *args)
    assert command == RunCommand(tuple(pair for pair, _ in options), (), image, tuple(args))


@given(st.lists(words | spelled().map(lambda pair: pair[1][0])))
def test_what_is_written_is_read_as_it_was_meant(argv: list[str]) -> None:
    """Any words at all are a command, which survives being written out, or a problem."""
    command = parse(argv)
    if isinstance(command, RunCommand):
        assert parse(to_argv(command)) == command.replace(own=())
    else:
        assert not {"", "-", "--"} & set(command.probe)
        assert all(word.startswith("-") for word in command.probe)
        again = parse(command.probe)
        assert isinstance(again, Problem)
        assert (again.kind, again.text) == (command.kind, command.text)


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        (("-u3267", "i"), "3267"),
        (("-u=3267", "i"), "3267"),
        (("-u", "3267", "i"), "3267"),
        (("--user=3267", "i"), "3267"),
        (("--user", "3267", "i"), "3267"),
        (("-u=", "i"), "="),
        (("-u==0", "i"), "=0"),
        (("-u", "", "i"), ""),
        (("--user=", "i"), ""),
        (("-user", "i"), "ser"),
        (("-user=0", "i"), "ser=0"),
        (("--user", "--privileged", "i"), "--privileged"),
        (("-u", "--", "i"), "--"),
        (("-ditu", "0", "i"), "0"),
        (("-ditu0", "i"), "0"),
        (("-ditu=0", "i"), "0"),
        (("-u1", "-u2", "i"), "2"),
        (("-ué", "i"), "é"),
        (("-u=\udcff", "i"), "\udcff"),
        (("-u\n", "i"), "\n"),
    ],
)
def test_the_value_of_a_letter(argv: tuple[str, ...], value: str) -> None:
    """A letter's value stands in the same word, or is the next word whatever that is."""
    command = understood(*argv)
    assert command.verbatim("user")[-1] == value
    assert not command.is_true("privileged")
    assert command.image == "i"


@pytest.mark.parametrize("word", ["1", "t", "T", "true", "TRUE", "True"])
def test_true_is_what_go_takes_for_it(word: str) -> None:
    """Each of Go's spellings is true, and is written out as that."""
    assert understood(f"--rm={word}", "i").options == (("rm", "true"),)


@pytest.mark.parametrize("word", ["0", "f", "F", "false", "FALSE", "False"])
def test_false_is_what_go_takes_for_it(word: str) -> None:
    """Each of Go's spellings is false, and is written out as that."""
    assert understood(f"--rm={word}", "i").options == (("rm", "false"),)


@pytest.mark.parametrize("word", ["", "yes", "on", "tRUE", " true", "2", "\u0661"])
def test_nothing_else_is_a_bool(word: str) -> None:
    """Another word makes docker refuse, with the word that did it."""
    problem = refused("--name=x", f"--rm={word}", "i")
    assert problem.kind == "bad-bool"
    assert problem.probe == ("--name=x", f"--rm={word}")


def test_a_bool_never_takes_the_next_word() -> None:
    """`--privileged false` is a privileged container of an image called false."""
    command = understood("--privileged", "false", "x")
    assert command.is_true("privileged")
    assert (command.image, command.args) == ("false", ("x",))


def test_the_last_of_a_bool_counts() -> None:
    """A bool that was taken back is not true, nor is one that was never given."""
    assert not understood("--privileged", "--privileged=false", "i").is_true("privileged")
    assert not understood("i").is_true("privileged")


def test_letters_may_share_a_dash() -> None:
    """Bools may stand before each other, and the last may have a value."""
    command = understood("-ti=false", "i")
    assert command.options == (("tty", "true"), ("interactive", "false"))


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (("--bogus", "i"), "unknown-flag"),
        (("--bogus=1", "i"), "unknown-flag"),
        (("--Privileged", "i"), "unknown-flag"),
        (("--privilege", "i"), "unknown-flag"),
        (("--test.v", "i"), "unknown-flag"),
        (("-x", "i"), "unknown-flag"),
        (("-itfalse", "i"), "unknown-flag"),
        (("-i=", "i"), "unknown-flag"),
        (("-é", "i"), "unknown-flag"),
        (("-d\udcff", "i"), "unknown-flag"),
        (("-H", "i"), "unknown-flag"),
        (("--help", "--bogus"), "unknown-flag"),
        (("--name",), "needs-argument"),
        (("-itu",), "needs-argument"),
        (("---rm", "i"), "bad-syntax"),
        (("--=", "i"), "bad-syntax"),
        (("-t=maybe", "i"), "bad-bool"),
        ((), "no-image"),
        (("-d", "--name", "x"), "no-image"),
        (("-d", "--"), "no-image"),
        (("--help=false",), "no-image"),
        (("--help", "--help=0"), "no-image"),
    ],
)
def test_what_is_not_a_command_line(argv: tuple[str, ...], kind: str) -> None:
    """Each fault is told from the others, and comes with words that show it to docker."""
    assert refused(*argv).kind == kind


def test_a_probe_is_all_that_docker_would_have_read() -> None:
    """Docker refuses the first fault, perhaps one that only it can see, so it is given all."""
    problem = refused("--net", "host", "-m=x", "-dX", "image")
    assert problem.text == "unknown shorthand flag: 'X' in -X"
    assert problem.probe == ("--network=host", "--memory=x", "--detach=true", "-dX")
    assert refused("-d", "--name", "x").probe == ("--detach=true", "--name=x")


@pytest.mark.parametrize(
    ("argv", "text", "probe"),
    [
        (("--bogus=1", "i"), "unknown flag: --bogus", "--bogus=1"),
        (("-dX", "i"), "unknown shorthand flag: 'X' in -X", "-dX"),
        (("---rm", "i"), "bad flag syntax: ---rm", "---rm"),
        (("--name",), "flag needs an argument: --name", "--name"),
        (("-itu",), "flag needs an argument: 'u' in -u", "-itu"),
        (
            ("--rm=x", "i"),
            'invalid argument "x" for "--rm" flag: neither true nor false',
            "--rm=x",
        ),
        (("-t=x", "i"), 'invalid argument "x" for "--tty" flag: neither true nor false', "-t=x"),
        ((), "docker run requires at least 1 argument: the image", None),
    ],
)
def test_a_fault_is_told_as_docker_tells_it(
    argv: tuple[str, ...], text: str, probe: str | None
) -> None:
    """And the last of the words that show it is the one that is wrong."""
    problem = refused("-h", "x", *argv)
    assert problem.text == text
    assert problem.probe[:1] == ("--hostname=x",)
    assert problem.probe[-1] == (probe or "--hostname=x")


def test_what_only_the_clis_help_names_is_unknown() -> None:
    """The first of it; there may be none."""
    learned = TABLE.extended("      --new string   A value\n      --newer        None\n")
    command = parse(("-d", "--newer", "--new=x", "i"), learned)
    assert isinstance(command, RunCommand)
    assert unknown(command) == "newer"
    assert unknown(understood("-d", "-u5", "i")) is None


def test_go_test_flags_are_passed_over() -> None:
    """Pflag drops `test.` and the rest of the word, but not the letters before it."""
    assert understood("-test.v", "i") == RunCommand((), (), "i", ())
    assert understood("-dtest.run=foo", "i") == RunCommand((("detach", "true"),), (), "i", ())


@pytest.mark.parametrize("image", ["", "-", "i", "é", "\udcff", "a b", "\n"])
def test_the_first_operand_is_the_image(image: str) -> None:
    """A lone dash and an empty word are operands, and what follows belongs to the container."""
    assert understood(image, "-d", "--", "").args == ("-d", "--", "")
    assert understood(image, "-d", "--", "").image == image


def test_two_dashes_end_the_options() -> None:
    """After them even an option is an image."""
    command = understood("-d", "--", "--privileged", "x")
    assert command == RunCommand((("detach", "true"),), (), "--privileged", ("x",))


def test_help_needs_no_image() -> None:
    """A request for information is a command line without an image."""
    assert understood("--name=x", "--help") == RunCommand(
        (("name", "x"), ("help", "true")), (), "", ()
    )
    assert understood("--help", "i").image == "i"
    assert understood("--saferun-version").own == (("saferun-version", "true"),)
    assert not understood("--help=false", "i").is_true("help")


def test_aliases_are_written_by_their_visible_name() -> None:
    """Hidden names are read, never written, and share one list."""
    command = understood("--net=a", "--network", "b", "--net-alias=c", "--dns-opt=d", "i")
    assert command.all("network") == ("a", "b")
    assert to_argv(command) == [
        *("--network=a", "--network=b", "--network-alias=c", "--dns-option=d"),
        *("--", "i"),
    ]


def test_own_options_stand_anywhere_and_go_nowhere() -> None:
    """Saferun's options are kept apart, and docker never sees them."""
    argv = ("--policy", "-d", "-it", "--explain", "--verify=off", "--report", "r", "-u0", "i")
    command = understood(*argv, "--explain")
    assert command.own == (
        ("policy", "-d"),
        ("explain", "text"),
        ("verify", "off"),
        ("report", "r"),
    )
    assert to_argv(command) == [
        *("--interactive=true", "--tty=true", "--user=0"),
        *("--", "i", "--explain"),
    ]


def test_explain_never_takes_the_next_word() -> None:
    """A format must be joined to it."""
    assert understood("--explain", "json").image == "json"
    assert understood("--explain=json", "i").own == (("explain", "json"),)


@pytest.mark.parametrize("flag", OWN, ids=lambda flag: flag.name)
def test_own_options_explain_themselves(flag: Flag) -> None:
    """Docker cannot say what is wrong with them, so there is a text and no probe."""
    problem = refused(f"--{flag.name}=" if not flag.choices else f"--{flag.name}=maybe", "i")
    assert problem.kind == "own-option"
    takes = f"takes {' or '.join(flag.choices)}" if flag.choices else "needs a file name"
    assert problem.text.startswith(f"--{flag.name} {takes}")
    assert problem.probe == ()


@pytest.mark.parametrize("name", ["policy", "report", "verify"])
def test_own_options_need_their_values(name: str) -> None:
    """At the end of the line there is none."""
    assert refused(f"--{name}").kind == "own-option"


def test_options_can_be_added_and_removed() -> None:
    """A command is never changed; a changed copy is returned."""
    command = understood("-u1", "-eA", "-u2", "i")
    assert command.without("user").options == (("env", "A"),)
    assert command.with_option("user", "3").last("user") == "3"
    assert command.all("user") == ("1", "2")
    assert command.last("name") is None


def test_values_are_handed_on_verbatim_and_judged_as_they_are_sent() -> None:
    """Go's JSON has U+FFFD for every byte that is no UTF-8; docker's own files keep their names."""
    command = understood("--user=a\udcff\udcfe", "--env-file=e\udcff", "img", "\udcff")
    assert command.all("user") == ("a\ufffd\ufffd",)
    assert command.last("user") == "a\ufffd\ufffd"
    assert command.verbatim("env-file") == ("e\udcff",)
    assert to_argv(command) == ["--user=a\udcff\udcfe", "--env-file=e\udcff", "--", "img", "\udcff"]


def test_a_learned_flag_is_read_like_any_other() -> None:
    """With a table that has learned from a help text, its flags are no longer unknown."""
    learned = TABLE.extended("      --new string   A value\n      --newer        None\n")
    argv = ("--new", "x", "--newer", "i")
    assert refused(*argv).kind == "unknown-flag"
    assert parse(argv, learned) == RunCommand((("new", "x"), ("newer", "true")), (), "i", ())
