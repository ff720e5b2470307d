"""`saferunctl`: an answer that nobody can read is not taken for another one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WORDS = (sys.executable, "-c", "from saferun import ctl; ctl.main()", "policy", "show")
#: Where the answer cannot go, and what is said about it.
CLOSED = {"/dev/full": "saferunctl: no space left on device\n", "pipe": ""}


@pytest.mark.parametrize("where", CLOSED)
def test_an_answer_that_cannot_be_written_is_no_finding(where: str) -> None:
    """Not even for a pipe that nobody reads, for which click would exit with 1."""
    if where == "pipe":
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open(where, os.O_WRONLY)
    try:
        done = subprocess.run(WORDS, stdout=write, stderr=subprocess.PIPE, check=False, text=True)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (2, CLOSED[where])


def test_without_stdout_the_exit_status_is_the_answer() -> None:
    """As cron and supervisors may start it."""
    words = ("sh", "-c", 'exec "$@" >&-', "sh", *WORDS)
    done = subprocess.run(words, stderr=subprocess.PIPE, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
