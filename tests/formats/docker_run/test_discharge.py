"""Rewriting a command line: defaults where it is silent, obligations always."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from saferun.formats.docker_run.command import RunCommand, parse, to_argv
from saferun.formats.docker_run.discharge import discharge, with_defaults, words
from saferun.judge.decision import Obligation
from saferun.judge.policy import Origin, Statement

if TYPE_CHECKING:
    from saferun.judge.policy import Value


def command(*given: str) -> RunCommand:
    """Read a command line that is in order."""
    read = parse(given)
    assert isinstance(read, RunCommand)
    return read


def default(key: str, value: Value) -> Statement:
    """A default of a policy file."""
    return Statement("defaults", "any", key, value, Origin("p.toml", 3, f"defaults.{key}"))


@pytest.mark.parametrize(
    ("given", "defaults", "options"),
    [
        ((), [default("pids-limit", 5)], [("pids-limit", "5")]),
        (("--pids-limit=9",), [default("pids-limit", 5)], [("pids-limit", "9")]),
        (("--pids-limit=",), [default("pids-limit", 5)], [("pids-limit", "")]),
        ((), [default("init", value=True)], [("init", "true")]),
        ((), [default("init", value=False)], [("init", "false")]),
        (("--init=false",), [default("init", value=True)], [("init", "false")]),
        (("--net=host",), [default("network", "none")], [("network", "host")]),
        (
            (),
            [default("cap-drop", ("NET_RAW", "CHOWN")), default("memory", "1g")],
            [("cap-drop", "NET_RAW"), ("cap-drop", "CHOWN"), ("memory", "1g")],
        ),
        (("--cap-drop=KILL",), [default("cap-drop", ("NET_RAW",))], [("cap-drop", "KILL")]),
        ((), [default("cap-drop", ())], []),
        # What says the same, or rules it out.
        (("--cpu-quota=5",), [default("cpus", "1")], [("cpu-quota", "5")]),
        (("--cpu-period=5",), [default("cpus", "1")], [("cpu-period", "5")]),
        (
            ("--no-healthcheck=false",),
            [default("health-cmd", "true")],
            [("no-healthcheck", "false")],
        ),
        (("--rm",), [default("restart", "always")], [("rm", "true")]),
        (("--restart=no",), [default("rm", value=True)], [("restart", "no")]),
    ],
)
def test_defaults_are_used_where_the_command_line_is_silent(
    given: tuple[str, ...], defaults: list[Statement], options: list[tuple[str, str]]
) -> None:
    """One option for each word; saying anything at all, in whatever spelling, is not silence."""
    changed = with_defaults(command(*given, "img", "a"), defaults)
    assert list(changed.options) == options
    assert (changed.image, changed.args) == ("img", ("a",))
    assert with_defaults(changed, defaults) == changed


def test_obligations_are_added_after_everything_else() -> None:
    """So that they win where the last one does."""
    given = command("--read-only=false", "-u5", "img", "--read-only")
    obligations = [
        Obligation("cap-drop", "cap-drop", "ALL", "because"),
        Obligation("read-only", "read-only", "true", "because"),
    ]
    changed = discharge(given, obligations)
    assert to_argv(changed) == [
        "--read-only=false",
        "--user=5",
        "--cap-drop=ALL",
        "--read-only=true",
        "--",
        "img",
        "--read-only",
    ]
    assert changed.is_true("read-only")
    assert discharge(given, []) == given


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, ("true",)),
        (False, ("false",)),
        (0, ("0",)),
        (-1, ("-1",)),
        ("", ("",)),
        ("a b", ("a b",)),
        ((), ()),
        (("a", "b"), ("a", "b")),
    ],
)
def test_policy_values_as_words(value: Value, written: tuple[str, ...]) -> None:
    """A switch is not the number one."""
    assert words(value) == written
