"""`saferun`: raw sys.argv in, exit status out; the only place of the run door that prints or exits."""

from __future__ import annotations

import os

from saferun.errors import SaferunError
from saferun.formats.docker_run.command import Problem, parse, to_argv
from saferun.formats.docker_run.flags import TABLE, extend
from saferun.host import docker_cli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from saferun.formats.docker_run.flags import Table

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
      --saferun-version   Say which saferun this is

Policies:    /etc/saferun/policy.toml, then ~/.config/saferun/policy.toml, then --policy
Exit status: docker run's own; 125 when nothing was started; 126 when the gate refused
"""


def main(argv: Sequence[str]) -> int:
    """Be `docker run` for these words (argv[0] is saferun's own path); return the exit status."""
    missing = _open_standard_streams()
    try:
        return _main(argv, os.environ, missing)
    except SaferunError as error:
        say(*str(error).split("\n"), *(f"hint: {hint}" for hint in error.hints))
        say("nothing was started")
        return error.status
    except KeyboardInterrupt:
        say("interrupted: nothing was started")
        return 130


def _main(argv: Sequence[str], environ: Mapping[str, str], missing: Sequence[int]) -> int:
    table, command = TABLE, parse(argv[1:], TABLE)
    docker = docker_cli.find(environ, argv[0])
    if isinstance(command, Problem) and command.kind == "unknown-flag":
        table = extend(TABLE, docker_cli.help_text(docker, environ))
        command = parse(argv[1:], table)
    if isinstance(command, Problem):
        if not command.probe:
            raise SaferunError(command.text)
        # Docker's own words and exit status; without an image it cannot start anything.
        docker_cli.become(docker, command.probe, environ)
    if command.is_true("help"):
        out(HELP)
        return 0
    own = dict(command.own)
    if own.get("saferun-version") == "true":
        from saferun import __version__

        out(f"saferun {__version__}")
        return 0
    from saferun.run import run
    from saferun.world import World

    return run(command, table, World(docker, environ, say, out))
