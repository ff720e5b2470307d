"""The real docker CLI: finding it, becoming it, running it."""

from __future__ import annotations

import os
import stat
from errno import E2BIG

from saferun.errors import DockerCliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

#: Names another CLI than the `docker` on PATH.
VARIABLE = "SAFERUN_DOCKER"
#: Set for the CLI that saferun starts, so that a `docker` which calls saferun again is noticed.
GUARD = "SAFERUN_STARTED_DOCKER"

#: What a shell reports for a program that cannot be executed.
NOT_EXECUTED = 126
#: What `subprocess` calls its streams, which is too dear to be imported by every run.
PIPE, DEVNULL = -1, -3
#: Stands where an image would: no engine and no CLI takes it for the name of one.
NO_IMAGE = ":"


def find(environ: Mapping[str, str], ourselves: str) -> str:
    """Return the path of the docker CLI: never saferun itself, nor a link to it.

    `ourselves` is the path of the running saferun. Raises DockerCliError when there is none.
    """
    if environ.get(GUARD):
        message = f"{environ[GUARD]} calls saferun again, so no docker CLI was reached"
        raise DockerCliError(message, f"set {VARIABLE} to the path of the real docker CLI")
    own = _identity(ourselves)
    named = environ.get(VARIABLE)
    if named and "/" in named:
        if own is not None and _identity(named) == own:
            message = f"{VARIABLE}={named} is saferun itself"
            raise DockerCliError(message, "name the real docker CLI")
        if not _is_program(named):
            message = f"{VARIABLE}={named} cannot be executed"
            raise DockerCliError(message, "name the real docker CLI")
        return named
    name = named or "docker"
    for directory in environ.get("PATH", os.defpath).split(":"):
        path = f"{directory or '.'}/{name}"
        if _is_program(path) and _identity(path) != own:
            return path
    message = f"no {name} on PATH"
    raise DockerCliError(message, f"install the docker CLI, or set {VARIABLE} to the path of one")


def become(docker: str, arguments: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by `docker run ARGUMENTS`; raises DockerCliError when that fails."""
    execute(docker, _argv(arguments), guarded(docker, environ))


def execute(docker: str, argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by the CLI with these words; raises DockerCliError when that fails."""
    # `signal` imports enum, which the timed path cannot afford; this is what it is made of.
    import _signal  # type: ignore[import-not-found]  # typeshed does not describe it

    # Python ignores these two, and what is ignored stays ignored across execve: docker would not
    # die of a closed pipe any more.
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    try:
        os.execve(docker, argv, environ)  # noqa: S606 - no shell is the point
    except OSError as error:
        what = "its arguments and the environment: " if error.errno == E2BIG else ""
        message = f"cannot execute {docker}: {what}{(error.strerror or str(error)).lower()}"
        raise DockerCliError(message) from error
    except ValueError as error:
        # An image can say anything in JSON, but nothing with a NUL in it can be executed.
        message = f"cannot execute {docker}: a word of the command has a NUL in it"
        raise DockerCliError(message) from error


def guarded(docker: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the CLI, marked so that a loop ends at its second turn."""
    return {**environ, GUARD: docker}


def help_text(docker: str, environ: Mapping[str, str]) -> str:
    """Return what `docker run --help` prints, for flags that saferun has never heard of."""
    _, printed, _ = _ran(
        docker, ["run", "--help"], environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    return printed.decode("utf-8", "replace")


def printed(
    docker: str, arguments: Sequence[str], environ: Mapping[str, str], seconds: float
) -> bytes:
    """Return what `docker ARGUMENTS` prints; nothing when it fails or takes longer than this."""
    import subprocess

    try:
        status, told, _ = _ran(
            docker, arguments, environ, timeout=seconds, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
        )
    except (DockerCliError, subprocess.TimeoutExpired):
        return b""
    return b"" if status else told


def compose_model(docker: str, file: str, environ: Mapping[str, str]) -> bytes:
    """Return a Compose file as its plugin renders it, in JSON.

    Raises DockerCliError with the plugin's own words, or when there is no plugin.
    """
    words = ["compose", "--file", file, "config", "--format", "json"]
    status, printed, complaint = _ran(
        docker, words, environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    if status == 0 and printed.lstrip().startswith(b"{"):
        return printed
    if quietly(docker, ["compose", "version"], environ) != 0:
        message = "there is no compose plugin to render the file with"
        raise DockerCliError(
            message, "give its model: docker compose config --format json > FILE.json"
        )
    message = complaint.decode("utf-8", "replace").strip() or "docker compose printed no model"
    raise DockerCliError(message)


def complains(docker: str, flags: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether `docker run` refuses these options, whatever the image.

    It is asked to run what can be no image, after its own checks of the options.
    """
    words = ["run", *flags, "--", NO_IMAGE]
    # stdin as it is: with -t the CLI wants to see a terminal.
    _, _, complaint = _ran(docker, words, environ, stdout=DEVNULL, stderr=PIPE)
    return b"invalid reference format" not in complaint


def call(
    docker: str, arguments: Sequence[str], environ: Mapping[str, str], *, quiet: bool = False
) -> int:
    """Run `docker ARGUMENTS` with what it prints on stdout on stderr; return its exit status.

    For what `docker run` itself does before it starts anything (pulling), whose progress belongs
    on stderr; `quiet` drops it.
    """
    stdout = DEVNULL if quiet else 2
    status, _, _ = _ran(docker, arguments, environ, stdin=DEVNULL, stdout=stdout)
    return status


def start_detached(
    docker: str, arguments: Sequence[str], environ: Mapping[str, str]
) -> tuple[int, bytes]:
    """Run `docker run -d ARGUMENTS`; return its exit status and what it printed on stdout.

    It gets a session of its own, so that Ctrl-C reaches only saferun, which still learns what was
    started and can remove it: call it with signals deferred.
    """
    words = _argv(arguments)[1:]
    status, printed, _ = _ran(
        docker, words, environ, stdin=DEVNULL, stdout=PIPE, start_new_session=True
    )
    return status, printed


def quietly(docker: str, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run `docker ARGUMENTS` without showing what it prints; return its exit status."""
    try:
        status, _, _ = _ran(
            docker, arguments, environ, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
    except DockerCliError:
        return NOT_EXECUTED
    return status


def asked(docker: str, words: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run `docker WORDS`; return its exit status and all that it printed, on both streams."""
    status, printed, complaint = _ran(
        docker, words, environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    return status, (printed + complaint).decode("utf-8", "replace")


def _ran(
    docker: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    start_new_session: bool = False,
    timeout: float | None = None,
    **streams: int,
) -> tuple[int, bytes, bytes]:
    """Run the CLI to its end; return its exit status and what it wrote to those that are PIPE."""
    import subprocess  # whatever is worth a process of its own hides what this costs

    try:
        done = subprocess.run(  # noqa: S603 - the docker CLI, and no shell
            [docker, *arguments],
            env=guarded(docker, environ),
            check=False,
            start_new_session=start_new_session,
            timeout=timeout,
            **streams,  # type: ignore[call-overload]
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        message = f"cannot execute {docker}: {reason}"
        raise DockerCliError(message) from error
    return done.returncode, done.stdout or b"", done.stderr or b""


def _argv(arguments: Sequence[str]) -> list[str]:
    return ["docker", "run", *arguments]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _is_program(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
    except (OSError, ValueError):
        return False
