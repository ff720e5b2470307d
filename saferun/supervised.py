"""docker run in the foreground, watched: the real CLI as a child, the container seen from outside.

Only runs of which a receipt is kept are watched; every other becomes docker.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from saferun import evidence, holding
from saferun.detached import REFUSED, removed
from saferun.errors import SaferunError
from saferun.evidence import Sighting
from saferun.formats.proc_status import ID_DIGITS
from saferun.host import docker_cli, private_directory
from saferun.host.child import Child, end_as
from saferun.judge.verify import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judged import Judged, Prepared
    from saferun.receipt import Receipt
    from saferun.world import World

PAUSE_SECONDS = 0.002
#: How long the engine may take to answer after docker has ended.
PATIENCE_SECONDS = 5.0
NOTHING_SEEN = Sighting(Verdict("unverified", ("the engine did not answer in time",)))


def start(judged: Judged, prepared: Prepared, kept: Receipt, world: World) -> int:
    """Run docker to its end and keep the receipt; return, or die with, docker's exit status.

    A container that contradicts what was allowed is killed and removed.
    """
    asked = judged.command.verbatim("cidfile")[-1:]
    if asked and asked[0]:
        # One that is there is from another run; docker refuses to write it.
        path = "" if os.path.lexists(asked[0]) else asked[0]
        watch = _Watch(judged, prepared, kept, path, world)
        return _ended(watch, _run(watch))
    directory = _private_directory(world)
    path = f"{directory}/cid"
    watch = _Watch(judged, _with_cidfile(prepared, path), kept, path, world, directory)
    try:
        status = _run(watch)
    finally:
        watch.forget()
    return _ended(watch, status)


def _run(watch: _Watch) -> int:
    """Run docker to its end, watched; return its status as waitpid gives it."""
    prepared, kept, world = watch.prepared, watch.kept, watch.world
    kept.begin(prepared)
    child = Child(lambda: docker_cli.become(world.docker, prepared.arguments, world.environ))
    import threading  # while docker starts

    thread = threading.Thread(target=watch.watch, daemon=True)
    thread.start()
    status = child.wait()
    watch.over = True
    thread.join(PATIENCE_SECONDS)
    world.say(*kept.finish(watch.sighting, watch.container, status))
    return status


def _ended(watch: _Watch, status: int) -> int:
    """End as docker did, unless something else ran than what was allowed."""
    verdict = watch.sighting.verdict
    if verdict.outcome == "contradicted":
        watch.world.say(
            "denied: the running container was not what was allowed",
            *(f"  {reason}" for reason in verdict.reasons),
            watch.removed,
        )
        return REFUSED
    return end_as(status)


class _Watch:
    """Looks at the container while docker runs it."""

    def __init__(  # noqa: PLR0913 - what it looks at, and by what
        self,
        judged: Judged,
        prepared: Prepared,
        kept: Receipt,
        path: str,
        world: World,
        directory: str = "",
    ) -> None:
        self.judged = judged
        self.prepared = prepared
        self.kept = kept
        self.path = path
        self.world = world
        self.directory = directory
        #: Set when docker has ended.
        self.over = False
        self.container = ""
        self.sighting = evidence.NOT_STARTED
        self.removed = ""

    def watch(self) -> None:
        """Wait for the container, look at it, and let it go, or remove it."""
        self.kept.gather()
        self.container = self._started()
        if not self.container:
            return
        self.forget()
        self.sighting = NOTHING_SEEN
        try:
            sighting = evidence.observe(
                self.world.engine,
                self.container,
                self.prepared,
                self.judged.decision.masks,
                log=False,
                over=lambda: self.over,
            )
        except SaferunError as error:
            sighting = Sighting(Verdict("unverified", (str(error),)))
        if sighting.verdict.outcome == "contradicted":
            self.removed = removed(self.container, self.world)
        else:
            holding.let_go(self.container, sighting, self.judged, self.prepared, self.world)
        self.sighting = sighting
        self.kept.ask_engine()
        if not self.over:
            self.kept.note(sighting, self.container)

    def forget(self) -> None:
        """Remove the directory of our own in which docker said what it made, if it is there."""
        if self.directory:
            with suppress(OSError):
                os.unlink(self.path)
            with suppress(OSError):
                os.rmdir(self.directory)

    def _started(self) -> str:
        """Return the id that docker writes before it starts the container; nothing if none."""
        while self.path:
            over = self.over
            found = _read(self.path)
            if len(found) == ID_DIGITS:
                return found
            if over:
                break
            time.sleep(PAUSE_SECONDS)
        return ""


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, ID_DIGITS + 1).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _private_directory(world: World) -> str:
    """Make a directory that is only ours, for the file in which docker says what it made.

    docker writes it when the container is made already, and leaves that behind when there is no
    room: whether there is, is tried beforehand.
    """
    path = private_directory.path(world.environ)
    try:
        private_directory.make(path, "cid", ID_DIGITS)
    except OSError as error:
        message = f"cannot write to {path}: {(error.strerror or str(error)).lower()}"
        raise SaferunError(message, "TMPDIR may name another directory") from error
    return path


def _with_cidfile(prepared: Prepared, path: str) -> Prepared:
    """Add --cidfile as the last option, which counts."""
    end = prepared.arguments.index("--")
    options, rest = prepared.arguments[:end], prepared.arguments[end:]
    return prepared.replace(arguments=(*options, f"--cidfile={path}", *rest))
