"""The flag table, and what it learns from a CLI's help."""

from __future__ import annotations

from saferun.formats.docker_run.flags import ALIASES, TABLE, Flag, described

HELP = """
Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]

Create and run a new container from an image

Options:
      --add-host list                    Add a custom host-to-IP mapping
                                         (host:ip)
  -a, --attach list                      Attach to STDIN, STDOUT or
                                         STDERR
      --brand-new string                 Takes a value, and goes well with
                                         --wrapped, --rm
      --brand-new-switch                 Takes none (default true)
  -z, --zap                              Has a letter of its own
  -u, --upgrade                          Wants a letter that is taken
      --user int                         Not what it used to be
      --verify string                    Has a name that saferun has taken
      --perhaps string[="x"]             May be left without a value
      --longest-of-all-the-flags         Last
      --bare
"""


def rows() -> dict[str, tuple[str, str]]:
    """Return what the help text says: letter and kind by name."""
    return {name: (short, kind) for name, short, kind, _ in described(HELP)}


def test_the_table_holds_every_flag_of_the_three_command_lines() -> None:
    """CLI 20.10, 28 and 29 have 107 flags between them, three of which are aliases."""
    docker = [flag for flag in TABLE if not flag.own]
    assert len(docker) + len(ALIASES) == 107
    assert len({flag.name for flag in docker}) == len(docker)


def test_letters_are_those_of_docker_run() -> None:
    """After `run`, letters mean what they mean there, not what they mean before it."""
    letters = {flag.short: flag.name for flag in TABLE if flag.short}
    assert letters == {
        "a": "attach",
        "c": "cpu-shares",
        "d": "detach",
        "e": "env",
        "h": "hostname",
        "i": "interactive",
        "l": "label",
        "m": "memory",
        "p": "publish",
        "P": "publish-all",
        "q": "quiet",
        "t": "tty",
        "u": "user",
        "v": "volume",
        "w": "workdir",
    }


def test_an_alias_finds_the_flag_that_help_shows() -> None:
    """A hidden name and its visible one are the same flag."""
    for alias, name in ALIASES.items():
        assert TABLE.named(alias) == TABLE.named(name)


def test_every_flag_is_found_by_its_name_and_letter() -> None:
    """Iteration and look-up agree."""
    for flag in TABLE:
        assert TABLE.named(flag.name) == flag
        assert not flag.short or TABLE.lettered(flag.short) == flag


def test_nothing_is_found_by_half_a_name() -> None:
    """Names are neither abbreviated nor folded."""
    for name in ("", "privilege", "PRIVILEGED", " user", "user=", "u"):
        assert TABLE.named(name) is None
    for letter in ("", "U", "z", "us"):
        assert TABLE.lettered(letter) is None


def test_only_our_own_options_are_marked_own() -> None:
    """Whatever is own never reaches docker."""
    own = {flag.name for flag in TABLE if flag.own}
    assert own == {"explain", "policy", "report", "saferun-version", "verify"}


def test_help_lines_tell_values_from_switches() -> None:
    """A type word after the name means a value; spaces, or nothing, mean none."""
    assert rows()["brand-new"] == ("", "value")
    assert rows()["brand-new-switch"] == ("", "bool")
    assert rows()["longest-of-all-the-flags"] == ("", "bool")
    assert rows()["bare"] == ("", "bool")
    assert rows()["zap"] == ("z", "bool")


def test_wrapped_help_text_names_no_flag() -> None:
    """What stands in a continuation line is prose."""
    assert {"wrapped", "rm"}.isdisjoint(rows())


def test_a_value_that_may_be_left_out_is_not_understood() -> None:
    """Such a flag stays unknown, so that docker answers for it."""
    assert "perhaps" not in rows()


def test_the_table_learns_only_what_it_lacks() -> None:
    """Flags and letters that are known stay what they are."""
    learned = TABLE.extended(HELP)
    assert learned.named("user") == TABLE.named("user")
    assert learned.lettered("u") == TABLE.named("user")
    assert learned.named("verify") == TABLE.named("verify")
    assert learned.lettered("") is None
    assert learned.named("brand-new") == Flag("brand-new", "", "value", "append")
    assert learned.lettered("z") == Flag("zap", "z", "bool", "append")
    assert TABLE.named("brand-new") is None


def test_a_text_that_is_no_help_teaches_nothing() -> None:
    """An error message, or nothing at all, leaves the table as it is."""
    for text in ("", "Cannot connect to the Docker daemon\n", "--bogus\n -- \n      -- x\n\0"):
        assert list(TABLE.extended(text)) == list(TABLE)
