"""`saferun`: raw sys.argv in, exit status out.

The only place of the run door that prints or exits.
"""

from __future__ import annotations

import gc
import os

from saferun.errors import Interrupted, SaferunError
from saferun.formats.docker_run.command import Problem, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.host import docker_cli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from saferun.formats.docker_run.command import RunCommand

    #: What a command line is for; its words and the environment in, the exit status out.
    Action: TypeAlias = Callable[[Sequence[str], Mapping[str, str]], int]

#: The last line of whatever keeps saferun from starting something.
NOTHING = "nothing was started"
#: What a shell reports for a program that ended by SIGINT.
INTERRUPTED = 130
HELP = """\
Usage:  saferun [OPTIONS] IMAGE [COMMAND] [ARG...]

docker run with a law: a container whose user is not root loses every capability, gets back only
those that were asked for with --cap-add and that a policy allows, and the kernel is asked whether
it is so before the command's first instruction.

OPTIONS are those of docker run (see `docker run --help`), and saferun's own:
      --policy FILE       Add a policy file (repeatable; SAFERUN_POLICY names more, with colons)
      --explain[=json]    Say what would be decided and run, with reasons, and run nothing
      --report FILE       Write what was decided, run and seen to FILE, as JSON
      --verify on|off     Whether the kernel is asked; "off" only where a policy allows it
      --saferun-version   Say which saferun this is (--version alone does so, too)

Policies:    /etc/saferun/policy.toml, then ~/.config/saferun/policy.toml, then --policy
Exit status: docker run's own; 125 when nothing was started; 126 when the gate refused
"""


def main(argv: Sequence[str]) -> int:
    """Be `docker run` for these words (argv[0] is saferun's own path); return the exit status."""
    return answered(docker_run, argv)


def answered(action: Action, argv: Sequence[str]) -> int:
    """Return the exit status of what is done for these words, after saying why it could not be."""
    _occupy_standard_streams()
    # Soon this process is docker, or has ended: there is nothing worth collecting until then.
    gc.disable()
    try:
        return action(argv, os.environ)
    except SaferunError as error:
        say(*str(error).split("\n"), *(f"hint: {hint}" for hint in error.hints), NOTHING)
        return error.status
    except (OSError, MemoryError) as error:
        # Where it matters what failed, somebody has caught it; this is a machine without files,
        # memory or processes to spare.
        why = (getattr(error, "strerror", None) or str(error) or "out of memory").lower()
        say(f"cannot go on: {why}", NOTHING)
        return SaferunError.status
    except KeyboardInterrupt:
        say(f"interrupted; {NOTHING}")
        return INTERRUPTED
    except Interrupted as error:
        say(f"interrupted; {NOTHING}")
        return 128 + error.number


def docker_run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Be `docker run` in this environment; raises what `answered` has words for."""
    # No docker run has --version; alone it can only be about saferun, as --help is.
    words = ["--saferun-version"] if argv[1:] == ["--version"] else argv[1:]
    table, command = TABLE, parse(words, TABLE)
    if isinstance(command, Problem) and not command.probe and command.kind == "own-option":
        raise SaferunError(command.text)
    if not isinstance(command, Problem):
        told = _information(command)
        if told:
            out(told)
            return 0
    docker = docker_cli.find(environ, argv[0])
    if isinstance(command, Problem) and command.kind == "unknown-flag":
        table = TABLE.extended(docker_cli.help_text(docker, environ))
        command = parse(words, table)
    if isinstance(command, Problem):
        # Docker's own words and exit status; without an image it cannot start anything.
        docker_cli.become(docker, command.probe, environ)
    # Imported late: whoever only wants help, or mistyped, does not wait for it.
    from saferun.run import run
    from saferun.world import World

    return run(command, table, World(docker, environ, say, out))


def _information(command: RunCommand) -> str:
    """Return what a command line asks to be told instead of running anything, or nothing."""
    if command.is_true("help"):
        return HELP
    if dict(command.own).get("saferun-version") == "true":
        from saferun import __version__

        return f"saferun {__version__}\n"
    return ""


def say(*lines: str, prefix: bool = True) -> None:
    """Print lines on stderr, each with saferun's name in front."""
    from saferun.formats.terminal import visible  # whoever only succeeds says nothing

    head = "saferun: " if prefix else ""
    _write(2, "".join(f"{head}{visible(line)}\n" for line in lines))


def out(text: str) -> None:
    """Print text on stdout as it is."""
    _write(1, text)


def _write(descriptor: int, text: str) -> None:
    # Not through sys.stdout: what cannot be encoded must come out as it came in, and a reader that
    # has gone away is no reason for a traceback.
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return


def _occupy_standard_streams() -> None:
    """Open /dev/null wherever stdin, stdout or stderr is closed.

    Otherwise the next file opened, perhaps the engine's socket, would become stdout. Python opens
    files close-on-exec, so that docker still finds the stream closed.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # noqa: PERF203 - three turns
            os.open("/dev/null", os.O_RDWR)
