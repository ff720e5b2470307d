"""An engine of the tests' own, whose parts can be killed and started again.

script/engine brings it and takes it away again. A dockerd that was killed is started again by its
own words, in the namespaces that its processes live in.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernel.conftest import ENGINE, command, missing
from tests.kernel.programs import until
from tests.kernel.registry import dockerd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

#: In the order in which nsenter takes them.
NAMESPACES = ("mnt", "net")


class PrivateEngine:
    """The engine, as a context manager; `host` is its DOCKER_HOST."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it; skip where that is impossible."""
        if os.geteuid() != 0:
            missing("no engine of our own; run as root")
        self.started: list[subprocess.Popen[bytes]] = []
        self.named = {**environment, "SAFERUN_ENGINE": f"faults-{os.getpid()}"}
        up = subprocess.run([ENGINE, "up"], capture_output=True, check=False, env=self.named)
        if up.returncode:
            missing(f"script/engine up: {up.stderr.decode()}")
        self.host = up.stdout.decode().split("DOCKER_HOST=")[1].strip()
        self.state = Path(self.host.removeprefix("unix://")).parent
        self.environment = {**environment, "DOCKER_HOST": self.host}
        self.docker = command(["docker"], self.environment)
        process = Path(f"/proc/{self.pid}")
        self.words = process.joinpath("cmdline").read_bytes().decode().split("\0")[:-1]
        self.variables = process.joinpath("environ").read_bytes().decode().split("\0")[:-1]
        # Also without a process of its own it stays.
        self.namespaces = [os.open(process / "ns" / kind, os.O_RDONLY) for kind in NAMESPACES]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, whatever has become of it."""
        subprocess.run([ENGINE, "down"], check=True, env=self.named)
        for each in self.namespaces:
            os.close(each)
        for process in self.started:
            process.wait()

    @property
    def pid(self) -> int:
        """The process id of dockerd; raises LookupError when there is none."""
        return dockerd(self.host)

    @property
    def containerd(self) -> int:
        """The process id of the containerd that dockerd has started."""
        (found,) = until(
            lambda: [each for each in children(self.pid) if name(each) == "containerd"]
        )
        return found

    def entering(self, *words: str) -> list[str]:
        """Return the words that run a program where the engine lives."""
        places = [f"/proc/{os.getpid()}/fd/{each}" for each in self.namespaces]
        return ["nsenter", f"--mount={places[0]}", f"--net={places[1]}", *words]

    def inside(self, *words: str, fails: bool = False) -> str:
        """Run a program where the engine lives; return what it prints."""
        done = subprocess.run(
            self.entering(*words), capture_output=True, check=not fails, text=True
        )
        return done.stdout

    def kill(self) -> None:
        """SIGKILL for dockerd; the kernel then kills its containerd, and containers go on."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        # Nobody may be there to wait for it.
        until(lambda: state(pid) in "ZX")

    def start(self, words: Sequence[str] = ()) -> None:
        """Start dockerd again, by the same words or others, and wait until it answers."""
        # A process that nobody has waited for still counts as running.
        containerd = f"/run/{self.state.name}/containerd/containerd.pid"
        self.inside("rm", "--force", str(self.state / "docker.pid"), containerd)
        with (self.state / "dockerd.log").open("ab") as log:
            again = subprocess.Popen(
                self.entering("env", "-i", *self.variables, *(words or self.words)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(again)
        self.await_answer()

    def revive(self) -> None:
        """Start it if it does not run: whatever a test has left, the next finds an engine."""
        try:
            assert self.pid
        except LookupError:
            self.start()

    def await_answer(self) -> None:
        """Wait until the engine is up."""
        until(lambda: self.docker("version").status == 0, 60)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def name(pid: int) -> str:
    """Return the name of a process's program."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def state(pid: int) -> str:
    """Return the state of a process as /proc has it, X where there is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
