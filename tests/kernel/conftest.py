"""A real engine, images on it, and the proof that nothing is left behind."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest

from tests.kernel.images import IMAGES, entries, tar
from tests.kernel.outcomes import PODMAN, Grants
from tests.kernel.programs import saferun_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "script" / "engine"
GATE_LABEL = "saferun.gate"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Command(Protocol):
    """A program to be run with any arguments."""

    def __call__(
        self,
        *argv: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Ended:
        """Run it to its end; `env` is added to a small, clean environment."""


def missing(what: str) -> NoReturn:
    """Skip where a person is trying things out; fail where everything is meant to be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def command(prefix: list[str], environment: Mapping[str, str]) -> Command:
    """Return a Command that starts with these words."""

    def run(
        *argv: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Ended:
        done = subprocess.run(
            [*prefix, *argv],
            input=stdin,
            capture_output=True,
            check=False,
            env={**environment, **(env or {})},
            timeout=timeout,
        )
        return Ended(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )

    return run


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """The engine to test on, as a DOCKER_HOST: SAFERUN_TEST_ENGINE, or else script/engine."""
    if given := os.environ.get("SAFERUN_TEST_ENGINE"):
        yield given
        return
    if os.environ.get("CI") != "true" and (os.geteuid() != 0 or not shutil.which("dockerd")):
        missing("no engine; as root: script/engine up, or set SAFERUN_TEST_ENGINE")
    was_running = subprocess.run([ENGINE, "status"], capture_output=True, check=False)
    started = subprocess.run([ENGINE, "up"], capture_output=True, check=False, text=True)
    if started.returncode:
        missing(f"script/engine up: {started.stderr}")
    try:
        yield started.stdout.split("DOCKER_HOST=")[1].strip()
    finally:
        if was_running.returncode:
            subprocess.run([ENGINE, "down"], check=True)


@pytest.fixture(scope="session")
def environment(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What every command gets: this engine, and none of the person's own configuration."""
    home = tmp_path_factory.mktemp("home")
    cli = os.environ.get("SAFERUN_DOCKER")
    named = {"SAFERUN_DOCKER": cli} if cli else {}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_HOST": engine, **named}


@pytest.fixture(scope="session")
def docker(environment: Mapping[str, str]) -> Command:
    """The real docker CLI, or what SAFERUN_DOCKER names instead."""
    program = os.environ.get("SAFERUN_DOCKER") or shutil.which("docker")
    if program is None:
        missing("no docker CLI; as root: script/engine up")
    return command([program], environment)


@pytest.fixture(scope="session")
def grants(docker: Command) -> Grants:
    """What the engine gives by itself."""
    return PODMAN if docker("--version").stdout.startswith("podman") else Grants()


@pytest.fixture(scope="session")
def saferun(environment: Mapping[str, str]) -> Command:
    """SAFERUN_TEST_PROGRAM, the installed saferun, or else the one in this checkout."""
    return command(saferun_words(), environment)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return the test's own directory, and let others in; pytest's own place is above it.

    They are saferun as somebody else, and containers whose root is somebody else.
    """
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o711)
    return tmp_path


@pytest.fixture(scope="session")
def saferunctl(environment: Mapping[str, str]) -> Command:
    """The saferunctl of this checkout."""
    return command(
        [sys.executable, "-c", "from saferun.ctl import main; main()"],
        {**environment, "PYTHONPATH": str(ROOT)},
    )


def present(docker: Command) -> dict[str, set[str]]:
    """Return all that an engine keeps, by kind."""
    listings = {
        "container": ("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Command}}"),
        "volume": ("volume", "ls", "--format", "{{.Name}}"),
        "network": ("network", "ls", "--format", "{{.Name}}"),
        "image": ("images", "--all", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"),
    }
    return {kind: set(docker(*argv).stdout.splitlines()) for kind, argv in listings.items()}


@pytest.fixture(scope="session", autouse=True)
def leftovers(docker: Command) -> Iterator[None]:
    """Fail the session when its tests leave anything on the engine, the gate volume excepted."""
    before = present(docker)
    yield
    gates = docker("volume", "ls", "--quiet", "--filter", f"label={GATE_LABEL}")
    for volume in set(gates.stdout.split()) - before["volume"]:
        docker("volume", "rm", volume)
    after = present(docker)
    left = [f"{kind} {name}" for kind in after for name in sorted(after[kind] - before[kind])]
    if left:
        pytest.fail("left on the engine:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(scope="session")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """attack/sets.c, compiled into one static program."""
    if shutil.which("gcc") is None:
        missing("no C compiler; apt-get install gcc libc6-dev")
    program = tmp_path_factory.mktemp("attack") / "sets"
    source = Path(__file__).with_name("attack") / "sets.c"
    flags = ("-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["gcc", *flags, "-o", program, source], check=True)
    return program.read_bytes()


@pytest.fixture(scope="session")
def image(docker: Command, attacker: bytes) -> Iterator[Callable[[str], str]]:
    """Return the reference of a test image, built when it is first asked for."""
    busybox = shutil.which("busybox")
    if busybox is None:
        missing("no busybox; apt-get install busybox-static")
    program = Path(busybox).read_bytes()
    listed = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
    applets = [applet for applet in listed.stdout.split() if applet != "busybox"]
    repository = f"saferun-test-{secrets.token_hex(4)}"
    built = {}

    def build(name: str) -> str:
        if name not in built:
            wanted = IMAGES[name]
            reference = f"{repository}:{name}"
            options = [f"--change={change}" for change in wanted.changes]
            if wanted.platform:
                options.append(f"--platform={wanted.platform}")
            archive = tar(entries(wanted, program, applets, attacker))
            done = docker("import", *options, "-", reference, stdin=archive)
            assert done.status == 0, done.stderr
            built[name] = reference
        return built[name]

    yield build
    if built:
        docker("rmi", "--force", *built.values())
