"""One run of saferun during which something happens at one request to the engine."""

from __future__ import annotations

import secrets
import select
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.faults.private_engine import children, name
from tests.kernel.forwarder import REQUEST, Forwarder, chunks, send, shut
from tests.kernel.programs import rest, running, saferun_words, until

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.kernel.faults.private_engine import PrivateEngine

#: Before the engine is asked, when half of the answer is there, and when all of it is; or while the
#: engine is at work on it, and then everything goes on.
Phase: TypeAlias = Literal["before", "half", "after", "meanwhile"]
PHASES: tuple[Phase, ...] = ("before", "half", "after")
#: What the command leaves where it is looked for: its five sets. Nothing else may ever be there.
COMMAND = ("sh", "-c", "grep ^Cap /proc/self/status >>/mark/seen; exit 0")
ZEROS = {f"Cap{name}:\t{'0' * 16}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def moments(stride: int) -> Iterator[tuple[int, Phase]]:
    """Yield numbers and phases without end: all of them in the long version.

    In the short one it is every so-many-th request, and another phase each time.
    """
    if LONG:
        yield from ((number, phase) for number in count(1) for phase in PHASES)
    for turn, number in enumerate(count(1, stride)):
        yield number, PHASES[turn % len(PHASES)]


class Stage(Forwarder):
    """Passes everything on, and does something at the request of one number.

    What was to be asked then is not, and what was to be heard is not heard any more, from where it
    happens on. `requests_` are the first lines of all requests, those of the docker CLI included.
    """

    def __init__(
        self,
        engine: str,
        path: Path,
        number: int,
        phase: Phase,
        act: Callable[[], None],
        who: str = "",
    ) -> None:
        self.number = number
        self.phase = phase
        self.act = act
        self.who = who
        self.asked: list[str] = []
        self.chosen: set[socket.socket] = set()
        super().__init__(engine, path)

    def requests(self, caller: socket.socket, engine: socket.socket) -> None:
        """Pass on what is asked, and count it."""
        for chunk in chunks(caller):
            if REQUEST.match(chunk):
                head = chunk.partition(b"\r\n\r\n")[0].decode("latin-1")
                if self.who in head:
                    self.asked.append(head.partition("\r\n")[0])
                    if len(self.asked) == self.number:
                        if self.phase == "before":
                            self.act()
                            break
                        if self.phase != "meanwhile":
                            self.chosen.add(engine)
                        elif send(engine, chunk):
                            self.act()
                            continue
            if not send(engine, chunk):
                break
        shut(engine, 1)
        # One that has said all listens on; one that was killed is gone for the engine as well, or
        # it would keep the streams of a container that nobody starts.
        poll = select.poll()
        poll.register(caller, 0)
        poll.poll()
        shut(engine, 2)

    def answers(self, engine: socket.socket, caller: socket.socket) -> None:
        """Pass on what is said."""
        for chunk in chunks(engine):
            if engine in self.chosen:
                self.chosen.discard(engine)
                send(caller, chunk if self.phase == "after" else chunk[: len(chunk) // 2])
                self.act()
                if self.phase == "half":
                    break
            elif not send(caller, chunk):
                break
        shut(caller, 2)


@dataclass(frozen=True)
class Outcome:
    """What came of it; `at` is the request, empty when there was none of that number."""

    at: str
    status: int
    out: str
    err: str
    #: Where the command leaves what it held.
    mark: Path

    @property
    def seen(self) -> tuple[str, ...]:
        """What the command has left until now: one line for each set of each start."""
        file = self.mark / "seen"
        return tuple(file.read_text().splitlines()) if file.exists() else ()


def play(
    private: PrivateEngine,
    directory: Path,
    number: int,
    phase: Phase,
    act: Callable[[subprocess.Popen[bytes]], None],
    *options: str,
    who: str = "",
    image: str = IMAGE,
    words: tuple[str, ...] = COMMAND,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run saferun with these options, with `act` at the request of a number, to its end.

    `who` restricts what counts to requests with these words in their head. Whoever is left of it,
    a docker CLI, has ended as well then.
    """
    scene = directory / secrets.token_hex(4)
    mark = scene / "mark"
    mark.mkdir(parents=True)
    mark.chmod(0o777)
    processes: list[subprocess.Popen[bytes]] = []
    with Stage(
        private.host, scene / "s", number, phase, lambda: act(until(lambda: processes)[0]), who
    ) as way:
        given = {**private.environment, "DOCKER_HOST": way.host, "TMPDIR": str(scene)}
        command = [*saferun_words(), *options, f"--volume={mark}:/mark", image, *words]
        with running(command, {**given, **(env or {})}) as process:
            processes.append(process)
            status, out, err = rest(process)
        # A docker of ours in a session of its own goes on without us, and a container that holds
        # at the door, with nobody to let it go, keeps its streams open until its deadline.
        until(lambda: not way.open or way.is_cut, 120)
        at = way.asked[number - 1] if len(way.asked) >= number else ""
    return Outcome(at, status, out.decode(), err.decode(), mark)


def judged(outcome: Outcome) -> None:
    """Assert that whatever ran was judged: it held what the law allows, which is nothing."""
    assert set(outcome.seen) in (set(), ZEROS), (outcome, outcome.seen)
    assert "Traceback" not in outcome.err, outcome


def docker_of(process: subprocess.Popen[bytes]) -> int:
    """Return the process id of the docker CLI that a saferun has started."""
    (pid,) = until(lambda: [each for each in children(process.pid) if name(each) == "docker"])
    return pid
