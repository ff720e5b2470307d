"""The shipped laws, read as the run door reads them, and asked about command lines.

A law's table is a text file of its name: on each line an answer, a bar, and words for docker run.
"""

from __future__ import annotations

import re
from pathlib import Path

from saferun import laws
from saferun.formats.docker_run.discharge import discharge
from saferun.formats.docker_run.spec import to_spec
from saferun.judge.evaluate import evaluate
from saferun.judge.policy import BUILT_IN, Layer
from saferun.judge.record import Record
from saferun.judge.rules import Asking, in_force
from saferun.judged import judge, with_early_defaults
from tests.judging import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.judge.decision import Decision

HERE = Path(__file__).parent
POLICIES = HERE.parents[1] / "policies"
NAMES = tuple(sorted(path.stem for path in POLICIES.glob("*.toml")))
#: A line of a law that is left open: a comment that is a whole statement, or the head of a table.
LEFT_OPEN = re.compile(r"^# (?=\[+\w+\]+$|[\w-]+ = )", re.MULTILINE)


class Case(Record):
    """What a law is said to answer: "runs", "adds …" or "refused …", and the words."""

    answer: str
    words: str


def text(name: str) -> str:
    """Return the text of a law."""
    return (POLICIES / f"{name}.toml").read_text(encoding="utf-8")


def shipped(name: str, *, with_comments: bool = False) -> Layer:
    """Return a law as the system's layer, perhaps with the lines that it leaves open."""
    law = text(name)
    if with_comments:
        law = LEFT_OPEN.sub("", law)
    path = str(POLICIES / f"{name}.toml")
    _, layer = laws.of_files([("system", path, law.encode())])
    return layer


def answer(asked: RunCommand, law: Layer, *, built_in: bool = False) -> Decision:
    """Judge a command line as it is by a law, with or without the built-in one."""
    return evaluate(to_spec(asked, known(asked)), _in_force(asked, law, built_in=built_in))


def run(asked: RunCommand, law: Layer) -> tuple[Decision, RunCommand]:
    """Return what the run door decides, and the command line with all that it adds."""
    command, early = with_early_defaults(asked, (BUILT_IN, law))
    judged = judge(command, known(command), early, _in_force(command, law))
    return judged.decision, discharge(judged.command, judged.decision.obligations)


def _in_force(asked: RunCommand, law: Layer, *, built_in: bool = True) -> tuple[Layer, ...]:
    image = to_spec(asked, known(asked)).image
    asking = Asking(image, 1000, frozenset((1000,)), "2026-06-01")
    return in_force((*([BUILT_IN] if built_in else []), law), asking)


def cases(name: str) -> list[Case]:
    """Return a law's table."""
    lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.partition("|") for line in lines if line.strip() and not line.startswith("#"))
    return [Case(answer.strip(), words.strip()) for answer, _, words in rows]
