"""docker's global options in front of a command, and what they mean as environment variables.

saferun takes none of them, and they select the engine. The flags are those of docker/cli
cli/flags/options.go, read as `TopLevelCommand.HandleGlobalFlags` (cli/cobra.go) reads them:
`docker --help run IMAGE`, `docker -v run IMAGE` and `docker -- run IMAGE` all run a container.
"""

from __future__ import annotations

from saferun.errors import SaferunError
from saferun.formats.docker_run.command import Problem, parse
from saferun.formats.docker_run.flags import Table
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.flags import Row

    #: Variables by name; None is one that must not be set.
    Variables: TypeAlias = dict[str, str | None]

_HELP: Row = ("help", "h", "bool", "last")
GLOBAL = Table(
    (
        ("config", "", "value", "last"),
        ("context", "c", "value", "last"),
        ("debug", "D", "bool", "last"),
        _HELP,
        ("host", "H", "value", "append"),
        ("log-level", "l", "value", "last"),
        ("tls", "", "bool", "last"),
        ("tlscacert", "", "value", "last"),
        ("tlscert", "", "value", "last"),
        ("tlskey", "", "value", "last"),
        ("tlsverify", "", "bool", "last"),
        ("version", "v", "bool", "last"),
    ),
    (),
)
#: What `docker container` takes in front of its own commands.
GROUP = Table((_HELP,), ())
HINT = "`command docker …` runs docker itself, without saferun"


class Call(Record):
    """A call of a command inside a docker command line: the words after it, and its variables."""

    words: tuple[str, ...]
    variables: Variables


def run_in(words: Sequence[str], environ: Mapping[str, str]) -> Call | None:
    """Return the `docker run` or `docker container run` that words after `docker` ask for.

    None when they ask for something else. `environ` is where the words are said. Raises
    SaferunError where that cannot be told, or a global option cannot be said as a variable.
    """
    # Whatever the options mean: without this word nothing is run.
    if "run" not in words:
        return None
    command = _read(words, GLOBAL, {"run", "container"})
    if command is None:
        return None
    inner: RunCommand | None = command
    if command.image == "container":
        inner = _read(command.args, GROUP, ())
    if inner is None or inner.image != "run":
        return None
    return Call(inner.args, variables(command, environ))


def plugin_call(words: Sequence[str], name: str, environ: Mapping[str, str]) -> Call | None:
    """Return the call of a CLI plugin that docker makes: its own global options, the name, words.

    None when there is no such call in the words. Raises SaferunError as `run_in` does.
    """
    command = _read(words, GLOBAL, {name})
    if command is None or command.image != name:
        return None
    return Call(command.args, variables(command, environ))


def variables(command: RunCommand, environ: Mapping[str, str]) -> Variables:
    """Return what global options mean as variables; raises SaferunError where none means it."""
    untold = next(_untold(command, environ), None)
    if untold:
        option, hint = untold
        raise SaferunError(f"docker's global option {option} cannot be handed on", hint, HINT)
    said: Variables = {}
    hosts, context = command.all("host"), command.last("context")
    if hosts:
        # The context of DOCKER_CONTEXT does not count for --host, nor for DOCKER_HOST.
        said = {"DOCKER_HOST": hosts[0], "DOCKER_CONTEXT": None}
    elif context:
        said = {"DOCKER_CONTEXT": context}
        # The context called "default" is whatever DOCKER_HOST says.
        if context != "default":
            said["DOCKER_HOST"] = None
    if command.last("config"):
        said["DOCKER_CONFIG"] = command.last("config")
    if command.is_true("tlsverify"):
        said["DOCKER_TLS_VERIFY"] = "1"
    if command.last("tls") == "false":
        said["DOCKER_TLS"] = None
    return said


def _untold(command: RunCommand, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield options that no variable can say, each with what to do instead."""
    hosts = command.all("host")
    if len(hosts) > 1:
        yield "--host", "docker takes one --host only"
    if hosts and command.last("context"):
        yield "--host", "docker takes either --host or --context"
    if hosts == ("",):
        yield "--host without a value", "name the engine, such as unix:///var/run/docker.sock"
    verified = command.is_true("tlsverify") or environ.get("DOCKER_TLS_VERIFY")
    if command.last("tlsverify") == "false" or (command.is_true("tls") and not verified):
        yield "--tls without --tlsverify", "use --tlsverify, or a docker context"
    for name in ("tlscacert", "tlscert", "tlskey"):
        if command.last(name) is not None:
            hint = "DOCKER_CERT_PATH names a directory with ca.pem, cert.pem and key.pem"
            yield f"--{name}", f"{hint}; or use a docker context"
    if command.last("config") and verified and not environ.get("DOCKER_CERT_PATH"):
        # With DOCKER_CONFIG the certificates would be looked for there; with --config they are not.
        yield "--config together with TLS", "say with DOCKER_CERT_PATH where the certificates are"
    if command.is_true("debug"):
        yield "--debug", "leave it out"
    if command.last("log-level") not in {None, "", "info"}:
        yield "--log-level", "leave it out"


def _read(words: Sequence[str], table: Table, sought: Collection[str]) -> RunCommand | None:
    """Return the options in front of a command, as `image`, and its words; None: no command.

    Raises SaferunError where it may be one of those that are `sought`, and nobody can tell.
    """
    command = parse(words, table)
    if not isinstance(command, Problem):
        before = words[: len(words) - len(command.args) - 1]
        # Behind `--` docker reads options and commands once more, each CLI in its own way:
        # `docker -- -D run IMAGE` runs a container, `docker container -- container run IMAGE` too.
        if command.image in sought or "--" not in before[-1:]:
            return command
        problem = f"{command.image or 'nothing'} behind --"
    elif command.kind == "no-image":
        return None
    else:
        problem = command.text
    raise SaferunError(f"cannot tell what this docker command line runs: {problem}", HINT)
