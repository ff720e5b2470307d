"""Getting the gate to an engine: by itself, safely, and nothing else is left there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.host.gate_volume import gates
from tests.kernel.conftest import ENGINE, ROOT, Ended, command, missing, present
from tests.kernel.images import IMAGES, Entry, entries, tar
from tests.kernel.outcomes import failed, five, fresh_name, holds_nothing, moments, never_started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

IMAGE = "sets:latest"
RUN = ("--rm", "-u", "3267", IMAGE, "/sets")


@pytest.fixture(scope="module")
def own_engine(environment: Mapping[str, str], attacker: bytes) -> Iterator[Mapping[str, str]]:
    """An engine whose gate volume may be removed and forged, as an environment for commands."""
    if os.geteuid() != 0:
        missing("no engine of our own; run as root")
    named = {**environment, "SAFERUN_ENGINE": f"test-{os.getpid()}"}
    up = subprocess.run([ENGINE, "up"], capture_output=True, check=False, text=True, env=named)
    if up.returncode:
        missing(f"script/engine up: {up.stderr}")
    try:
        here = {**environment, "DOCKER_HOST": up.stdout.split("DOCKER_HOST=")[1].strip()}
        archive = tar(entries(IMAGES["scratch"], b"", (), attacker))
        assert command(["docker"], here)("import", "-", IMAGE, stdin=archive).status == 0
        yield here
    finally:
        subprocess.run([ENGINE, "down"], check=True, env=named)


@dataclass(frozen=True)
class Place:
    """An engine that has never seen a saferun, and a user who has never used one."""

    docker: Command
    saferun: Command
    environment: Mapping[str, str]
    #: what saferun will call its volume, and the label that makes it so
    volume: str
    label: str
    home: Path

    def content(self) -> dict[str, bytes]:
        """What is in the volume, as the engine's host sees it."""
        path = self.docker("volume", "inspect", "--format={{.Mountpoint}}", self.volume).stdout
        return {file.name: file.read_bytes() for file in sorted(Path(path.strip()).iterdir())}

    def make_volume(self, *options: str) -> None:
        """Make a volume of that name before saferun does."""
        assert self.docker("volume", "create", *options, self.volume).status == 0

    @contextmanager
    def events(self) -> Iterator[Iterator[str]]:
        """Yield what happens on the engine from now on, such as `container create`."""
        argv = ["docker", "events", f"--since={time.time()}", "--format={{.Type}} {{.Action}}"]
        with subprocess.Popen(
            argv, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            yield (line.rstrip("\n") for line in running.stdout)
            running.terminate()

    def put(self, name: str, content: bytes) -> None:
        """Put a file into the volume."""
        mount = f"--mount=type=volume,src={self.volume},dst=/volume"
        container = self.docker("create", mount, IMAGE, "/sets").stdout.strip()
        done = self.docker("cp", "-", f"{container}:/volume", stdin=tar([Entry(name, content)]))
        self.docker("rm", container)
        assert done.status == 0, done.stderr


@pytest.fixture
def place(own_engine: Mapping[str, str], saferun: Command, tmp_path: Path) -> Iterator[Place]:
    """An engine without the gate, and a home directory without memories of one."""
    here = {**own_engine, "HOME": str(tmp_path)}
    docker = command(["docker"], here)
    ours = partial(saferun, env=here)
    told = json.loads(ours("--explain=json", *RUN).stdout)
    (mount,) = (word for word in told["argv"] if word.startswith("--mount="))
    parts = dict(part.partition("=")[::2] for part in mount.split(","))
    volume, label = parts["src"], parts["volume-label"]
    before = present(docker)
    assert volume not in before["volume"]
    yield Place(docker, ours, here, volume, label, tmp_path)
    after = present(docker)
    # Whatever went wrong, the next test finds the engine as this one did.
    if after["container"]:
        docker("rm", "--force", *(line.split()[0] for line in after["container"]))
    for line in after["image"] - before["image"]:
        docker("rmi", "--force", line.split()[0])
    docker("volume", "rm", "--force", volume)
    after["volume"] -= {volume}
    assert after == before


def test_the_first_run_brings_the_gate_and_the_next_only_looks(place: Place) -> None:
    """One labelled volume is all that is added to an engine."""
    holds_nothing(place.saferun(*RUN))
    (inspected,) = json.loads(place.docker("volume", "inspect", place.volume).stdout)
    assert [f"{key}={value}" for key, value in inspected["Labels"].items()] == [place.label]
    assert (inspected["Driver"], inspected["Options"]) == ("local", None)
    assert {name.split("-")[0] for name in place.content()} == {"gate"}
    # A volume of this very second could still be replaced unseen: it is read back once more.
    time.sleep(1.1)
    holds_nothing(place.saferun(*RUN))
    with place.events() as events:
        holds_nothing(place.saferun(*RUN))
        seen = []
        while "container destroy" not in seen:
            seen.append(next(events))
    assert seen.count("container create") == 1
    assert "image import" not in seen


def test_a_volume_replaced_within_the_second_is_noticed(place: Place) -> None:
    """Engines tell the time of creation in whole seconds; the first run does not rely on it."""
    holds_nothing(place.saferun(*RUN))
    assert place.docker("volume", "rm", place.volume).status == 0
    place.make_volume(f"--label={place.label}")
    place.put("gate-amd64", b"somebody's")
    ended = place.saferun(*RUN)
    assert ended.status == 125
    assert "does not hold saferun's gates" in ended.stderr


def test_a_volume_that_was_pruned_is_made_again(place: Place) -> None:
    """Whatever this user remembers of it."""
    holds_nothing(place.saferun(*RUN))
    content = place.content()
    for _ in range(2):
        assert place.docker("volume", "rm", place.volume).status == 0
        holds_nothing(place.saferun(*RUN))
        assert place.content() == content
    # An engine that has to make it for a container makes an empty one.
    assert place.docker("volume", "rm", place.volume).status == 0
    place.make_volume(f"--label={place.label}")
    holds_nothing(place.saferun(*RUN))
    assert place.content() == content


@pytest.mark.parametrize("count", [2, 8])
def test_any_number_of_first_runs_at_once(place: Place, count: int) -> None:
    """They share the work or do it twice, and all of them start."""
    with ThreadPoolExecutor(count) as pool:
        for ended in pool.map(lambda _: place.saferun(*RUN), range(count)):
            holds_nothing(ended)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--label=saferun.gate=1"],
        ["--label={label}", "--opt=type=none", "--opt=o=bind", "--opt=device={directory}"],
        ["--label={label}", "--opt=type=tmpfs", "--opt=device=tmpfs"],
    ],
    ids=["no label", "another label", "bind in disguise", "tmpfs in disguise"],
)
def test_a_volume_that_is_not_ours_is_refused(place: Place, options: list[str]) -> None:
    """By name alone, or with options that make it something else: nothing starts, all is left."""
    filled = {"label": place.label, "directory": place.home}
    place.make_volume(*(option.format(**filled) for option in options))
    if not options:
        place.put("gate-amd64", b"somebody's")
    inspected = place.docker("volume", "inspect", place.volume).stdout
    name = fresh_name()
    for detached in ([], ["-d"]):
        ended = place.saferun(*detached, "--name", name, *RUN)
        failed(ended, f"the volume {place.volume} exists on the engine but is not saferun's")
        assert f"docker volume inspect {place.volume}" in ended.stderr
    never_started(place.docker, name)
    assert place.docker("volume", "inspect", place.volume).stdout == inspected
    if not options:
        assert place.content() == {"gate-amd64": b"somebody's"}


@pytest.mark.parametrize(
    "forge",
    [
        {"gate-amd64": b"#!/bin/sh\nexec false\n", "gate-arm64": b""},
        {"gate-amd64": None},
        {"gate-amd64": b"", "more": b""},
    ],
    ids=["forged", "one of them", "emptied"],
)
def test_a_volume_of_ours_with_something_else_in_it_is_refused(
    place: Place, forge: dict[str, bytes | None]
) -> None:
    """The label alone is not believed: what is in it is read back, and nothing starts."""
    place.make_volume(f"--label={place.label}")
    for name, content in forge.items():
        place.put(name, gates()[name] if content is None else content)
    before = place.content()
    name = fresh_name()
    ended = place.saferun("--name", name, *RUN)
    if forge == {"gate-amd64": None} and len(gates()) == 1:
        holds_nothing(ended)
        return
    failed(ended, f"the volume {place.volume} does not hold saferun's gates")
    assert f"docker volume rm {place.volume}" in ended.stderr
    never_started(place.docker, name)
    assert place.content() == before


def test_a_volume_that_was_made_anew_is_read_back_again(place: Place) -> None:
    """Having seen a whole one does not mean that its successor is believed."""
    holds_nothing(place.saferun(*RUN))
    assert place.docker("volume", "rm", place.volume).status == 0
    # An engine tells the time of creation in whole seconds.
    time.sleep(1)
    place.make_volume(f"--label={place.label}")
    place.put("gate-amd64", b"#!/bin/sh\nexec true\n")
    failed(place.saferun(*RUN), f"the volume {place.volume} does not hold saferun's gates")


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "image import"),
        (signal.SIGTERM, "container create"),
        (signal.SIGHUP, "container create"),
    ],
    ids=str,
)
def test_being_interrupted_leaves_nothing_behind(
    place: Place, number: signal.Signals, moment: str
) -> None:
    """The image and the container that bring the gate go, and the next run does the work."""
    argv = [sys.executable, str(ROOT / "script" / "saferun"), *RUN]
    with (
        place.events() as events,
        subprocess.Popen(
            argv,
            env={**place.environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
    ):
        while next(events) != moment:
            pass
        running.send_signal(number)
        stdout, stderr = running.communicate(timeout=60)
    assert stdout == ""
    assert stderr.splitlines() == ["saferun: interrupted; nothing was started"]
    assert running.returncode == 128 + number
    assert place.docker("ps", "--all", "--quiet").stdout == ""
    holds_nothing(place.saferun(*RUN))


@pytest.mark.parametrize(
    ("variables", "remembered"),
    [
        ({"XDG_CACHE_HOME": "{home}/elsewhere"}, "elsewhere/saferun"),
        ({"XDG_CACHE_HOME": "relative"}, ".cache/saferun"),
        ({"XDG_CACHE_HOME": "/dev/null"}, None),
        ({"XDG_CACHE_HOME": "/proc"}, None),
        ({"HOME": "/dev/null"}, None),
        ({"HOME": ""}, None),
    ],
    ids=str,
)
def test_it_works_with_any_cache_or_none(
    docker: Command,
    saferun: Command,
    image: Build,
    tmp_path: Path,
    variables: dict[str, str],
    remembered: str | None,
) -> None:
    """What cannot be remembered is found out again; what can lies where it should."""
    here = {"HOME": str(tmp_path)}
    here |= {key: value.format(home=tmp_path) for key, value in variables.items()}
    run = ("--rm", "-u", "app", image("busybox"), "sets")
    ended = saferun(*run, env=here)
    assert ended.status == 0
    # The docker CLI may have something to say of such a HOME itself.
    assert ended.stderr == docker("run", *run, env=here).stderr
    assert {five(moment) for moment in moments(Ended(0, ended.stdout, ""))} == {(0,) * 5}
    if remembered:
        directory = tmp_path / remembered
        assert directory.stat().st_mode & 0o777 == 0o700
        files = sorted(directory.iterdir())
        assert [file.name.split("-")[0] for file in files] == ["passwd", "saferun"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    else:
        assert list(tmp_path.iterdir()) == []


def test_without_a_home_at_all(environment: Mapping[str, str], image: Build) -> None:
    """As in a cron job or an initramfs."""
    bare = {name: value for name, value in environment.items() if name != "HOME"}
    bare |= {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": "/dev/null"}
    saferun = command([sys.executable, str(ROOT / "script" / "saferun")], bare)
    run = ("--rm", "-u", "app", image("busybox"), "sets")
    ended = saferun(*run)
    assert ended.status == 0
    assert {five(moment) for moment in moments(Ended(0, ended.stdout, ""))} == {(0,) * 5}


def test_the_gate_cannot_be_changed_from_inside(saferun: Command, image: Build) -> None:
    """Not even by root, who has the engine's default capabilities."""
    script = """
        cd /.saferun/*; id -u; ls -l; echo ==
        for gate in gate-*; do
            echo x >$gate; echo x >>$gate; chmod 777 $gate; rm $gate; mv $gate other
            ln $gate other; umount $PWD; mount -o remount,rw $PWD; mkdir new
        done
        ls -l
    """
    ended = saferun("--rm", "-u", "toor", image("busybox"), "sh", "-c", script)
    before, after = ended.stdout.split("==\n")
    assert before == f"0\n{after}"
    lines = ended.stderr.splitlines()
    assert len(lines) == 9 * after.count("gate-") > 0
    refusals = ("Read-only file system", "Operation not permitted", "ermission denied")
    assert all(any(refusal in line for refusal in refusals) for line in lines)


def test_a_volume_that_a_container_has_stays(place: Place, saferunctl: Command) -> None:
    """And whoever wants to remove it is told how to see which container."""
    named = f"--name={fresh_name()}"
    assert place.saferun(named, *RUN[1:]).status == 0
    refused = saferunctl("gate", "remove", env=place.environment)
    assert refused.status == 2
    assert "volume is in use" in refused.stderr
    hint = f"saferunctl: hint: docker ps --all --filter volume={place.volume} lists the"
    assert hint in refused.stderr
    listed = place.docker("ps", "--all", "--quiet", "--filter", f"volume={place.volume}")
    place.docker("rm", *listed.stdout.split())
    removed = saferunctl("gate", "remove", env=place.environment)
    assert removed == Ended(0, f"{place.volume}: removed\n", "")
