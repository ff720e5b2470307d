"""The docker function in the real shells: who gets which words, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shells.conftest import Place

ODD = [
    *("", " ", "a b", "*", "$HOME", "'", '"', "\\", "\\n", "a\nb", "-", "--", "~", "é", "\udcff"),
    *("{a,b}", "!!", "`id`", "$(id)", "#x", "a=b", "[x]", "?", "run", "a\\", "&", ";", "|", "%"),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run"], ["saferun"]),
        (["run", "img"], ["saferun", "img"]),
        (["run", "run", "run"], ["saferun", "run", "run"]),
        (["run", *ODD], ["saferun", *ODD]),
        (["run", "--help"], ["saferun", "--help"]),
        (["container", "run"], ["saferun"]),
        (["container", "run", *ODD], ["saferun", *ODD]),
        (["container", "--help", "run", "x"], None),
        (["-H", "x", "run", *ODD], None),
        (["--context=x", "container", "run", "img"], None),
        (["-v"], None),
        (["--", "run", "img"], None),
        ([], ["docker"]),
        (["ps", *ODD], ["docker", "ps", *ODD]),
        (["container"], ["docker", "container"]),
        (["container", "ls", "run"], ["docker", "container", "ls", "run"]),
        (["compose", "run", "web"], ["docker", "compose", "run", "web"]),
        (["", "run"], ["docker", "", "run"]),
        (["run x", "img"], ["docker", "run x", "img"]),
        (["container run", "img"], ["docker", "container run", "img"]),
        (["RUN", "img"], ["docker", "RUN", "img"]),
        (["__complete", "run", ""], ["docker", "__complete", "run", ""]),
    ],
)
def test_who_gets_which_words(place: Place, words: list[str], expected: list[str] | None) -> None:
    """Run is saferun's; where an option comes first docker-saferun finds out; the rest is docker's.

    Every word arrives as it was.
    """
    assert place.docker(*words) == 0
    assert place.notes() == [expected or ["docker-saferun", "as-docker", *words]]


@pytest.mark.parametrize("words", [["run"], ["container", "run"], ["-D", "run"], ["ps"]])
@pytest.mark.parametrize("status", ["1", "125"])
def test_the_exit_status_comes_back(place: Place, words: list[str], status: str) -> None:
    """Also where the function is the last thing that a script does."""
    assert place.docker(*words, STATUS=status) == int(status)


def test_streams_are_handed_on(place: Place) -> None:
    """A function in a pipe is as good as a program."""
    done = place.run("docker run | cat; docker ps | cat", environ={"SAY": "said."})
    assert (done.stdout, done.stderr) == (b"said.said.", b"")


def test_variables_for_one_call_reach_saferun(own_place: Place) -> None:
    """`DOCKER_HOST=… docker run` names the engine of this run."""
    (own_place.ours / "saferun").write_text('#!/bin/sh\necho "$DOCKER_HOST"\n')
    done = own_place.run("DOCKER_HOST=unix:///there docker run img")
    assert done.stdout == b"unix:///there\n"


def test_again_is_harmless(place: Place) -> None:
    """A start-up file is read again by whoever has changed it."""
    done = place.run(". ./init; docker run img")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert place.notes() == [["saferun", "img"]]


STRICT = {
    "bash": ["set -eu -o pipefail", "set -o posix", "shopt -s nullglob failglob; IFS=r"],
    "zsh": [
        "setopt NO_UNSET ERR_EXIT ERR_RETURN PIPE_FAIL",
        "setopt KSH_ARRAYS SH_WORD_SPLIT GLOB_SUBST; IFS=r",
        "setopt RC_QUOTES RC_EXPAND_PARAM NULL_GLOB EXTENDED_GLOB POSIX_BUILTINS",
        "emulate sh",
        "emulate ksh",
    ],
    "fish": ["set -g fish_trace ''"],
}
ALIASED = {
    "bash": "shopt -s expand_aliases; alias docker='echo alias'",
    "zsh": "setopt aliases; alias docker='echo alias'",
    "fish": "alias docker 'echo alias'",
}


def test_options_of_the_shell_change_nothing(place: Place) -> None:
    """People set strange ones, and mean something else by it."""
    line = "docker $argv" if place.shell == "fish" else 'docker "$@"'
    for options in STRICT[place.shell]:
        done = place.run(line, "run", *ODD, before=options)
        assert (done.returncode, done.stderr) == (0, b""), options
        assert place.notes() == [["saferun", *ODD]], options
        done = place.run("docker", before=options)
        assert (done.returncode, done.stderr) == (0, b""), options
        assert place.notes() == [["docker"]], options


def test_an_alias_does_not_go_past(place: Place) -> None:
    """An alias of docker is looked up before any function."""
    done = place.run("docker run img", before=ALIASED[place.shell])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert place.notes() == [["saferun", "img"]]


def test_without_saferun_nothing_runs(own_place: Place) -> None:
    """After an uninstallation the function fails; it never falls back to docker."""
    own_place.run("docker ps")
    own_place.notes()
    for name in ("saferun", "docker-saferun"):
        (own_place.ours / name).unlink()
    for words in (["run", "img"], ["container", "run", "img"], ["-D", "run", "img"]):
        assert own_place.docker(*words) == 127
        assert own_place.notes() == []
