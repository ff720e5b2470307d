"""Coverage-guided fuzzing of one reader: `python -m tests.fuzz parser --seconds 60 --seed 1`.

Starts from the corpus. What fails is printed as a line for it; `--keep` puts there what was found
and covers more than what is there, as little of it as does.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from importlib import import_module, util
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz import corpus

#: Bytes of an input, seconds for one, megabytes for all.
LONGEST, SLOWEST, MEMORY = 4096, 25, 2048
#: What libFuzzer says in the end.
DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+ .*?exec/s: (\d+)")
INSTALL = "atheris is not installed here: pip install -e '.[dev,fuzz]' (Linux on x86-64)"


def main() -> int:
    """Fuzz; return 0 when nothing was found, 1 when something was."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=corpus.TARGETS)
    bound = parser.add_mutually_exclusive_group()
    bound.add_argument("--seconds", type=int, default=60)
    bound.add_argument("--runs", type=int, help="instead: so many inputs, the same ones every time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep what covers more in the corpus")
    given = parser.parse_args()
    if util.find_spec("atheris") is None:
        parser.exit(2, f"{INSTALL}\n")
    with TemporaryDirectory() as scratch:
        found = Path(scratch, "found")
        found.mkdir()
        for number, data in enumerate(corpus.load(given.target)):
            (found / f"{number:05}").write_bytes(data)
        tokens = Path(scratch, "words")
        tokens.write_text(words(given.target), encoding="ascii")
        ended = fuzzer(
            given.target,
            f"-max_total_time={given.seconds}" if given.runs is None else f"-runs={given.runs}",
            f"-seed={given.seed}",
            f"-dict={tokens}",
            f"-artifact_prefix={scratch}/failed-",
            str(found),
        )
        failed = [path.read_bytes() for path in Path(scratch).glob("failed-*")]
        if ended.returncode or failed:
            # Where it failed is on one stream, what libFuzzer has to say of it on the other.
            print(ended.stdout or ended.stderr[-4000:])  # noqa: T201 - it is a command
            for data in failed:
                print(f"{given.target}: this input fails:\n{corpus.shown(data)}")  # noqa: T201
            return 1
        done = DONE.search(ended.stderr)
        runs, edges, features, inputs, speed = done.groups() if done else ("?",) * 5
        print(  # noqa: T201
            f"{given.target}: nothing found in {runs} runs, seed {given.seed}, {speed} a second: "
            f"{edges} edges, {features} features, {inputs} inputs that differ"
        )
        if given.keep:
            keep(given.target, found, Path(scratch, "kept"))
    return 0


def keep(target: str, found: Path, kept: Path) -> None:
    """Add to the corpus the smallest inputs that together reach all that was reached beyond it."""
    kept.mkdir()
    for number, data in enumerate(corpus.load(target)):
        (kept / f"{number:05}").write_bytes(data)
    fuzzer(target, "-merge=1", "-use_counters=0", str(kept), str(found))
    inputs = [path.read_bytes() for path in kept.iterdir()]
    corpus.store(target, inputs)
    print(f"{target}: {len(inputs)} inputs kept")  # noqa: T201


def fuzzer(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run libFuzzer to its end."""
    limits = (f"-max_len={LONGEST}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}")
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzzer", target, *limits, *arguments],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        cwd=Path(__file__).parents[2],
        env={**environ, "PYTHONHASHSEED": "0"},
    )


def words(target: str) -> str:
    """Return what a target's language is made of, as libFuzzer's dictionary."""
    return "".join(
        '"{}"\n'.format("".join(f"\\x{byte:02x}" for byte in word.encode()))
        for word in import_module(f"tests.fuzz.{target}").WORDS
    )


if __name__ == "__main__":
    sys.exit(main())
