"""The docker CLI that saferun would become: is there one, which is it, and is it itself."""

from __future__ import annotations

from saferun.errors import DockerCliError
from saferun.formats import engine_lines
from saferun.host import docker_cli
from saferun.judge.diagnosis import failed, passed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.judge.diagnosis import Line


def check(environ: Mapping[str, str], ourselves: str) -> tuple[str, list[Line]]:
    """Return the CLI's path, or just its name where there is none, and the lines about it."""
    try:
        docker = docker_cli.find(environ, ourselves)
    except DockerCliError as error:
        return "docker", [failed("cli.found", str(error), "; ".join(error.hints))]
    try:
        version = engine_lines.cli_version(*docker_cli.asked(docker, ["--version"], environ))
        loop = engine_lines.cli_loop(*docker_cli.asked(docker, ["run", "--help"], environ))
    except DockerCliError as error:
        advice = "set SAFERUN_DOCKER to the path of a docker CLI that can be executed"
        return docker, [failed("cli.found", str(error), advice)]
    return docker, [passed("cli.found", docker), version, loop]
