"""Amounts on the command line, as the client reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.resources import amounts
from saferun.judge.spec import UNLIMITED

SILENCE = {
    "memory": None,
    "memory_swap": None,
    "cpus": None,
    "pids_limit": None,
    "shm_size": None,
    "ulimits": (),
    "oom_score_adj": None,
    "restart": ("no", 0),
}
SWAPS = {"memory": 64 << 20, "memory_swap": 128 << 20}
ENDLESS = (UNLIMITED, UNLIMITED)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], {}),
        (["-m", "64m"], SWAPS),
        (["-m", "64 m"], SWAPS),
        (["-m64m", "--memory-swap=0"], SWAPS),
        (["-m64m", "--memory-swap=64m"], {"memory": 64 << 20, "memory_swap": 64 << 20}),
        (["-m64m", "--memory-swap=1 b"], {"memory": 64 << 20, "memory_swap": 1}),
        (["-m64m", "--memory-swap=-1"], {"memory": 64 << 20, "memory_swap": UNLIMITED}),
        (["--memory-swap=-1"], {"memory_swap": UNLIMITED}),
        (["--memory-swap=0"], {}),
        (["--shm-size=1 k"], {"shm_size": 1024}),
        (["--cpus=1.5"], {"cpus": 1_500_000_000}),
        (["--cpus=0.000000001"], {"cpus": 1}),
        (["--cpus=1/2"], {"cpus": 500_000_000}),
        (["--cpus=1/3"], {"cpus": 333_333_333}),
        (["--cpus=+7/1"], {"cpus": 7_000_000_000}),
        # Octal numbers begin with a zero.
        (["--cpus=100/0100"], {"cpus": 1_562_500_000}),
        (["--cpu-quota=50000"], {"cpus": 500_000_000}),
        (["--cpu-quota=1"], {"cpus": 10_000}),
        (["--cpu-quota=50000", "--cpu-period=25000"], {"cpus": 2_000_000_000}),
        (["--cpu-quota=50000", "--cpu-period=0"], {"cpus": 500_000_000}),
        (["--cpu-quota=1", "--cpu-period=3"], {"cpus": 333_333_333}),
        (["--cpu-quota=1", "--cpu-period=1"], {"cpus": 1_000_000_000}),
        (["--cpu-period=25000"], {}),
        (["--cpus=1", "--cpu-quota=50000"], {"cpus": 1_000_000_000}),
        (["--pids-limit=5"], {"pids_limit": 5}),
        (["--pids-limit=+1"], {"pids_limit": 1}),
        (["--pids-limit=0x10"], {"pids_limit": 16}),
        (["--pids-limit=010"], {"pids_limit": 8}),
        (["--pids-limit=1_000"], {"pids_limit": 1000}),
        (["--oom-score-adj=-500"], {"oom_score_adj": -500}),
        (["--oom-score-adj=-010"], {"oom_score_adj": -8}),
        (["--oom-score-adj=+010"], {"oom_score_adj": 8}),
        (["--oom-score-adj=0"], {"oom_score_adj": 0}),
        (["--ulimit=core=5:9"], {"ulimits": (("core", 5, 9),)}),
        (["--ulimit=core=5:9", "--ulimit=core=7"], {"ulimits": (("core", 7, 7),)}),
        (
            ["--ulimit=core=-1", "--ulimit=nice=1:-1"],
            {"ulimits": (("core", *ENDLESS), ("nice", 1, UNLIMITED))},
        ),
        (["--restart=on-failure:3"], {"restart": ("on-failure", 3)}),
        (["--restart=always"], {"restart": ("always", 0)}),
        (["--restart="], {"restart": ("no", 0)}),
    ],
)
def test_amounts_are_what_the_client_makes_of_them(
    words: list[str], found: dict[str, object]
) -> None:
    """And nothing is said of the others."""
    read = parse([*words, "img"])
    assert isinstance(read, RunCommand)
    assert amounts(read) == {**SILENCE, **found}


@pytest.mark.parametrize(
    ("words", "field"),
    [
        *((["-m", text], "memory") for text in ("0", "1e9", "", "1  k", "x", "1kbb", "-1")),
        *((["--shm-size", text], "shm_size") for text in ("0", "x")),
        *(
            (["--cpus", text], "cpus")
            for text in (
                *("0", "-1", "nan", "inf", "1e400", "x", "", "0x1", "0/5", "-1/2", "1/-2", "1/0"),
                *("1/x", "x/1", "0_144/0_144", "1/2/3", "1.5/3", "/", "1/"),
            )
        ),
        *((["--cpu-quota", text], "cpus") for text in ("0", "-1", "x", "")),
        *((["--cpu-quota=1", "--cpu-period", text], "cpus") for text in ("-1", "x", "")),
        *((["--pids-limit", text], "pids_limit") for text in ("0", "-1", "x", "08", "", "-0x5")),
        *((["--oom-score-adj", text], "oom_score_adj") for text in ("x", "08", "", "--5")),
    ],
)
def test_what_is_no_amount_is_one_without_an_end(words: list[str], field: str) -> None:
    """No limit lets it pass."""
    read = parse([*words, "img"])
    assert isinstance(read, RunCommand)
    assert amounts(read)[field] >= UNLIMITED


@pytest.mark.parametrize("text", ["x", "", ":5", "5:6:7", "a=b", "\u0661", "0x10", "1_0"])
def test_a_bound_that_is_none_is_without_an_end(text: str) -> None:
    """Also where only one of the two is none."""
    ((name, soft, hard),) = amounts(RunCommand((("ulimit", f"core={text}"),), (), "i", ()))[
        "ulimits"
    ]
    assert name == "core"
    assert UNLIMITED in (soft, hard)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("on-failure:x", "on-failure"),
        ("on-failure:3:4", "on-failure"),
        ("on-failure:\u00b2", "on-failure"),
        (":3", "no"),
    ],
)
def test_a_count_that_is_none_is_never(text: str, policy: str) -> None:
    """As many tries as there can be."""
    restart = amounts(RunCommand((("restart", text),), (), "i", ()))["restart"]
    assert restart == (policy, 3 if text == ":3" else 0)


NAMES = ("memory", "memory-swap", "cpus", "cpu-quota", "cpu-period", "pids-limit", "shm-size")


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text(alphabet="0123456789.-+_/xekmg \u0661n")))
)
def test_no_amount_is_less_than_nothing(options: list[tuple[str, str]]) -> None:
    """Whatever is said, and in whatever combination, a limit is a number or an end."""
    found = amounts(RunCommand(tuple(options), (), "i", ()))
    for name in ("memory", "memory_swap", "cpus", "pids_limit", "shm_size"):
        assert found[name] is None or found[name] >= 0
