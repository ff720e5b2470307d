"""The docker CLI and saferun read every command line alike.

Each list of command_lines.txt is given to the real CLI twice, as it is and as saferun writes it,
with a recording engine at the other end. Exit status, output, files and everything that the engine
was asked must be the same; and what it was asked must be what saferun had understood.
"""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from posixpath import normpath
from typing import TYPE_CHECKING, Any

import pytest

from saferun.formats.docker_run.command import Problem, RunCommand, parse, to_argv
from saferun.formats.docker_run.flags import TABLE, Table, described
from saferun.formats.docker_run.mounts import mounts
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from tests.compliance.command_lines import SECTIONS
from tests.compliance.playing import Outcome, differences, play

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY = [words for lists in SECTIONS.values() for words in lists]
#: Each command line is two processes that mostly wait for a core.
WORKERS = 4


@cache
def help_text(docker: str) -> str:
    """Return what the CLI says about its own flags, with no engine to hide any."""
    environment = {"DOCKER_HOST": "unix:///nonexistent"}
    argv = [docker, "run", "--help"]
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, text=True)
    return done.stdout


NOTHING = Facts(ImageFacts("sha256:1", "linux", "amd64"))


def understood(docker: str, words: Sequence[str]) -> RunCommand | Problem:
    """Read words as saferun does for this CLI."""
    command = parse(words)
    if isinstance(command, Problem) and command.kind == "unknown-flag":
        return parse(words, TABLE.extended(help_text(docker)))
    return command


@cache
def played(*argv: str) -> Outcome:
    """Play a command once, however often its outcome is wanted."""
    return play(argv)


def complaints(docker: str, words: Sequence[str]) -> list[str]:
    """Say what comes out differently when saferun has read and written the words."""
    command = understood(docker, words)
    written = list(command.probe) if isinstance(command, Problem) else to_argv(command)
    given, rewritten = played(docker, "run", *words), played(docker, "run", *written)
    found = []
    if isinstance(command, RunCommand):
        given, rewritten = nameless(given), nameless(rewritten)
        found = [fault for create in given.creates for fault in misread(command, create)]
    elif given.creates:
        found = ["docker runs what saferun calls a problem"]
    found += differences(given, rewritten)
    return [f"{words} written as {written}: {fault}" for fault in found]


def nameless(outcome: Outcome) -> Outcome:
    """Forget how a flag was spelled that this CLI is too old for: saferun spells it out."""
    plain = re.sub(r"unknown (shorthand )?flag: .*", "unknown flag", outcome.stderr)
    return replace(outcome, stderr=plain)


def misread(command: RunCommand, create: dict[str, Any]) -> list[str]:
    """Say where a create body is not what was understood."""
    host = create["HostConfig"]
    entrypoint = command.last("entrypoint")
    pairs = {
        "image": (command.image, create["Image"]),
        "arguments": (list(command.args), create["Cmd"] or []),
        "entrypoint": (None if entrypoint is None else [entrypoint], create["Entrypoint"]),
        "user": (command.last("user") or "", create["User"]),
        "hostname": (command.last("hostname") or "", create["Hostname"]),
        "privileged": (command.is_true("privileged"), host["Privileged"]),
        "read-only": (command.is_true("read-only"), host["ReadonlyRootfs"]),
        "rm": (command.is_true("rm"), host["AutoRemove"]),
        "pid": (command.last("pid") or "", host["PidMode"]),
        "cap-add": (bare(command.all("cap-add")), bare(host["CapAdd"])),
        "cap-drop": (bare(command.all("cap-drop")), bare(host["CapDrop"])),
    }
    found = [
        f"{what} was read as {ours!r}, not {docker!r}"
        for what, (ours, docker) in pairs.items()
        if as_json(ours) != docker
    ]
    read = {as_json(mount.target) for mount in mounts(command, NOTHING)}
    if None not in read:
        found += [f"a mount at {path!r} was not seen" for path in mounted(create) - read]
    return found


def bare(capabilities: Sequence[str] | None) -> set[str]:
    """Return capabilities without what CLI 28 adds to them, known or not."""
    return {name.upper().removeprefix("CAP_") for name in capabilities or ()}


def mounted(create: dict[str, Any]) -> set[str]:
    """Return where the engine is asked to mount something."""
    host = create["HostConfig"]
    paths = [
        *(bind.split(":")[1] for bind in host["Binds"] or ()),
        *(create["Volumes"] or {}),
        *(mount["Target"] for mount in host.get("Mounts") or ()),
        *(host.get("Tmpfs") or {}),
    ]
    # CLI 28.1 and later add this one for --use-api-socket.
    return {normpath("/" + path.lstrip("/")) for path in paths} - {"/var/run/docker.sock"}


def as_json(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a value as Go's JSON has it: what is no character is a replacement character."""
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return value


@pytest.mark.parametrize("section", SECTIONS)
def test_docker_reads_what_saferun_writes_as_it_was_meant(docker_cli: str, section: str) -> None:
    """No argument list means one thing to docker and another to saferun."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(partial(complaints, docker_cli), SECTIONS[section])
    assert not (faults := [fault for list_ in found for fault in list_]), "\n".join(faults)


def test_the_lists_name_every_flag() -> None:
    """Each flag of the table, and each of its letters, stands in at least one list."""
    read = [parse(words) for words in EVERY]
    used = {name for one in read if isinstance(one, RunCommand) for name, _ in one.options}
    assert {flag.name for flag in TABLE if not flag.own} <= used
    assert len(EVERY) >= 300


def test_the_table_agrees_with_the_help(docker_cli: str) -> None:
    """Every flag that a CLI shows is known, with its letter and its kind."""
    rows = list(described(help_text(docker_cli)))
    assert len(rows) > 90
    for name, short, kind, _ in rows:
        flag = TABLE.named(name)
        assert flag is not None, name
        assert (flag.name, flag.short, flag.kind) == (name, short, kind)


def test_a_flag_that_only_the_help_names_is_read_alike(docker_cli: str) -> None:
    """With a table that has forgotten two flags, the help brings them back."""
    ignorant = Table(
        [
            (flag.name, flag.short, flag.kind, flag.repeat)
            for flag in TABLE
            if flag.name not in ("user", "tty")
        ],
        [],
    )
    words = ["-dtu3267", "--user", "0", "--tty=false", "img"]
    assert isinstance(parse(words, ignorant), Problem)
    assert parse(words, ignorant.extended(help_text(docker_cli))) == parse(words)
