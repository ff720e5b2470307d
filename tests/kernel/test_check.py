"""`saferunctl check` on a real engine: what is asked for and what is there get the same verdict."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saferun import check, laws
from saferun.host import policy_files
from saferun.world import World
from tests.kernel.conftest import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from docker import APIClient

    from saferun.formats.checked import Checked
    from tests.kernel.conftest import Command
    from tests.kernel.outcomes import Grants

LAWS = ("baseline", "restricted", "cis", "hardened", "ci", "agent")
#: How many bodies that the engine accepts are compared.
BODIES = 300
OK = 200
CREATED = 201
PROFILE = json.dumps({"defaultAction": "SCMP_ACT_ALLOW"})
PREFIX = f"saferun-check-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def saferunctl(environment: Mapping[str, str]) -> Command:
    """The installed saferunctl."""
    return command([str(Path(sys.executable).with_name("saferunctl"))], environment)


@pytest.fixture(scope="module")
def client(engine: str) -> Iterator[APIClient]:
    """The engine's API, as raw as it comes."""
    from docker import APIClient

    client = APIClient(base_url=engine, version="auto")
    yield client
    client.close()


@pytest.fixture(scope="module")
def world(environment: Mapping[str, str]) -> World:
    """The world as saferunctl would see it."""
    return World("docker", environment, lambda *_: None, lambda *_: None)


@pytest.fixture(scope="module")
def others(docker: Command, image: Callable[[str], str]) -> Iterator[Callable[[str], str]]:
    """What bodies name: containers, volumes and a network, by their short names."""
    made: list[tuple[str, ...]] = []

    def name(short: str) -> str:
        return f"{PREFIX}-{short}"

    try:
        for short, flags in {
            "plain": ("--volume=/srv:/taken:ro",),
            "open": ("--pid=host", "--network=host", "--ipc=host"),
            "shares": ("--ipc=shareable", f"--volume={name('etc')}:/hostetc"),
        }.items():
            if short == "shares":
                made.append(("volume", "rm", name("etc")))
                options = ("--opt=type=none", "--opt=o=bind", "--opt=device=/etc")
                assert docker("volume", "create", *options, name("etc")).status == 0
            made.append(("rm", "--force", "--volumes", name(short)))
            done = docker("create", f"--name={name(short)}", *flags, image("busybox"), "true")
            assert done.status == 0, done.stderr
        volumes = ("data", "new", "disguised")
        made += [("volume", "rm", "--force", name(volume)) for volume in volumes]
        made.append(("network", "rm", name("net")))
        assert docker("network", "create", name("net")).status == 0
        yield name
    finally:
        for argv in reversed(made):
            docker(*argv)


def bind_in_disguise(name: str) -> dict[str, Any]:
    """Return a mount of a volume that is a directory of the host."""
    options = {"type": "none", "o": "bind", "device": "/etc"}
    return {
        "Type": "volume",
        "Source": name,
        "Target": "/disguised",
        "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": options}},
    }


def body(pick: random.Random, image: str, name: Callable[[str], str]) -> dict[str, Any]:
    """Return a create body that asks for a few things of many."""
    joined = [f"container:{name(one)}" for one in ("plain", "open", "shares")]
    binds = ["/srv:/srv:ro", "/etc/:/e", "/run:/r", f"{name('data')}:/d", "/var/run/docker.sock:/s"]
    mounts = [
        {"Type": "bind", "Source": "/usr", "Target": "/u", "ReadOnly": True},
        {"Type": "tmpfs", "Target": "/m", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o700}},
        {"Type": "volume", "Source": name("new"), "Target": "/n"},
        {"Type": "volume", "Target": "/anonymous"},
        bind_in_disguise(name("disguised")),
    ]
    host: dict[str, list[Any]] = {
        "CapAdd": [["NET_ADMIN"], ["cap_chown", "SYS_PTRACE"], ["ALL"], ["CHOWN"], []],
        "CapDrop": [["ALL"], ["cap_net_raw"], ["all"]],
        "Privileged": [True, False],
        "ReadonlyRootfs": [True, False],
        "SecurityOpt": [
            ["no-new-privileges"],
            ["no-new-privileges:true", "seccomp:unconfined"],
            [f"seccomp={PROFILE}"],
            ["label=disable"],
            ["apparmor=unconfined", "no-new-privileges=false"],
        ],
        "MaskedPaths": [None, [], ["/proc/kcore"]],
        "ReadonlyPaths": [None, []],
        "PidMode": ["host", "", *joined],
        "IpcMode": ["host", "private", "none", "shareable", f"container:{name('shares')}"],
        "UTSMode": ["host", ""],
        "UsernsMode": ["host", ""],
        "CgroupnsMode": ["host", "private"],
        "NetworkMode": ["host", "none", "bridge", "default", name("net"), *joined],
        "Binds": [pick.sample(binds, pick.randint(1, 2))],
        "Mounts": [pick.sample(mounts, pick.randint(1, 2))],
        "Tmpfs": [{"/t": ""}, {"/t": "size=1m,exec"}],
        "VolumesFrom": [[name("plain")], [f"{name('shares')}:ro"]],
        "Devices": [[{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n"}]],
        "DeviceCgroupRules": [["c 1:3 rwm"], ["b *:* rwm"]],
        "Sysctls": [{"net.ipv4.ip_unprivileged_port_start": "80"}, {"kernel.msgmax": "65536"}],
        "PortBindings": [
            {"80/tcp": [{"HostPort": "8080"}]},
            {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}]},
            {"80/tcp": []},
        ],
        "PublishAllPorts": [True, False],
        "Memory": [64 << 20, 0, 8 << 30],
        "NanoCpus": [500_000_000, 1_000_000_000],
        "PidsLimit": [100, 0, -1, None],
        "ShmSize": [1 << 20, 64 << 20, 1 << 30],
        "Ulimits": [[{"Name": "nofile", "Soft": 1024, "Hard": 2048}]],
        "OomKillDisable": [True, False],
        "OomScoreAdj": [-500, 500, 0],
        "CgroupParent": ["/elsewhere", ""],
        "Runtime": ["runc", ""],
        "RestartPolicy": [{"Name": "always"}, {"Name": "on-failure", "MaximumRetryCount": 3}],
        "LogConfig": [{"Type": "json-file", "Config": {"max-size": "1m"}}, {"Type": "none"}],
        "ExtraHosts": [["db:10.0.0.1"]],
        "GroupAdd": [["0"], ["3267"]],
        "Links": [[f"{name('plain')}:other"]],
    }
    config: dict[str, list[Any]] = {
        "User": ["", "3267", "3267:3267", "app", "0", "toor"],
        "Healthcheck": [{"Test": ["CMD", "true"]}, {"Test": ["NONE"]}],
        "Volumes": [{"/own": {}}],
        "ExposedPorts": [{"81/tcp": {}}],
        "Env": [["A=1"]],
        "Hostname": ["web"],
    }
    likely = pick.choice((0.08, 0.2))
    asked = {
        key: pick.choice(values) for key, values in config.items() if pick.random() < 2 * likely
    }
    asked["HostConfig"] = {
        key: pick.choice(values) for key, values in host.items() if pick.random() < likely
    }
    if pick.random() < likely:
        asked["NetworkingConfig"] = {"EndpointsConfig": {name("net"): {"Aliases": ["web"]}}}
    if asked["HostConfig"].get("NetworkMode") == name("net"):
        # Engines forget these in a network of the user's own.
        asked["HostConfig"].pop("Links", None)
    return {**asked, "Image": image, "Cmd": ["true"]}


def told(found: Checked) -> dict[str, object]:
    """Return what matters of an answer: the verdict, which controls speak, and of what."""
    spec = found.spec
    assert spec is not None, found.unknown
    mounts = (
        mount.replace(
            asked="", driver=mount.driver or "local", options=tuple(sorted(mount.options))
        )
        for mount in spec.mounts
    )
    return {
        **{name: getattr(spec, name) for name in type(spec).__annotations__},
        # What silence is, is not said; and lists may come back in another order.
        "mounts": frozenset(mounts),
        "flags": frozenset(spec.flags),
        "networks": frozenset(spec.networks),
        "verdict": found.verdict,
        "findings": frozenset(one.check for one in found.findings),
        "doubts": frozenset(one.check for one in found.doubts),
    }


def test_a_request_and_its_container_get_the_same_verdict(
    client: APIClient, world: World, others: Callable[[str], str], image: Callable[[str], str]
) -> None:
    """For 300 bodies that the engine accepts, under the shipped laws, each in its turn."""
    layers = [laws.of_files(*policy_files.read_layers([law], world.environ)) for law in LAWS]
    reference, seed = image("busybox"), 0
    api = f"{client.base_url}/v{client.api_version}"
    compared, verdicts, wrong = 0, set(), list[str]()
    while compared < BODIES:
        seed += 1
        assert seed < 20 * BODIES, "the engine accepts next to nothing"
        asked = body(random.Random(seed), reference, others)
        law = layers[seed % len(layers)]
        (request,) = check.bodies("request", json.dumps(asked).encode(), law, world)
        created = client.post(f"{api}/containers/create", json=asked)
        if created.status_code != CREATED:
            continue
        path = f"{api}/containers/{created.json()['Id']}"
        try:
            answer = client.get(f"{path}/json")
            assert answer.status_code == OK
            (there,) = check.bodies("answer", answer.content, law, world)
        finally:
            client.delete(path, params={"v": 1, "force": 1})
        compared += 1
        verdicts.add(request.verdict)
        before, after = told(request), told(there)
        wrong += [
            f"{LAWS[seed % len(layers)]}: {key}: {before[key]!r} became {after[key]!r}: {asked}"
            for key in before
            if before[key] != after[key]
        ]
        assert not request.unknown or request.verdict != "clean"
    assert not wrong, "\n".join(wrong)
    assert {"clean", "findings"} <= verdicts


def test_a_command_line_is_judged_as_it_would_be_run(
    saferun: Command, saferunctl: Command, image: Callable[[str], str]
) -> None:
    """What saferun refuses is a finding, and what it would run is clean; nothing is started."""
    for words, status in (
        (("--user=3267", image("busybox"), "true"), 0),
        (("--user=3267", "--cap-add=NET_RAW", image("busybox"), "true"), 1),
        (("--user=app", "--privileged", image("busybox"), "true"), 1),
    ):
        run = saferun("--explain", *words)
        checked = saferunctl("check", "--", "docker", "run", *words)
        assert (checked.status, bool(run.status)) == (status, bool(status)), checked.stdout
    assert (
        "cap-add: capabilities not allowed for a non-root user: NET_RAW"
        in saferunctl("check", "--", "-u", "3267", "--cap-add", "NET_RAW", image("busybox")).stdout
    )


def test_a_line_that_saferun_would_not_start_is_not_called_clean(
    saferun: Command,
    saferunctl: Command,
    others: Callable[[str], str],
    image: Callable[[str], str],
    grants: Grants,
    tmp_path: Path,
) -> None:
    """Where the law allows it, but no policy can speak of it, or there is nothing to execute."""
    (tmp_path / "policy.toml").write_text("schema = 1\n")
    policy = ("--policy", str(tmp_path / "policy.toml"))
    command = (image("busybox"), "true")
    for words, starts in (
        ((*policy, "-u1", "--sysctl=net.ipv4.ip_forward=1", *command), True),
        ((*policy, "-u1", "--sysctl=net.ipv4.ip_forward=1,b", *command), not grants.podman),
        (("-u1", f"--volumes-from={others('plain')}:ro", *command), True),
        (("-u1", f"--volumes-from={others('plain')}:rw", *command), not grants.podman),
        (("-u1", image("neither")), False),
    ):
        run = saferun("--explain", *words)
        checked = saferunctl("check", "--", *words)
        assert (run.status, checked.status) == ((0, 0) if starts else (125, 2)), words
        if not starts:
            reason = run.stderr.splitlines()[0].removeprefix("saferun: ")
            assert f"unknown: saferun would not start it: {reason}" in checked.stdout


def test_an_image_that_is_not_there_is_not_pulled(saferunctl: Command) -> None:
    """What depends on it cannot be told, what is wrong whatever it is, is wrong."""
    assert saferunctl("check", "--", "-u", "3267", "nosuch:1").status == 0
    unknown = saferunctl("check", "--", "--cap-add=CHOWN", "nosuch:1")
    assert unknown.status == 2, unknown.stdout
    assert "perhaps: cap-add" in unknown.stdout
    assert "the image nosuch:1 is not on the engine" in unknown.stdout
    assert saferunctl("check", "--", "-u3267", "--cap-add=CHOWN", "nosuch:1").status == 1


def test_what_saferun_started_is_clean(
    docker: Command, saferun: Command, saferunctl: Command, image: Callable[[str], str]
) -> None:
    """The gate's mount is no finding, and everything that the law wants is there."""
    name = f"{PREFIX}-ours"
    law = ("--policy", "baseline")
    try:
        words = ("--detach", f"--name={name}", "--user=3267", image("busybox"), "sleep", "60")
        started = saferun(*law, *words)
        assert started.status == 0, started.stderr
        record = docker("inspect", name).stdout
        done = saferunctl("check", *law, "--api-body", "-", stdin=record.encode())
        assert (done.status, f"stdin:{name}: inspect answer" in done.stdout) == (0, True), done
    finally:
        docker("rm", "--force", name)


def test_a_compose_file_is_rendered_by_the_plugin(
    environment: Mapping[str, str], image: Callable[[str], str], tmp_path: Path
) -> None:
    """What the docker CLI calls as its compose plugin is asked for the model."""
    model = {
        "name": "shop",
        "services": {
            "web": {"image": image("busybox"), "user": "3267", "cap_drop": ["ALL"]},
            "db": {"image": image("busybox"), "user": "3267", "privileged": True},
        },
        "networks": {"default": {"name": "shop_default"}},
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    plugin = tmp_path / "docker" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    about = '{"SchemaVersion":"0.1.0","Vendor":"a test","Version":"v2"}'
    plugin.write_text(
        f"#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] && echo '{about}' && exit\n"
        f'[ "$*" = "compose --file $PWD/compose.yaml config --format json" ] || exit 1\n'
        "cat model.json\n"
    )
    plugin.chmod(0o755)
    program = Path(sys.executable).with_name("saferunctl")
    done = subprocess.run(
        [program, "check", "--json", tmp_path / "compose.yaml"],
        cwd=tmp_path,
        env={**environment, "DOCKER_CONFIG": str(tmp_path / "docker"), "PWD": os.fspath(tmp_path)},
        capture_output=True,
        check=False,
    )
    document = json.loads(done.stdout)
    assert done.returncode == 1, done
    assert [one["verdict"] for one in document["checked"]] == ["clean", "findings"]
    assert document["checked"][1]["findings"][0]["where"] == "services.db.privileged"
