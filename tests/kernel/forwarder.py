"""A way to the engine through which every request passes: to be watched, held up, or cut."""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    #: Told of every request (its head, as text) before it goes on to the engine.
    Watch = Callable[[str], None]

REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) \S+ HTTP/1\.1\r\n")
#: What the engine says of a container or an image that it has just made.
MADE = re.compile(rb'"Id":"([0-9a-f]{64})","Warnings"|"status":"(sha256:[0-9a-f]{64})"')


class Forwarder:
    """Listens on a unix socket, or on a TCP port of its own, and passes everything on."""

    def __init__(self, engine: str, path: Path | None = None, watch: Watch | None = None) -> None:
        """Start listening; `engine` is the DOCKER_HOST to pass on to, `path` the unix socket."""
        self.engine = engine.removeprefix("unix://")
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.host = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen()
            self.host = f"unix://{path}"
        self.watch = watch or (lambda _head: None)
        #: What the engine made meanwhile: ids of containers and images.
        self.made: set[str] = set()
        self.open: set[socket.socket] = set()
        self.threads: list[threading.Thread] = []
        self.is_cut = False
        self.start(self.accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and leave no thread and no connection behind."""
        self.cut()
        self.listener.close()
        for thread in self.threads:
            thread.join()

    def cut(self) -> None:
        """Be an engine that has died: no connection goes on and none is accepted any more."""
        self.is_cut = True
        for each in (self.listener, *self.open):
            shut(each, socket.SHUT_RDWR)

    def start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self) -> None:
        while not self.is_cut:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                break
            self.start(self.carry, caller)
        # Whoever tries now finds nobody.
        self.listener.close()

    def carry(self, caller: socket.socket) -> None:
        with caller, socket.socket(socket.AF_UNIX) as engine:
            self.open |= {caller, engine}
            try:
                if not self.is_cut:
                    engine.connect(self.engine)
                    back = threading.Thread(target=self.answers, args=(engine, caller), daemon=True)
                    back.start()
                    self.requests(caller, engine)
                    back.join()
            except OSError:
                # An engine that is not there: neither is the one that passes on.
                shut(caller, socket.SHUT_RDWR)
            finally:
                self.open -= {caller, engine}

    def requests(self, caller: socket.socket, engine: socket.socket) -> None:
        for chunk in chunks(caller):
            if REQUEST.match(chunk):
                self.watch(chunk.partition(b"\r\n\r\n")[0].decode("latin-1"))
            if not send(engine, chunk):
                break
        shut(engine, socket.SHUT_WR)

    def answers(self, engine: socket.socket, caller: socket.socket) -> None:
        for chunk in chunks(engine):
            self.made |= {(one or two).decode() for one, two in MADE.findall(chunk)}
            if not send(caller, chunk):
                break
        shut(caller, socket.SHUT_WR)


def chunks(stream: socket.socket) -> Iterator[bytes]:
    """Yield what comes, until nothing more comes."""
    while True:
        try:
            chunk = stream.recv(1 << 16)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def send(stream: socket.socket, chunk: bytes) -> bool:
    """Send; False when nobody listens any more."""
    try:
        stream.sendall(chunk)
    except OSError:
        return False
    return True


def shut(stream: socket.socket, how: int) -> None:
    """Shut a socket down, if it still can be."""
    try:
        stream.shutdown(how)
    except OSError:
        return
