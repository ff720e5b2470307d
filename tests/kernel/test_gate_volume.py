"""The gate's volume on a real engine: filled, read back, fought over, lost, and interrupted."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun import delivery
from saferun.errors import GateError
from saferun.facts import image as image_facts
from saferun.formats.docker_run.gate_command import LABEL, Gate
from saferun.host import gate_volume, image_files
from saferun.judge.checks.gate_mount import DIRECTORY
from saferun.world import World
from tests.kernel.images import SQUATTER, Entry, Image, entries, tar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(environment: Mapping[str, str], tmp_path: Path) -> World:
    """The engine under test, with an empty cache."""

    def quiet(*_lines: str) -> None:
        """Say nothing."""

    return World("docker", {**environment, "XDG_CACHE_HOME": str(tmp_path)}, quiet, quiet)


@pytest.fixture
def gate(docker: Command) -> Iterator[Gate]:
    """The gates of this installation under a digest, and so a volume, of their own."""
    made = Gate(secrets.token_hex(32), delivery.gate().architectures)
    yield made
    containers = docker("ps", "-aq", "--filter", f"volume={made.volume}").stdout.split()
    if containers:
        docker("rm", "-f", *containers)
    docker("volume", "rm", "-f", made.volume)
    # What was left behind is the fault that each of these tests looks for.
    assert containers == []


def version(world: World) -> str:
    """The engine's API version."""
    return image_facts.api_version_text(world.engine.get("/_ping")[0])


def fill(gate: Gate, world: World) -> None:
    """Do what only the first run does."""
    label = (LABEL, gate.digest)
    gate_volume.fill(world.engine.endpoint, version(world), gate.volume, label, DIRECTORY)


def deliver(gate: Gate, world: World) -> None:
    """Do what every run does."""
    (answer,) = world.engine.get(delivery.volume_path(gate))
    delivery.deliver(gate, answer, world, version(world))


def content(gate: Gate, docker: Command, reference: str) -> dict[str, str]:
    """Sums of everything in the volume, by name."""
    mount = f"type=volume,src={gate.volume},dst=/v,readonly"
    words = ("--network=none", "--mount", mount, reference, "sh", "-c", "cd /v && sha256sum *")
    lines = docker("run", "--rm", *words).stdout.splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def change(gate: Gate, docker: Command, reference: str, script: str) -> None:
    """Run a script in the volume."""
    mounted = f"--volume={gate.volume}:/v"
    done = docker(
        "run", "--rm", "--network=none", mounted, reference, "sh", "-c", f"cd /v; {script}"
    )
    assert done.status == 0, done.stderr


def test_the_volume_is_made_and_filled(
    gate: Gate, world: World, docker: Command, image: Build
) -> None:
    """With our label, holding the gates and nothing else; doing it again changes nothing."""
    deliver(gate, world)
    first = content(gate, docker, image("busybox"))
    assert set(first) == set(gate_volume.gates())
    shown = docker("volume", "inspect", "-f", "{{.Driver}} {{.Labels}}", gate.volume).stdout
    assert shown.strip() == f"local map[{LABEL}:{gate.digest}]"
    fill(gate, world)
    assert content(gate, docker, image("busybox")) == first


def test_a_volume_that_was_seen_before_is_not_read_again(
    gate: Gate, world: World, docker: Command, image: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is made anew, as after a prune."""
    deliver(gate, world)
    # Only a volume whose second of creation is over is remembered.
    time.sleep(1.1)
    deliver(gate, world)
    calls = []
    real = gate_volume.fill

    def noted(*words: Any, **named: Any) -> None:  # noqa: ANN401 - whatever fill takes
        calls.append(1)
        real(*words, **named)

    monkeypatch.setattr(gate_volume, "fill", noted)
    deliver(gate, world)
    assert calls == []
    docker("volume", "rm", gate.volume)
    # An engine tells the time of creation in whole seconds.
    time.sleep(1.1)
    deliver(gate, world)
    assert calls == [1]
    assert set(content(gate, docker, image("busybox"))) == set(gate_volume.gates())


def test_an_empty_volume_of_ours_is_filled(
    gate: Gate, world: World, docker: Command, image: Build
) -> None:
    """As `docker run` makes one when it was pruned a moment before."""
    docker("volume", "create", "--label", f"{LABEL}={gate.digest}", gate.volume)
    deliver(gate, world)
    assert set(content(gate, docker, image("busybox"))) == set(gate_volume.gates())


@pytest.mark.parametrize(
    "script",
    [
        "echo >>gate-amd64",
        "rm gate-arm64",
        "rm gate-amd64; ln -s /bin/busybox gate-amd64",
        "rm gate-amd64; mkdir gate-amd64",
        "cp gate-arm64 other; mv other gate-amd64",
    ],
)
def test_a_tampered_volume_is_refused(
    gate: Gate, world: World, docker: Command, image: Build, script: str
) -> None:
    """By whoever has not seen it before, and with what to do."""
    fill(gate, world)
    change(gate, docker, image("busybox"), script)
    with pytest.raises(GateError, match="does not hold saferun's gates") as caught:
        deliver(gate, world)
    assert gate.volume in caught.value.hints[0]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--label", f"{LABEL}=another"),
        ("--label", LABEL),
        ("--label", "{ours}", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/tmp"),
    ],
    ids=["none", "other", "empty", "bind"],
)
def test_a_volume_that_is_not_ours_is_refused(
    gate: Gate, world: World, docker: Command, words: tuple[str, ...]
) -> None:
    """Whatever is in it: no label, another's label, or somebody's directory behind our label."""
    ours = f"{LABEL}={gate.digest}"
    given = [word.replace("{ours}", ours) for word in words]
    assert docker("volume", "create", *given, gate.volume).status == 0
    with pytest.raises(GateError, match="is not saferun's"):
        deliver(gate, world)


def filling(gate: Gate, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Fill the volume in a process of its own."""
    script = (
        "import os, sys\n"
        "from saferun.formats.json_text import decode\n"
        "from saferun.host import gate_volume\n"
        "from saferun.host.endpoint import Endpoint\n"
        "print('started', flush=True)\n"
        "gate_volume.fill(Endpoint('docker', os.environ, decode), '1.41', sys.argv[1],"
        f" ({LABEL!r}, sys.argv[2]), {DIRECTORY!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, gate.volume, gate.digest],
        env=dict(environment),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_at_once(
    gate: Gate, environment: Mapping[str, str], docker: Command, image: Build
) -> None:
    """Both succeed, and the volume is whole."""
    racers = [filling(gate, environment) for _ in range(2)]
    for racer in racers:
        _, complaint = racer.communicate(timeout=60)
        assert racer.returncode == 0, complaint
    assert set(content(gate, docker, image("busybox"))) == set(gate_volume.gates())


@pytest.mark.parametrize("wait", [0.0, 0.03, 0.08, 0.15, 0.25])
def test_a_signal_in_the_middle_leaves_nothing(
    gate: Gate, environment: Mapping[str, str], docker: Command, wait: float
) -> None:
    """Neither a container nor an image; the volume itself is for the next one to use."""
    listing = ("images", "-q", "--no-trunc", "--filter", "dangling=true")
    images = set(docker(*listing).stdout.split())
    racer = filling(gate, environment)
    assert racer.stdout is not None
    racer.stdout.readline()
    time.sleep(wait)
    racer.send_signal(signal.SIGTERM)
    racer.communicate(timeout=60)
    assert docker("ps", "-aq", "--filter", f"volume={gate.volume}").stdout == ""
    left = set(docker(*listing).stdout.split()) - images
    if left:
        docker("rmi", "-f", *left)
    assert left == set()


def test_passwd_of_a_real_image(world: World, image: Build, docker: Command) -> None:
    """Read without starting anything, also where there is none."""
    for name, content in (("busybox", b"toor:x:0:0:"), ("scratch", None)):
        reference = image(name)
        (read,) = image_files.read(
            world.engine.endpoint, version(world), reference, ["/etc/passwd"]
        )
        assert read is not None
        assert read == b"" if content is None else content in read
        assert docker("ps", "-aq", "--filter", f"ancestor={reference}").stdout == ""


def test_a_volume_behind_a_link_cannot_take_the_gates_place(
    docker: Command, saferun: Command, attacker: bytes
) -> None:
    """An image may declare a volume at a path that its own link leads to the gate's directory.

    The engine mounts volumes of equal depth in any order, so one run alone proves nothing.
    """
    squatter = (
        Entry("foo", target=DIRECTORY),
        *(Entry(f"{DIRECTORY[1:]}/gate-{name}", SQUATTER) for name in ("amd64", "arm64")),
    )
    program = Path(shutil.which("busybox") or "").read_bytes()
    contents = entries(Image(extra=squatter), program, ["sh", "echo"], attacker)
    reference = f"saferun-test-{secrets.token_hex(4)}:link"
    done = docker("import", '--change=VOLUME ["/foo"]', "-", reference, stdin=tar(contents))
    assert done.status == 0, done.stderr
    try:
        for _ in range(5):
            words = ("--rm", "--network=none", "-u", "3267", reference, "echo", "hello")
            assert "squatter" not in saferun(*words).stdout
    finally:
        docker("rmi", "--force", reference)
