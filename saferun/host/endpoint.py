"""Which engine the docker CLI would talk to, and a connection to it.

A local unix socket is opened directly. Everything else (TCP, TLS, ssh, named pipes, and whatever
this file is not sure about) goes through `docker system dial-stdio`: the CLI itself finds the
engine, and its own rules cannot be got wrong here.

Order of precedence (docker/cli cli/command/cli.go, cli/context/docker): DOCKER_HOST, then
DOCKER_CONTEXT, then currentContext of config.json, then the default socket.
"""

from __future__ import annotations

import _socket
import os
from errno import EACCES, EMFILE, ENFILE, ENOENT, EPERM

from saferun.errors import EngineError
from saferun.host import home
from saferun.host.docker_cli import guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

DEFAULT_SOCKET = "/var/run/docker.sock"
#: The CLI reads its configuration whole; nobody's is larger than this.
LARGEST_FILE = 1 << 20
#: How long `docker system dial-stdio` may take to notice that nobody listens any more.
PATIENCE_SECONDS = 2
#: Stands for a value that only the CLI itself can tell; it is no name of a context.
UNCLEAR = ("",)


class Endpoint:
    """The engine that `docker run` would use."""

    def __init__(
        self,
        docker: str,
        environ: Mapping[str, str],
        decode: Callable[[bytes], object],
    ) -> None:
        """Find the engine; `docker` is the CLI to ask, `decode` reads JSON.

        `decode` is handed in because this layer gives no meaning to text.
        """
        self._docker = docker
        self._environ = environ
        self.socket = unix_socket(environ, decode)

    @property
    def name(self) -> str:
        """What distinguishes this engine from others that the same user may talk to."""
        if self.socket is not None:
            return f"unix://{self.socket}"
        names = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
        said = [f"{name}={self._environ[name]}" for name in names if self._environ.get(name)]
        return " ".join([*said, self._docker])

    def connect(self) -> Connection:
        """Open a connection; raise EngineError when the engine cannot be reached."""
        if self.socket is None:
            return self._dial()
        try:
            stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        except OSError as error:
            raise _unreachable(self.socket, error) from error
        try:
            stream.connect(self.socket)
        except OSError as error:
            stream.close()
            raise _unreachable(self.socket, error) from error
        return Connection(stream)

    def mode(self) -> int | None:
        """Return the socket's permission bits, None where there is none to be seen.

        Below a directory that others may not enter, none of theirs is left.
        """
        if self.socket is None:
            return None
        try:
            path = os.path.realpath(self.socket)
            mode = os.stat(path).st_mode & 0o777
            while path != "/":
                path = os.path.dirname(path)
                mode &= 0o777 if os.stat(path).st_mode & 0o001 else 0o770
        except OSError:
            return None
        return mode

    def _dial(self) -> Connection:
        # Only engines that are not behind a local socket pay for importing subprocess.
        import subprocess

        try:
            ours, theirs = _socket.socketpair()
        except OSError as error:
            raise EngineError(f"cannot run {self._docker}: {error.strerror}") from error
        with_fd = theirs.fileno()
        try:
            dialler = subprocess.Popen(  # noqa: S603 - the docker CLI, and no shell
                [self._docker, "system", "dial-stdio"],
                stdin=with_fd,
                stdout=with_fd,
                stderr=subprocess.PIPE,
                env=guarded(self._docker, self._environ),
            )
        except OSError as error:
            ours.close()
            message = f"cannot run {self._docker}: {error.strerror}"
            raise EngineError(message) from error
        finally:
            theirs.close()
        return Connection(ours, dialler)


class Connection:
    """A byte stream to the engine, and the process that carries it, if there is one."""

    def __init__(
        self, stream: _socket.socket, dialler: subprocess.Popen[bytes] | None = None
    ) -> None:
        """Take an open stream."""
        self.stream = stream
        self._dialler = dialler

    def close(self) -> str:
        """Close the stream, end its process, and return what that process complained about."""
        self.stream.close()
        if self._dialler is None:
            return ""
        import subprocess

        try:
            _, complaint = self._dialler.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._dialler.kill()
            _, complaint = self._dialler.communicate()
        return complaint.decode("utf-8", "replace").strip()


def unix_socket(environ: Mapping[str, str], decode: Callable[[bytes], object]) -> str | None:
    """Return the path of the local socket that the docker CLI would use; None: ask the CLI."""
    # A TLS variable changes how the CLI connects, even to a unix socket: it wants certificates.
    if environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_TLS"):
        return None
    host = environ.get("DOCKER_HOST")
    context: object = environ.get("DOCKER_CONTEXT")
    if host is not None or context == "":
        # Set but empty: newer CLIs take it for unset, older ones do not; only they can tell.
        return _path_of(host)
    directory = home.docker_configuration(environ)
    if context is None:
        config = _read(f"{directory}/config.json", decode)
        context = UNCLEAR if config is None else _field(config, "currentContext") or "default"
    if context is UNCLEAR:
        return None
    if context == "default":
        return DEFAULT_SOCKET
    return _path_of(_host_of(directory, context, decode))


def _host_of(directory: str, context: object, decode: Callable[[bytes], object]) -> object:
    # hashlib costs milliseconds; only users of named contexts need it.
    from hashlib import sha256

    name = sha256(str(context).encode("utf-8", "surrogateescape")).hexdigest()
    found: object = _read(f"{directory}/contexts/meta/{name}/meta.json", decode)
    for key in ("Endpoints", "docker", "Host"):
        found = _field(found, key)
    return found


def _field(value: object, name: str) -> object:
    """Return a field of a JSON object; UNCLEAR when Go, which ignores case, might see another."""
    if not isinstance(value, dict):
        return None
    same = [key for key in value if key.casefold() == name.casefold()]
    return UNCLEAR if same not in ([], [name]) else value.get(name)


def _path_of(host: object) -> str | None:
    # The CLI trims blanks, and what it makes of the rest is its business.
    if not isinstance(host, str) or not host.startswith("unix://") or host != host.strip():
        return None
    path = host.removeprefix("unix://") or DEFAULT_SOCKET
    return path if path.startswith("/") else None


def _read(path: str, decode: Callable[[bytes], object]) -> dict[str, object] | None:
    """Return a JSON object from a file, empty for no file, None for one that cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except OSError:
        return None
    try:
        value = decode(os.read(descriptor, LARGEST_FILE))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    return value if isinstance(value, dict) else None


def _unreachable(path: str, error: OSError) -> EngineError:
    if error.errno in (EACCES, EPERM):
        return EngineError(
            f"permission denied while trying to connect to the docker engine at unix://{path}",
            "the engine's socket is open to root and to its group (usually docker)",
        )
    hint = "is the docker engine running? DOCKER_HOST or a docker context may name another one"
    if error.errno in (EMFILE, ENFILE):
        hint = "this process, or the machine, has too many files open (ulimit -n)"
    why = "there is no such socket" if error.errno == ENOENT else error.strerror or str(error)
    return EngineError(f"cannot connect to the docker engine at unix://{path}: {why.lower()}", hint)
