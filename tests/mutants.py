"""Mutation testing: every small change to the law that no test notices is told.

    python -m tests.mutants [--short] [--minutes 60] [--tests tests/judge/…] [saferun/judge/…]

mutmut makes the mutants, finds out which tests reach a function, and runs just those, each mutant
in a fork, so that imports are paid once. It works in a copy of the repository. What it cannot see
are statements outside of functions, properties, and guards that are missing as a whole.

A mutant that differs only in the words of a message counts as text. Every other survivor has to
be in `MEANT`, with the reason why it is as good as the original, or it is a fault.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
#: What the promise hangs on: what an engine grants, what may be held, and whether it is so.
SHORT = [f"saferun/judge/{name}.py" for name in ("capabilities", "evaluate", "verify")]
WHOLE = ["saferun/judge", "saferun/formats/docker_run"]
#: Tests without an engine and without a docker CLI, and for the short version those nearest.
TESTS = ["tests/judge", "tests/laws", "tests/formats/docker_run", "tests/test_judged.py"]
SHORT_TESTS = [
    *(f"tests/judge/test_{name}.py" for name in ("capabilities", "evaluate", "verify")),
    "tests/test_judged.py",
]
#: Survivors that are meant, as the changed line and what became of it, with the reason.
_ZIP = "for name, held in zip(SETS, process.sets, strict=True)"
_FIVE = "evidence has five sets by its type"
MEANT: dict[tuple[str, str], str] = {
    (_ZIP, _ZIP.replace("True", "None")): _FIVE,
    (_ZIP, _ZIP.replace("True", "False")): _FIVE,
    (_ZIP, _ZIP.replace("strict=True", "")): _FIVE,
    (
        'NAMES[bit] if bit < len(NAMES) else f"CAP_{bit}" for bit in range(64) if mask >> bit & 1',
        'NAMES[bit] if bit < len(NAMES) else f"CAP_{bit}" for bit in range(65) if mask >> bit & 1',
    ): "a mask has 64 bits",
    (
        'named = next((one for one in options if one.startswith("seccomp=")), "")',
        'named = next((one for one in options if one.startswith("seccomp=")), None)',
    ): "the empty word and None are both no name",
}
#: The same for the readers of command lines: the line, what becomes of what, and the reason.
_READERS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        'said = {"type": "volume", "source": "", "target": ""}',
        'target": ""',
        ('target": "XXXX"',),
        "a target that is not absolute is none",
    ),
    (
        'said["ro"] = given if equals else "true"',
        "true",
        ("TRUE",),
        "Go takes both for true",
    ),
    (
        '_propagation([said.get("bind-propagation", "")]),',
        ', ""',
        (", None", ", ", ', "XXXX"'),
        "neither is a way of propagation",
    ),
    (
        'words = said.get("o", "").split(",")',
        '""',
        ('"XXXX"',),
        "neither is an option of mount(8)",
    ),
    (
        'source=as_walked(said.get("device", "")),',
        '""',
        ('"XXXX"',),
        "both are relative",
    ),
    (
        'return self.named(self._letters.get(letter, ""))',
        ', ""',
        (", None", ", ", ', "XXXX"'),
        "no flag is called so",
    ),
    (
        'return text.replace("\\u0130", "i").lower()',
        '"i"',
        ('"I"',),
        "it is made lower afterwards",
    ),
    (
        'kind, _, name = value.partition("=")',
        "partition",
        ("rpartition",),
        "no part of a CDI name has an equals sign",
    ),
    (
        'vendor, _, group = kind.partition("/")',
        "partition",
        ("rpartition",),
        "neither vendor nor class has a slash",
    ),
    (
        'digits = text.lstrip("+-")',
        "+-",
        ("XX+-XX",),
        "with an X it is no number either way",
    ),
    (
        'above, slash, below = text.partition("/")',
        "partition",
        ("rpartition",),
        "with two slashes it is no number either way",
    ),
)
MEANT |= {
    (line, line.replace(old, new)): reason
    for line, old, changed, reason in _READERS
    for new in changed
}
KILLED, SURVIVED, UNREACHED, TIMED_OUT = "killed", "survived", "not reached", "timed out"
#: mutmut's exit codes: pytest's, and its own.
OUTCOMES = {0: SURVIVED, 1: KILLED, 3: KILLED, 5: UNREACHED, 33: UNREACHED}
NOT_RUN, STOPPED = "not run", (24, -24, 36, 152, 255)


class Mutant(NamedTuple):
    """One mutant: in which module, what became of it, and the lines that it changed."""

    module: str
    outcome: str
    before: str
    after: str

    @property
    def is_text(self) -> bool:
        """Whether it differs only in the words of a message: strings with a space in them."""
        return _without_messages(self.before) == _without_messages(self.after)


def _without_messages(line: str) -> list[str]:
    words = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            # From Python 3.12 on the pieces of an f-string are tokens of their own.
            if "STRING" in tokenize.tok_name[token.type] and " " in token.string:
                continue
            words.append(token.string)
    except (tokenize.TokenError, IndentationError):
        pass  # a line is a part of a statement
    return words


def run(paths: Sequence[str], tests: Sequence[str], seconds: float, workers: int) -> list[Mutant]:
    """Let mutmut try every mutant of these paths, or as many as there is time for."""
    with tempfile.TemporaryDirectory(prefix="saferun-mutants-") as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__")
        )
        patterns = [path if path.endswith(".py") else f"{path}/*.py" for path in paths]
        with (copy / "pyproject.toml").open("a") as file:
            file.write(
                "\n[tool.mutmut]\n"
                'source_paths = ["saferun"]\n'
                'also_copy = ["policies", "docs", "README.md", "script"]\n'
                f"only_mutate = {json.dumps(patterns)}\n"
                f"pytest_add_cli_args_test_selection = {json.dumps(list(tests))}\n"
                'pytest_add_cli_args = ["-p", "no:cacheprovider"]\n'
                "timeout_multiplier = 4\n"
            )
        words = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers)]
        # The same examples for every mutant: a survivor must mean a test that is missing.
        env = {**os.environ, "CI": "true"}
        with (Path(scratch) / "said").open("w+b") as said:
            child = subprocess.Popen(
                words, cwd=copy, env=env, stdout=said, stderr=said, start_new_session=True
            )
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, 9)
                    child.wait()
            found = list(_results(copy / "mutants"))
            if not found:
                said.seek(0)
                raise SystemExit(said.read().decode(errors="replace")[-4000:])
    return found


def _results(made: Path) -> Iterator[Mutant]:
    for meta in sorted(made.rglob("*.py.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        path = meta.with_suffix("")
        functions = _functions(path) if codes else {}
        for key, code in codes.items():
            name = key.rpartition(".")[2]
            original = functions[f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"]
            before, after = _difference(original, functions[name])
            yield Mutant(str(path.relative_to(made)), _outcome(code), before, after)


def _outcome(code: int | None) -> str:
    if code is None:
        return NOT_RUN
    return TIMED_OUT if code in STOPPED else OUTCOMES.get(code, f"ended with {code}")


def _functions(path: Path) -> dict[str, list[str]]:
    text = path.read_text()
    lines = text.splitlines()
    return {
        node.name: [line.strip() for line in lines[node.lineno : node.end_lineno]]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """Return the lines in which two versions differ: one mutation is in one place."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return " ".join(before), " ".join(after)


def main() -> int:
    """Try the mutants that the command line names; return 1 when one survives that must not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", help="modules or directories")
    parser.add_argument("--short", action="store_true", help="what the promise hangs on")
    parser.add_argument("--tests", nargs="+", help="tests to choose from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    began = time.monotonic()
    paths = given.paths or (SHORT if given.short else WHOLE)
    tests = given.tests or (SHORT_TESTS if given.short else TESTS)
    mutants = run(paths, tests, given.minutes * 60, given.workers)
    survivors = [one for one in mutants if one.outcome in (SURVIVED, UNREACHED)]
    faults = [one for one in survivors if not one.is_text and (one.before, one.after) not in MEANT]
    for one in [*faults, *(one for one in mutants if one.outcome == TIMED_OUT)]:
        print(f"{one.module}: {one.outcome}\n- {one.before}\n+ {one.after}")  # noqa: T201 - a command
    for module in sorted({one.module for one in mutants}):
        its = [one for one in mutants if one.module == module]
        print(module, _told(its))  # noqa: T201
    texts = sum(one.is_text for one in survivors)
    print(  # noqa: T201
        f"{len(mutants)} mutants: {_told(mutants)}; of what no test notices {texts} are text, "
        f"{len(survivors) - texts - len(faults)} are meant, {len(faults)} are faults; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if faults or (given.short and any(one.outcome == NOT_RUN for one in mutants)) else 0


def _told(mutants: list[Mutant]) -> str:
    counted = Counter(one.outcome for one in mutants)
    return ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())


if __name__ == "__main__":
    sys.exit(main())
