"""What a CLI and an engine say of themselves: when that passes, fails, or tells nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import engine_api, engine_lines

if TYPE_CHECKING:
    from saferun.judge.diagnosis import Line

INFO: dict[str, Any] = {
    "DefaultRuntime": "runc",
    "LoggingDriver": "json-file",
    "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"],
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "Driver": "overlay2",
    "OperatingSystem": "Debian",
    "KernelVersion": "6.1",
}
VERSION: dict[str, Any] = {
    "Version": "20.10.24+dfsg1",
    "ApiVersion": "1.41",
    "Os": "linux",
    "Arch": "amd64",
    "Components": [{"Name": "Engine", "Version": "x"}, {"Name": "runc", "Version": "1.1.5"}],
}


def lines(**changes: Any) -> dict[str, Line]:  # noqa: ANN401 - it stands for JSON
    """Return the lines of a sane engine of which some things are different, by id."""
    info = {key: changes.pop(key, value) for key, value in INFO.items()}
    version = engine_api.engine_version(json.dumps({**VERSION, **changes}).encode())
    facts = engine_api.engine_facts(json.dumps(info).encode())
    told = [*engine_lines.versions(version), *engine_lines.facts(facts, version)]
    return {line.id: line for line in told}


def test_a_sane_engine_passes() -> None:
    """And what it is, is shown."""
    told = lines()
    assert {line.outcome for line in told.values()} == {"pass"}
    assert told["engine.version"].seen == "engine 20.10.24+dfsg1, API 1.41"
    assert told["engine.runtime"].seen == "runc 1.1.5"
    assert told["engine.cgroup"].seen == "version 2, driver systemd"
    assert told["engine.lsm"].seen == "containers are confined by apparmor"


@pytest.mark.parametrize(
    ("changes", "check", "outcome"),
    [
        ({"Version": ""}, "engine.version", "cannot tell"),
        ({"Version": "master"}, "engine.version", "cannot tell"),
        ({"Version": "19.03.15"}, "engine.version", "cannot tell"),
        ({"Version": "29.4.0"}, "engine.version", "pass"),
        ({"Components": [{"Name": "Podman Engine"}]}, "engine.version", "cannot tell"),
        ({"Os": "windows"}, "engine.platform", "fail"),
        ({"Os": ""}, "engine.platform", "cannot tell"),
        ({"DefaultRuntime": "runsc"}, "engine.runtime", "cannot tell"),
        ({"DefaultRuntime": ""}, "engine.runtime", "cannot tell"),
        ({"Driver": "unheard-of"}, "engine.storage", "cannot tell"),
        ({"Driver": ""}, "engine.storage", "cannot tell"),
        ({"CgroupDriver": "none"}, "engine.cgroup", "fail"),
        ({"CgroupDriver": ""}, "engine.cgroup", "cannot tell"),
        ({"SecurityOptions": []}, "engine.seccomp", "fail"),
        ({"SecurityOptions": None}, "engine.seccomp", "fail"),
        (
            {"SecurityOptions": ["name=seccomp,profile=unconfined"]},
            "engine.seccomp",
            "fail",
        ),
        (
            {"SecurityOptions": ["name=seccomp,profile=/etc/own.json"]},
            "engine.seccomp",
            "cannot tell",
        ),
        ({"SecurityOptions": ["name=seccomp,profile=builtin"]}, "engine.seccomp", "pass"),
    ],
)
def test_what_is_different_changes_its_own_line(
    changes: dict[str, Any], check: str, outcome: str
) -> None:
    """And no other; what fails says what to do."""
    told = lines(**changes)
    assert told[check].outcome == outcome
    assert all(line.outcome == "pass" for line in told.values() if line.id != check)
    assert bool(told[check].advice) or outcome == "pass" or check == "engine.platform"


@pytest.mark.parametrize(
    ("options", "check", "said"),
    [
        (["name=rootless"], "engine.rootless", "yes: "),
        ([], "engine.rootless", "no: "),
        (["name=userns"], "engine.userns", "users are mapped"),
        (["name=rootless"], "engine.userns", "users are mapped"),
        ([], "engine.userns", "users are not mapped"),
        (["name=selinux"], "engine.lsm", "containers are confined by selinux"),
        ([], "engine.lsm", "neither AppArmor nor SELinux"),
        (["name=no-new-privileges"], "engine.no-new-privileges", "set for every container"),
        ([], "engine.no-new-privileges", "set where it is asked for"),
    ],
)
def test_what_is_neither_right_nor_wrong_is_said(options: list[str], check: str, said: str) -> None:
    """Whoever reads it knows what it means."""
    line = lines(SecurityOptions=["name=seccomp,profile=default", *options])[check]
    assert (line.outcome, line.seen.startswith(said)) == ("pass", True)


@pytest.mark.parametrize(
    ("status", "told", "outcome"),
    [
        (0, "Docker version 28.2.2, build e6534b4\n", "pass"),
        (0, "Docker version 20.10.24+dfsg1, build 297e128\n", "pass"),
        (0, "Docker version 19.03.1, build 1\n", "cannot tell"),
        (0, "Docker version dev, build 1\n", "cannot tell"),
        (1, "Docker version 28.2.2, build e6534b4\n", "cannot tell"),
        (0, "podman version 4.3.1\n", "cannot tell"),
        (0, "", "cannot tell"),
    ],
)
def test_the_version_of_the_cli(status: int, told: str, outcome: str) -> None:
    """Only Docker's own, and not too old."""
    assert engine_lines.cli_version(status, told).outcome == outcome


@pytest.mark.parametrize(
    ("status", "told", "outcome"),
    [
        (0, "\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n", "pass"),
        (0, "Usage:  saferun [OPTIONS] IMAGE\n\n(see Usage:  docker run)", "fail"),
        (125, "saferun: /usr/bin/docker calls saferun again, so no docker CLI was reached", "fail"),
        (0, "Run a command in a new container\n\nUsage:\n  podman run", "cannot tell"),
        (127, "", "cannot tell"),
    ],
)
def test_a_docker_that_is_saferun_is_noticed(status: int, told: str, outcome: str) -> None:
    """By what it prints when it is asked for help as saferun would start it."""
    assert engine_lines.cli_loop(status, told).outcome == outcome


@pytest.mark.parametrize(
    ("path", "mode", "warnings", "outcome"),
    [
        ("/s", 0o660, (), "pass"),
        ("/s", 0o662, (), "fail"),
        ("/s", 0o666, (), "fail"),
        ("/s", None, (), "cannot tell"),
        (None, None, (), "cannot tell"),
        (
            "/s",
            0o660,
            ("WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n more",),
            "fail",
        ),
        ("/s", 0o660, ("WARNING: No swap limit support",), "pass"),
    ],
)
def test_who_may_talk_to_the_engine(
    path: str | None, mode: int | None, warnings: tuple[str, ...], outcome: str
) -> None:
    """Not everybody on the machine, and nobody over the network."""
    assert engine_lines.socket(path, mode, warnings).outcome == outcome


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "pass"),
        ({"Arch": "s390x"}, "fail"),
        ({"Arch": ""}, "fail"),
        ({"Os": "windows"}, "fail"),
    ],
)
def test_a_gate_for_the_engines_architecture(changes: dict[str, str], outcome: str) -> None:
    """Or there is nothing to be put in front of commands."""
    version = engine_api.engine_version(json.dumps({**VERSION, **changes}).encode())
    assert engine_lines.architecture(version, ("amd64", "arm64")).outcome == outcome


@given(st.text())
def test_any_version_has_some_numbers(version: str) -> None:
    """Or none; nothing is raised."""
    assert all(number >= 0 for number in engine_lines.numbers(version))
    assert engine_lines.numbers("20.10.24+dfsg1.3") == (20, 10, 24)
    assert engine_lines.numbers("9" * 5000) == ()


@given(st.integers(-1, 255), st.text())
def test_any_words_of_a_cli_are_judged(status: int, told: str) -> None:
    """What nobody has foreseen does not pass."""
    assert engine_lines.cli_version(status, told).outcome != "pass"
    assert engine_lines.cli_loop(status, told).outcome != "pass"
