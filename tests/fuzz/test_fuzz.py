"""Every target: what is kept is played again, and a short run from it finds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module, util
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.__main__ import INSTALL, words

#: What some seconds allow; `python -m tests.fuzz` runs for as long as one likes.
RUNS = {
    "parser": 1500,
    "policy": 3000,
    "body": 5000,
    "http": 10000,
    "image": 4000,
    "users": 20000,
    "proc": 20000,
}
SEED = 2026


@pytest.mark.parametrize("target", corpus.TARGETS)
def test_every_input_that_is_kept_holds(target: str) -> None:
    """On every Python, without a fuzzer: what once failed, and what reaches every branch."""
    run = import_module(f"tests.fuzz.{target}").run
    inputs = corpus.load(target)
    assert len(inputs) > 10
    for data in inputs:
        run(data)


@pytest.mark.parametrize("target", corpus.TARGETS)
def test_a_short_run_finds_nothing(target: str) -> None:
    """Guided by coverage, from the corpus; the same inputs on every run of the same code."""
    if util.find_spec("atheris") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(INSTALL, pytrace=False)
        pytest.skip(INSTALL)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, f"--runs={RUNS[target]}", f"--seed={SEED}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{target}: nothing found in {RUNS[target]} runs" in done.stdout


@pytest.mark.parametrize("target", corpus.TARGETS)
def test_what_is_kept_is_small_and_in_order(target: str) -> None:
    """It is read by people, and played on every run of the tests."""
    text = (Path(corpus.__file__).parent / "corpus" / f"{target}.txt").read_text(encoding="ascii")
    inputs = corpus.load(target)
    assert [corpus.shown(data) for data in inputs] == text.splitlines()
    assert inputs == sorted(set(inputs), key=lambda data: (len(data), data))
    assert len(text) < 60_000
    assert words(target).count("\n") == len(import_module(f"tests.fuzz.{target}").WORDS)
