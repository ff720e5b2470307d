"""An image that is not on the engine is pulled as docker run would pull it, before it is judged."""

from __future__ import annotations

import os
import re
import secrets
import signal
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import missing
from tests.kernel.images import IMAGES, Entry, entries, tar
from tests.kernel.programs import rest, running, saferun_words, script, until
from tests.kernel.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.kernel.conftest import Command, Ended

    Build = Callable[[str], str]


@pytest.fixture(scope="module")
def registry(
    engine: str, attacker: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that the engine can reach."""
    if not engine.startswith("unix://"):
        missing("a registry needs an engine on this machine")
    # A layer that no other image on the engine has, so that it is always downloaded.
    unique = Entry("unique", secrets.token_bytes(8))
    archive = tar([*entries(IMAGES["scratch"], b"", (), attacker), unique])
    with Registry(engine, archive, tmp_path_factory.mktemp("registry")) as started:
        yield started


def absent(docker: Command, registry: Registry, name: str) -> Iterator[str]:
    """Yield the reference of an image that is not on the engine, neither before nor after."""
    reference = f"{registry.host}/{name}"
    registry.requests()
    yield reference
    listed = docker("images", "--all", "--quiet", "--no-trunc", reference).stdout
    docker("rmi", "--force", *set(listed.split()))


@pytest.fixture
def single(docker: Command, registry: Registry) -> Iterator[str]:
    """An image for the engine's architecture."""
    yield from absent(docker, registry, "single")


@pytest.fixture
def multi(docker: Command, registry: Registry) -> Iterator[str]:
    """An image for that and one more architecture."""
    yield from absent(docker, registry, "multi")


def ran(ended: Ended) -> bool:
    """Tell whether the container ran, with nothing left in its bounding set."""
    return ended.status == 0 and ended.stdout.count("CapBnd:\t0000000000000000\n") == 2


def told(stderr: str) -> list[str]:
    """Return what was told about a pull, without what depends on the moment.

    That is the progress of layers; and `docker pull` names the image last, which `docker run`
    spares.
    """
    lines = [line for line in stderr.splitlines() if not re.match("[0-9a-f]{12}: ", line)]
    return lines[:-1] if ": " not in lines[-1] else lines


def pulls(registry: Registry) -> int:
    """Return how often the image's manifest was asked for by its tag."""
    return len([path for path in registry.requests() if path.endswith("/manifests/latest")])


def test_a_missing_image_is_pulled_as_docker_run_does(
    docker: Command, saferun: Command, single: str
) -> None:
    """Progress on stderr only, the same as docker's; stdout is the container's."""
    plain = docker("run", "--rm", "-u", "3267", single)
    docker("rmi", single)
    ours = saferun("--rm", "-u", "3267", single)
    assert plain.status == 0
    assert ran(ours)
    assert ours.stdout.startswith("== sets starts\n")
    first = f"Unable to find image '{single}:latest' locally\n"
    assert plain.stderr.startswith(first)
    assert ours.stderr.startswith(first)
    assert f"Status: Downloaded newer image for {single}:latest\n" in ours.stderr
    assert told(ours.stderr) == told(plain.stderr)


def test_an_image_that_is_there_is_not_pulled_again(
    saferun: Command, registry: Registry, single: str
) -> None:
    """--pull=missing is the default."""
    assert ran(saferun("--rm", "-u", "3267", single))
    assert pulls(registry) > 0
    for options in ((), ("--pull", "missing"), ("--pull=",), ("--pull", "never")):
        ended = saferun("--rm", "-u", "3267", *options, single)
        assert ran(ended)
        assert ended.stderr == ""
    assert registry.requests() == []


def test_pull_always_asks_the_registry_every_time(
    docker: Command, saferun: Command, registry: Registry, single: str
) -> None:
    """Once, not once for saferun and once for docker."""
    assert ran(saferun("--rm", "-u", "3267", "--pull", "always", single))
    registry.requests()
    plain = docker("run", "--rm", "-u", "3267", "--pull", "always", single)
    asked = pulls(registry)
    ours = saferun("--rm", "-u", "3267", "--pull", "always", single)
    assert ran(ours)
    assert pulls(registry) == asked
    assert told(ours.stderr) == told(plain.stderr)


def test_pull_never_does_not_pull(
    docker: Command, saferun: Command, registry: Registry, single: str
) -> None:
    """125, and nobody asked the registry."""
    words = ("--rm", "-u", "3267", "--pull", "never", single)
    plain, ours = docker("run", *words), saferun(*words)
    assert (plain.status, ours.status, ours.stdout) == (125, 125, "")
    assert ours.stderr == f"saferun: no such image: {single}\nsaferun: nothing was started\n"
    assert registry.requests() == []


def test_quiet_pulls_without_progress(docker: Command, saferun: Command, single: str) -> None:
    """--quiet: nothing but the container's own words, as with docker."""
    plain = docker("run", "--rm", "--quiet", "-u", "3267", single)
    docker("rmi", "--force", single)
    ours = saferun("--rm", "--quiet", "-u", "3267", single)
    if plain.status:
        # The flag is younger than this CLI (23.0).
        assert ours == plain
        return
    assert ran(ours)
    assert ours.stderr == plain.stderr


def test_in_the_background_only_the_id_is_on_stdout(
    docker: Command, saferun: Command, single: str
) -> None:
    """The progress of the pull stays on stderr there as well."""
    ended = saferun("-d", "-u", "3267", single)
    docker("rm", "--force", ended.stdout.strip())
    assert ended.status == 0
    assert len(ended.stdout) == 65
    assert "Downloaded newer image" in ended.stderr


def test_a_tag_and_a_digest_are_pulled(docker: Command, saferun: Command, single: str) -> None:
    """The image's USER counts, although nobody knew it before the pull."""
    ended = saferun("--rm", f"{single}:user")
    assert ran(ended)
    assert "Uid:\t3267" in ended.stdout
    digests = docker("inspect", "--format", "{{join .RepoDigests `\n`}}", f"{single}:user").stdout
    (reference,) = digests.split()
    docker("rmi", f"{single}:user", reference)
    ended = saferun("--rm", reference)
    docker("rmi", reference)
    assert ran(ended)
    assert "Uid:\t3267" in ended.stdout


@pytest.mark.parametrize("name", ["no-such-image", "single:no-such-tag"])
def test_an_image_that_is_nowhere_is_an_error(
    docker: Command, saferun: Command, registry: Registry, name: str
) -> None:
    """125, the registry's words, and that nothing was started."""
    words = ("--rm", "-u", "3267", f"{registry.host}/{name}", "true")
    plain, ours = docker("run", *words), saferun(*words)
    assert (plain.status, ours.status, ours.stdout) == (125, 125, "")
    assert "manifest unknown" in plain.stderr
    assert "manifest unknown" in ours.stderr
    said = f"saferun: the image {registry.host}/{name} could not be pulled\n"
    assert ours.stderr.endswith(f"{said}saferun: nothing was started\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--memory=abc",),
        ("--nonsense",),
        ("--publish", "x:y:z:1"),
        ("--pull", "sometimes"),
        ("--rm=maybe",),
        ("--env-file", "/no/such/file"),
    ],
    ids=" ".join,
)
def test_a_bad_value_is_refused_before_anything_is_pulled(
    docker: Command,
    saferun: Command,
    registry: Registry,
    single: str,
    options: tuple[str, ...],
) -> None:
    """Docker's status, docker's words or better ones, and no download."""
    plain = docker("run", "-u", "3267", *options, single)
    docker("rmi", single)
    registry.requests()
    ours = saferun("-u", "3267", *options, single)
    assert (ours.status, ours.stdout) == (plain.status, "")
    assert plain.status != 0
    if "--pull" not in options:
        assert ours.stderr == plain.stderr
    assert registry.requests() == []


def test_a_platform_is_pulled_and_run(docker: Command, saferun: Command, multi: str) -> None:
    """--platform and DOCKER_DEFAULT_PLATFORM choose from a manifest list."""
    inspect = ("inspect", "--format", "{{.Architecture}}", multi)
    assert ran(saferun("--rm", "-u", "3267", "--platform", "linux/amd64", multi))
    assert docker(*inspect).stdout == "amd64\n"
    # There is no gate for it: refused, and pulled, since only so the architecture is known.
    words = ("--rm", "-u", "3267", multi)
    for options, env in (
        (("--platform", "linux/s390x"), {}),
        ((), {"DOCKER_DEFAULT_PLATFORM": "linux/s390x"}),
    ):
        docker("rmi", multi)
        ended = saferun(*options, *words, env=env)
        assert (ended.status, ended.stdout) == (125, "")
        assert "there is no gate for linux/s390x images" in ended.stderr
        assert docker(*inspect).stdout == "s390x\n"


def test_another_platform_is_pulled_over_the_one_that_is_there(
    docker: Command, saferun: Command, registry: Registry, multi: str
) -> None:
    """As docker run does when what is there does not fit."""
    assert ran(saferun("--rm", "-u", "3267", multi))
    registry.requests()
    words = ("--rm", "-u", "0", "--platform", "linux/s390x", multi)
    ours = saferun(*words)
    assert pulls(registry) > 0
    docker("rmi", multi)
    assert docker("run", "--rm", "-u", "0", multi).status == 0
    plain = docker("run", *words)
    # It cannot be executed here, and saferun has nothing to add to that.
    assert (ours.status, ours.stdout) == (plain.status, plain.stdout)


def test_explain_pulls_nothing(saferun: Command, registry: Registry, single: str) -> None:
    """It says what to do instead."""
    ended = saferun("--explain", "-u", "3267", single)
    assert (ended.status, ended.stdout) == (125, "")
    assert f"saferun: no such image: {single}\n" in ended.stderr
    assert "saferun: hint: --explain pulls nothing: pull it first\n" in ended.stderr
    assert registry.requests() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_an_interrupted_pull_starts_nothing(
    environment: Mapping[str, str],
    single: str,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    """Ctrl-C reaches saferun and the pulling CLI alike; neither goes on."""
    pulling = tmp_path / "pulling"
    cli = script(
        tmp_path / "docker",
        f"""[ "$1" = pull ] || exec "$DOCKER" "$@"
trap 'exit 1' INT TERM
touch '{pulling}'
while :; do sleep 0.05; done""",
    )
    given = {**environment, "SAFERUN_DOCKER": cli}
    # A process group of its own, as a shell would give it.
    words = ["setsid", *saferun_words(), "-u", "3267", single]
    with running(words, given) as process:
        until(pulling.exists)
        os.killpg(process.pid, number)
        status, out, err = rest(process)
    assert status in (-number, 128 + number)
    assert out == b""
    assert b"Traceback" not in err
