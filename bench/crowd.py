"""Many containers, and two ways to look at them all: saferunctl audit, and docker inspect."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from measuring import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Five processes: the shell, and what it starts.
COMMAND = ["sh", "-c", "sleep 3600 & sleep 3600 & sleep 3600 & sleep 3600 & wait"]
PROCESSES = 5
#: Findings are what there should be, so 1 is fine.
AUDIT = ["/bin/sh", "-c", '"$0" audit --json; test $? -le 1']
#: One at a time, as a script would that looks at every container that `docker ps` names.
INSPECT = ["/bin/sh", "-c", 'for one; do "$0" inspect "$one" || exit 1; done']


@contextmanager
def crowd(docker: str, containers: int) -> Iterator[dict[str, list[str]]]:
    """Have that many containers with 5 processes each; yield the ways to look at all of them."""
    beside = os.path.join(os.path.dirname(sys.executable), "saferunctl")
    saferunctl = beside if os.path.exists(beside) else shutil.which("saferunctl")
    if saferunctl is None:
        sys.exit("this needs saferunctl beside this Python or on PATH")
    started: list[str] = []

    def start(_: int) -> None:
        words = [docker, "run", "-d", "-u", "3267", "--network=none", IMAGE, *COMMAND]
        started.append(output(words).strip())

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(start, range(containers)))
        time.sleep(1)
        audit = [*AUDIT, saferunctl]
        known = json.loads(output(audit))["containers"]
        seen = [len(one["processes"]) for one in known if one["id"] in started]
        if seen != [PROCESSES] * containers:
            sys.exit(f"not every process was seen: {seen}")
        inspect = [*INSPECT, docker, *started]
        yield {"docker inspect of each": inspect, "saferunctl audit": audit}
    finally:
        for at in range(0, len(started), 20):
            output([docker, "rm", "--force", *started[at : at + 20]])


def output(words: list[str]) -> str:
    """Run a program to its end; return what it printed."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
