"""Command lines: read, written again, judged, and rewritten for docker.

An input is the words of a command line with a NUL between them, the one byte that no word holds.
"""

from __future__ import annotations

import re

from saferun import laws
from saferun.errors import GateError, ImageError, SaferunError
from saferun.formats import container_user
from saferun.formats.docker_run import spec
from saferun.formats.docker_run.command import Problem, parse, to_argv
from saferun.formats.docker_run.flags import TABLE
from saferun.formats.docker_run.gate_command import Gate, composed
from saferun.formats.docker_run.global_options import GLOBAL, plugin_call, run_in
from saferun.formats.facts import Facts
from saferun.judge.capabilities import mask_of
from saferun.judged import judge, prepare, with_early_defaults
from tests.fuzz import mutating
from tests.judging import (
    CONTAINERS,
    ENGINE,
    IMAGES,
    NETWORKS,
    PATHS,
    PROFILES,
    VOLUMES,
    Paths,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random
    from typing import TypeAlias

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.global_options import Call
    from saferun.judge.policy import Layer
    from saferun.judged import Judged, Prepared

    Options: TypeAlias = list[tuple[str, str]]

PASSWD = b"root:x:0:0::/:\nappuser:x:1000:1000::/:\nsneaky:x:0:0::/:\n"
GROUP = b"root:x:0:\napp:x:1000:appuser\ndisk:x:6:\n"
#: Whom the engine takes for root, by that passwd.
ROOT = re.compile(r"[+-]?0+|root|sneaky|", re.ASCII)
GATE = Gate("ab" * 32, ("amd64", "arm64"))
PLACE = "/.saferun/5ec2e7"
LAW = b"""
[defaults]
pids-limit = 512
init = true
[limits]
volume = ["/srv", "data"]
memory = "2g"
user = ["0-4000"]
verify = ["on"]
[nonroot.limits]
cap-add = ["NET_BIND_SERVICE", "CHOWN"]
[require]
security-opt = ["no-new-privileges"]
"""
#: Laws, and which capabilities each lets a non-root user have back.
WORLDS: tuple[tuple[tuple[Layer, ...], frozenset[str]], ...] = (
    (laws.of_files([]), frozenset()),
    (laws.of_files([("system", "/law", LAW)]), frozenset(("NET_BIND_SERVICE", "CHOWN"))),
)
CANONICAL = re.compile(r"--([a-z0-9-]+)=(.*)", re.DOTALL)
VARIABLES = {
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_TLS"),
}
OTHER = "tcp://other:1"


def run(data: bytes) -> None:
    """Hold one command line against what must be true of all."""
    words = data.decode("utf-8", "surrogateescape").split("\0")
    reading(words)
    for environ in ({}, {"DOCKER_TLS_VERIFY": "1"}):
        calling(words, environ)


def reading(words: list[str]) -> None:
    """Whatever is accepted means the same when it is written down and read again."""
    command = parse(words)
    if isinstance(command, Problem):
        # docker is asked with these words what is wrong, so they must be wrong, and run nothing.
        again = parse(command.probe)
        assert isinstance(again, Problem)
        assert not command.probe or again.kind == command.kind
        return
    argv = to_argv(command)
    options = canonical(argv)
    assert options == list(command.options)
    assert parse(argv) == command.replace(own=())
    if command.image:
        judging(command, *WORLDS[len(words) % len(WORLDS)])


def canonical(argv: list[str] | tuple[str, ...]) -> Options:
    """Read canonical words without the parser: nothing in them can be taken for anything else."""
    options = []
    for word in argv[: argv.index("--")]:
        found = CANONICAL.fullmatch(word)
        assert found, word
        flag = TABLE.named(found[1])
        assert flag is not None
        assert flag.name == found[1]
        assert not flag.own
        options.append((found[1], found[2]))
    return options


def known(command: RunCommand) -> Facts:
    """Return what is known of the made-up world."""
    image = IMAGES.get(command.image.partition(":")[0], IMAGES["busybox"])
    user = spec.user(command, image)
    return Facts(
        image=image,
        uid=container_user.uid(user, PASSWD),
        gid=container_user.gid(user, PASSWD, GROUP),
        groups=tuple(container_user.additional_gid(one, GROUP) for one in command.all("group-add")),
        containers=CONTAINERS,
        volumes=VOLUMES,
        networks=NETWORKS,
        engine=ENGINE,
        paths=Paths(PATHS),
        local=True,
        sockets=("/run/docker.sock",),
        profiles=PROFILES,
        directory="/work",
    )


def judging(given: RunCommand, layers: tuple[Layer, ...], allowed: frozenset[str]) -> None:
    """What is allowed reaches docker as it was asked for, and never with more than is lawful."""
    command, early = with_early_defaults(given, layers)
    judged = judge(command, known(command), early, layers)
    is_root = bool(ROOT.fullmatch(judged.spec.user.partition(":")[0]))
    assert (judged.spec.whom == "root") == is_root
    if not judged.decision.allowed:
        return
    try:
        prepared = prepare(judged, GATE, PLACE, layers, TABLE)
    except (GateError, ImageError):
        return
    options = canonical(prepared.arguments)
    asked = [pair for pair in given.options if pair[0] not in ("pull", "entrypoint")]
    assert [pair for pair in options if pair[0] != "pull"][: len(asked)] == asked
    end = prepared.arguments.index("--")
    image, *rest = prepared.arguments[end + 1 :]
    assert image in (given.image, judged.facts.image.id)
    masks = behind_the_gate(prepared, judged, options, rest) if prepared.gated else None
    if is_root:
        return
    added = {bare(value) for name, value in options if name == "cap-add"}
    dropped = {value.upper() for name, value in options if name == "cap-drop"}
    assert "ALL" in dropped
    assert added <= allowed, added - allowed
    assert dict(options).get("privileged", "false") == "false"
    assert prepared.gated or judged.spec.verify == "off"
    assert masks is None or masks[0] | masks[1] <= mask_of(tuple(added))
    assert masks is None or not (masks[0] | masks[1]) & ~mask_of(tuple(allowed))


def behind_the_gate(
    prepared: Prepared, judged: Judged, options: Options, rest: list[str]
) -> tuple[int, int]:
    """The gate is what the engine starts, and then the very words that were asked for."""
    root, other, _, dashes, *words = rest
    assert dict(options)["entrypoint"] == f"{PLACE}/gate-{judged.facts.image.architecture}"
    assert options.count(("mount", GATE.mount(PLACE))) == 1
    assert (dashes, tuple(words)) == ("--", composed(judged.command, judged.facts.image))
    assert prepared.words[1:] == tuple(rest)
    return int(root, 16), int(other, 16)


def bare(capability: str) -> str:
    """Return a capability as engines compare it."""
    return capability.upper().removeprefix("CAP_")


def calling(words: list[str], environ: Mapping[str, str]) -> None:
    """A `docker run` inside docker's words is found with all that was said in front, or refused."""
    call = called(words, environ)
    moved = called(["--host", OTHER, *words], environ)
    if isinstance(call, SaferunError) or isinstance(moved, SaferunError):
        # One --host more may be one too many; it never makes clear what was not.
        assert isinstance(moved, SaferunError)
    elif call is None:
        assert moved is None
    else:
        front = words[: len(words) - len(call.words)]
        assert front[-1] == "run"
        assert tuple(words[len(front) :]) == call.words
        assert call.variables.keys() <= VARIABLES
        assert moved is not None
        assert moved.words == call.words
        assert moved.variables["DOCKER_HOST"] == OTHER
    first = parse(words, GLOBAL)
    if not isinstance(first, Problem) and first.image == "run":
        assert call is not None
    try:
        plugin = plugin_call(words, "saferun", environ)
    except SaferunError:
        return
    assert plugin is None or words[len(words) - len(plugin.words) - 1] == "saferun"


def called(words: list[str], environ: Mapping[str, str]) -> Call | SaferunError | None:
    try:
        return run_in(words, environ)
    except SaferunError as error:
        return error


#: What command lines are made of.
WORDS = (
    *(f"--{flag.name}" for flag in (*TABLE, *GLOBAL)),
    *(f"--{flag.name}=" for flag in TABLE if flag.kind != "bool"),
    *(f"-{flag.short}" for flag in (*TABLE, *GLOBAL) if flag.short),
    *("\0", "\0--\0", "docker", "container", "run", "saferun", *IMAGES, *CONTAINERS, *VOLUMES),
    *("CAP_NET_BIND_SERVICE", "chown", "ALL", "3267", "appuser", "sneaky", ":0", "true", "false"),
    *("type=bind,source=/,target=/x", "readonly", "/srv:/x:ro", "host", "container:", "on-failure"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (b"\0",), WORDS, random)
