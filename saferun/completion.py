"""Door: what may come next on a saferun command line, for the shells.

The docker CLI is asked what it would say behind `docker run` (cobra's `__complete`), and saferun's
own options are added. Where the CLI has nothing to say, our table of flags and its list of images
stand in.
"""

from __future__ import annotations

from saferun.formats.docker_run.command import Problem, parse
from saferun.formats.docker_run.flags import TABLE
from saferun.host import docker_cli, shipped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from saferun.formats.docker_run.flags import Flag, Table

    #: Candidates, each perhaps with a description behind a tab; and cobra's directive.
    Answer: TypeAlias = tuple[list[str], int]

#: Directives of cobra's completion protocol (spf13/cobra completions.go), as bits.
FAILED, NO_FILES = 1, 4
#: How long the CLI may take: whoever pressed Tab does not wait for an engine that is away.
SECONDS = 2.0
#: What is shown beside saferun's own options.
CAPTIONS = {
    "explain": "Say what would be decided and run, and run nothing",
    "policy": "Add a shipped law or a policy file",
    "report": "Write what was decided, run and seen to a file",
    "saferun-version": "Say which saferun this is",
    "verify": "Whether the kernel is asked",
}


def complete(words: Sequence[str], current: str, docker: str, environ: Mapping[str, str]) -> Answer:
    """Return what `current` may become behind these words of a saferun command line.

    Candidates begin with `current`; those for the value in `--flag=value` are only values. Files
    are candidates as well unless the directive says NO_FILES.
    """
    cli = _Cli(docker, environ)
    table, command = TABLE, parse(words)
    if isinstance(command, Problem) and command.kind == "unknown-flag":
        table = TABLE.extended(docker_cli.help_text(docker, environ))
        command = parse(words, table)
    if not isinstance(command, Problem):
        # An image is there: what follows is the container's business. Or nothing is to be run.
        return [], 0 if command.image else NO_FILES
    if command.kind == "needs-argument":
        return cli.values(command.probe, current)
    if command.kind == "own-option":
        return _own(table.named(words[-1].removeprefix("--")), current)
    if command.kind != "no-image":
        return [], NO_FILES
    return _word(command.probe, current, table, cli)


def _word(before: Sequence[str], current: str, table: Table, cli: _Cli) -> Answer:
    """Return what a word may become that is an option or the image."""
    if not current.startswith("-"):
        return cli.images(before, current)
    name, equals, value = current.partition("=")
    if not equals:
        return cli.flags(before, name)
    flag = table.named(name.removeprefix("--"))
    return _own(flag, value) if flag and flag.own else cli.values(before, current, value)


class _Cli:
    """The docker CLI as far as it completes."""

    def __init__(self, docker: str, environ: Mapping[str, str]) -> None:
        self._docker = docker
        self._environ = environ

    def flags(self, before: Sequence[str], current: str) -> Answer:
        found, _ = self._ask(before, current)
        if not found:
            found = [f"--{flag.name}" for flag in TABLE if not flag.own]
        ours = [f"--{flag.name}\t{CAPTIONS[flag.name]}" for flag in TABLE if flag.own]
        return _beginning((*found, *ours), current), NO_FILES

    def values(self, before: Sequence[str], current: str, value: str | None = None) -> Answer:
        found, directive = self._ask(before, current)
        return _beginning(found, current if value is None else value), directive

    def images(self, before: Sequence[str], current: str) -> Answer:
        found, directive = self._ask(before, current)
        if not found and not directive & NO_FILES:
            # CLIs before 23 complete only flags.
            form = "{{.Repository}}:{{.Tag}}"
            found = self._lines("images", "--format", form)
        return _beginning((one for one in found if "<none>" not in one), current), NO_FILES

    def _ask(self, before: Sequence[str], current: str) -> Answer:
        *found, last = self._lines("__complete", "run", *before, current) or [""]
        directive = last.removeprefix(":")
        if last == directive or not directive.isdecimal() or int(directive) & FAILED:
            return [], 0
        return found, int(directive)

    def _lines(self, *arguments: str) -> list[str]:
        printed = docker_cli.printed(self._docker, arguments, self._environ, SECONDS)
        return printed.decode("utf-8", "surrogateescape").splitlines()


def _own(flag: Flag | None, current: str) -> Answer:
    """Return the values of one of saferun's own options."""
    if flag is None or not flag.own:
        return [], NO_FILES
    if flag.choices:
        return _beginning(flag.choices, current), NO_FILES
    return _beginning(shipped.names() if flag.name == "policy" else (), current), 0


def _beginning(found: Iterable[str], current: str) -> list[str]:
    return list(dict.fromkeys(one for one in found if one.startswith(current)))
