"""What the benches share: which programs, an image of their own, and the time a command takes."""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "saferun-bench"
#: What the image holds besides busybox itself.
PROGRAMS = ("head", "sh", "sleep", "true")


class Taken(NamedTuple):
    """What a command took: seconds of wall time and of the client's CPU time, and its peak KiB."""

    wall: float
    cpu: float
    peak: int


def programs() -> tuple[str, str]:
    """Return the paths of the docker CLI and of the saferun beside this Python or on PATH."""
    docker = shutil.which(os.environ.get("SAFERUN_DOCKER") or "docker")
    beside = os.path.join(os.path.dirname(sys.executable), "saferun")
    saferun = beside if os.path.exists(beside) else shutil.which("saferun")
    if saferun is None or docker is None:
        sys.exit("this needs saferun beside this Python or on PATH, and the docker CLI")
    os.environ["SAFERUN_DOCKER"] = docker
    # As it is where saferun was installed: with its modules compiled. The first run does that for
    # a checkout, unless this variable says that it must not, and then every run does it again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return docker, saferun


@contextmanager
def image(*engines: str) -> Iterator[None]:
    """Have an image of busybox-static on the engine of each of these CLIs, and remove it again."""
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("this needs busybox-static")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(os.path.realpath(busybox), "bin/busybox")
        for name in PROGRAMS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    made: list[str] = []
    try:
        for cli in engines:
            words = [cli, "import", "-", IMAGE]
            subprocess.run(words, input=buffer.getvalue(), check=True, capture_output=True)
            made.append(cli)
        yield
    finally:
        for cli in made:
            words = [cli, "image", "rm", "--force", IMAGE]
            subprocess.run(words, check=False, capture_output=True)


def measure(command: list[str], at_once: int = 1) -> Taken:
    """Run a command, or several of it at once; return what they took, of CPU each in the mean."""
    nothing = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    start = time.perf_counter()
    pids = [
        os.posix_spawn(command[0], command, os.environ, file_actions=[nothing])
        for _ in range(at_once)
    ]
    ended = [os.wait4(pid, 0) for pid in pids]
    wall = time.perf_counter() - start
    for _, status, _ in ended:
        if status:
            sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in ended) / at_once
    return Taken(wall, cpu, max(usage.ru_maxrss for _, _, usage in ended))


def milliseconds(seconds: list[float]) -> str:
    """Return the median with the least and the most."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{1000 * middle:.0f} ms ({1000 * low:.0f} to {1000 * high:.0f})"
