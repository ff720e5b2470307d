"""A hundred saferuns at once, the first of them all on an engine."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.faults.scene import ZEROS
from tests.kernel.programs import until
from tests.kernel.test_receipts import verified

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.conftest import Command, Ended
    from tests.kernel.faults.private_engine import PrivateEngine

COUNT = 100 if LONG else 12
#: Everybody's options, in turns; the users of every second have never used saferun.
KINDS = (("--rm",), ("-d",), ("--rm", "--receipt"), ("-d", "--receipt"))
COMMAND = ("sh", "-c", "grep -h ^Cap /proc/self/status; exit 7")


def test_any_number_of_saferuns_at_once(
    clean: PrivateEngine, saferun: Command, tmp_path: Path
) -> None:
    """All start, as docker run would; one volume with the gates, one unbroken chain of receipts."""
    kept = tmp_path / "kept"
    kept.mkdir()
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[require]\nreceipts = ["{kept}"]\n')

    def run(number: int, kind: tuple[str, ...]) -> Ended:
        options = [f"--policy={policy}" if each == "--receipt" else each for each in kind]
        home = tmp_path / (f"home-{number}" if number % 3 else "home")
        env = {**clean.environment, "HOME": str(home)}
        return saferun(*options, "-u", "3267", IMAGE, *COMMAND, env=env, timeout=500)

    kinds = list(islice(cycle(KINDS), COUNT))
    with ThreadPoolExecutor(COUNT) as pool:
        everybody = list(pool.map(run, range(COUNT), kinds))
    docker = clean.docker
    for kind, ended in zip(kinds, everybody, strict=True):
        if "-d" in kind:
            assert (ended.status, ended.stderr) == (0, ""), ended
            container = ended.stdout.strip()
            wait = partial(docker, "inspect", "--format={{.State.Status}}", container)
            until(lambda: wait().stdout == "exited\n", 60)  # noqa: B023 - asked at once
            assert set(docker("logs", container).stdout.splitlines()) == ZEROS
            docker("rm", container)
        else:
            assert (ended.status, ended.stderr) == (7, ""), ended
            assert set(ended.stdout.splitlines()) == ZEROS
    assert docker("ps", "--all", "--quiet").stdout == ""
    assert docker("images", "--quiet", "--filter", "dangling=true").stdout == ""
    assert len(docker("volume", "ls", "--quiet").stdout.split()) == 1
    assert verified(kept).returncode == 0
    lines = (kept / "log.jsonl").read_text().splitlines()
    assert len(lines) == sum("--receipt" in kind for kind in kinds)
    # Whoever waits in such a crowd for longer than the gate may hold at the door is not seen there.
    verdicts = [json.loads(line)["verdict"] for line in lines]
    assert {each["outcome"] for each in verdicts} <= {"confirmed", "unverified"}
    assert all(each["reasons"] for each in verdicts if each["outcome"] == "unverified")
    assert any(each["outcome"] == "confirmed" for each in verdicts)
