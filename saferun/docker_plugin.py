"""`docker-saferun`: saferun as a plugin of the docker CLI, and what the shells' functions ask.

The protocol is docker/cli cli-plugins (metadata, manager, plugin): docker asks for
`docker-cli-plugin-metadata`, hands on its whole command line, its global options included, and
completes by `__complete`. One more is ours: `as-docker WORDS` is `docker WORDS`, with saferun in
the place of `docker run`.
"""

from __future__ import annotations

import os

from saferun import cli
from saferun.errors import SaferunError
from saferun.host import docker_cli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from saferun.formats.docker_run.global_options import Call, Variables

#: The command's name behind `docker`, and its file's.
NAME = "saferun"
PROGRAM = "docker-saferun"
COMPLETE = ("__complete", "__completeNoDesc")
#: What docker tells its plugins; nothing that saferun starts is one of them.
TOLD = ("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "DOCKER_CLI_PLUGIN_SOCKET")


def main(argv: Sequence[str]) -> int:
    """Be the plugin for these words (argv[0] is our own path); return the exit status."""
    return cli.answered(_main, argv)


def _main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    words = argv[1:]
    saferun = beside(argv[0])
    if words == ["docker-cli-plugin-metadata"]:
        cli.out(metadata())
        return 0
    if words[:1] and words[0] in COMPLETE:
        return _complete(words[2:], saferun, environ)
    if words == ["help", NAME]:
        cli.out(cli.HELP)
        return 0
    from saferun.formats.docker_run.global_options import plugin_call, run_in

    if words[:1] == ["as-docker"]:
        call = run_in(words[1:], environ)
        if call is None:
            docker = docker_cli.find(environ, saferun)
            docker_cli.execute(docker, ["docker", *words[1:]], environ)
    else:
        call = plugin_call(words, NAME, environ)
    if call is None:
        raise SaferunError(
            f"{PROGRAM} is a plugin of the docker CLI: docker {NAME} IMAGE",
            "`saferunctl plugin install` tells docker about it",
        )
    return _run(call, saferun)


def _run(call: Call, saferun: str) -> int:
    # This process has no other purpose, and whatever it starts is to see the same engine.
    variables: Variables = {**dict.fromkeys(TOLD), **call.variables}
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return cli.docker_run([saferun, *call.words], os.environ)


def _complete(words: Sequence[str], saferun: str, environ: Mapping[str, str]) -> int:
    """Print candidates as cobra does, one a line, then `:DIRECTIVE`; never complain."""
    from saferun import completion

    try:
        docker = docker_cli.find(environ, saferun)
        *before, current = words or [""]
        found, directive = completion.complete(before, current, docker, environ)
    except (SaferunError, OSError):
        found, directive = [], completion.FAILED
    cli.out("".join(f"{one}\n" for one in (*found, f":{directive}")))
    return 0


def metadata() -> str:
    """Return what docker wants to know of a plugin, as JSON."""
    import json  # docker asks once, before anything runs

    from saferun import __version__

    fields = {
        "SchemaVersion": "0.1.0",
        "Vendor": "saferun",
        "Version": __version__,
        "ShortDescription": "docker run with a law",
    }
    return json.dumps(fields) + "\n"


def beside(path: str) -> str:
    """Return the path of the saferun that came with the plugin at this path or behind this link."""
    return f"{os.path.dirname(os.path.realpath(path))}/{NAME}"
