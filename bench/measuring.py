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
def image(docker: str) -> Iterator[None]:
    """Have an image that holds busybox-static and some of its programs, and remove it again."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("true", "head", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    subprocess.run(
        [docker, "import", "-", IMAGE], input=buffer.getvalue(), check=True, capture_output=True
    )
    try:
        yield
    finally:
        subprocess.run([docker, "image", "rm", "--force", IMAGE], check=False, capture_output=True)


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
