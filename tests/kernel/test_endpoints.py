"""Wherever the docker CLI finds its engine, saferun finds the same one, and everything works there.

Each way leads to the engine under test. What differs is what saferun can know about it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import missing
from tests.kernel.forwarder import Forwarder
from tests.kernel.programs import real_docker, saferun_words, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

WAYS = ("DOCKER_HOST=unix", "DOCKER_HOST=tcp", "DOCKER_HOST=ssh", "context unix", "context tcp")


@pytest.fixture
def way(
    request: pytest.FixtureRequest, engine: str, environment: Mapping[str, str], tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Return what to add to the environment so that docker takes a certain way to the engine.

    With a HOME of its own, so that saferun has everything to find out.
    """
    home = tmp_path / "home"
    home.mkdir()
    added = {"HOME": str(home), "DOCKER_HOST": engine}
    with Forwarder(engine) as forwarder:
        if request.param == "DOCKER_HOST=tcp":
            added["DOCKER_HOST"] = forwarder.host
        elif request.param == "DOCKER_HOST=ssh":
            # Whatever ssh would be told, the other machine is this one.
            script(tmp_path / "bin" / "ssh", f"DOCKER_HOST={engine} exec $DOCKER system dial-stdio")
            added["DOCKER_HOST"] = "ssh://somebody@elsewhere.example"
            added["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
        elif request.param.startswith("context"):
            host = forwarder.host if "tcp" in request.param else engine
            create = ["context", "create", "elsewhere", "--docker", f"host={host}"]
            bare = {"PATH": environment["PATH"], "HOME": str(home)}
            subprocess.run([real_docker(), *create], env=bare, check=True, capture_output=True)
            # Set but empty would mean the default socket to older CLIs.
            del added["DOCKER_HOST"]
            added["DOCKER_CONTEXT"] = "elsewhere"
        yield added


def clean(environment: Mapping[str, str], way: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which this way, and no other, leads to an engine."""
    rest = {name: value for name, value in environment.items() if name != "DOCKER_HOST"}
    return {**rest, **way}


def saferun(
    environment: Mapping[str, str], way: Mapping[str, str], *words: str
) -> tuple[int, str, str]:
    """Run saferun that way."""
    done = subprocess.run(
        [*saferun_words(), *words],
        env=clean(environment, way),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_everything_works_on_every_way(
    image: Build, environment: Mapping[str, str], way: dict[str, str]
) -> None:
    """The first run there brings the gate; a name is looked up in the image; sets are empty."""
    ended = saferun(environment, way, "--rm", "-u", "app", image("busybox"), "sets", "sets-setuid")
    assert ended[2] == ""
    assert ended[0] == 0
    assert ended[1].count("CapBnd:\t0000000000000000") == 4
    # A name for root is found out too, and then nothing is dropped.
    ended = saferun(environment, way, "--rm", "-u", "toor", image("busybox"), "sets")
    assert ended[2] == ""
    assert ended[0] == 0
    assert "CapEff:\t00000000a80425fb" in ended[1]


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_statuses_and_streams_are_the_same_on_every_way(
    image: Build, environment: Mapping[str, str], way: dict[str, str]
) -> None:
    """And the engine's name appears in no message."""
    words = ("--rm", "-u", "3267", image("busybox"), "sh", "-c", "echo out; echo err >&2; exit 42")
    assert saferun(environment, way, *words) == (42, "out\n", "err\n")


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_container_in_the_background_is_confirmed_where_proc_proves_it(
    docker: Command,
    image: Build,
    environment: Mapping[str, str],
    way: dict[str, str],
    tmp_path: Path,
) -> None:
    """The way is not what counts, but whether the process here is provably the container's.

    All these ways lead to this machine, and its control groups name the container's full id: no
    other machine's container could look like that.
    """
    report = tmp_path / "report"
    words = ("-d", "--report", str(report), "-u", "3267", image("busybox"), "sleep", "60")
    status, out, err = saferun(environment, way, *words)
    docker("rm", "--force", out.strip())
    assert (status, err) == (0, "")
    verdict = json.loads(report.read_text())["verdict"]
    assert (verdict["outcome"], verdict["reasons"]) == ("confirmed", [])


def test_where_proc_shows_other_processes_the_verdict_is_unverified(
    docker: Command, image: Build, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """In a pid namespace of its own saferun sees none of the engine's processes, and says so."""
    report = tmp_path / "report"
    words = ("-d", "--report", str(report), "-u", "3267", image("busybox"), "sleep", "60")
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        missing("unshare --pid is not permitted here")
    done = subprocess.run(
        [*unshare, *saferun_words(), *words],
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    docker("rm", "--force", done.stdout.strip())
    assert (done.returncode, done.stderr) == (0, "")
    verdict = json.loads(report.read_text())["verdict"]
    assert verdict["outcome"] == "unverified"
    (reason,) = verdict["reasons"]
    assert "cannot be seen from here" in reason or "the engine is elsewhere" in reason


def test_the_current_context_of_the_configuration_is_used(
    image: Build, engine: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """`docker context use`, without any variable; and with DOCKER_CONFIG."""
    bare = {"PATH": environment["PATH"], "HOME": str(tmp_path / "nobody")}
    for variable in ("HOME", "DOCKER_CONFIG"):
        directory = tmp_path / variable
        given = {**bare, variable: str(directory)}
        for words in (["create", "there", "--docker", f"host={engine}"], ["use", "there"]):
            subprocess.run(
                [real_docker(), "context", *words], env=given, check=True, capture_output=True
            )
        words = [*saferun_words(), "--rm", "-u", "3267", image("busybox"), "id", "-u"]
        done = subprocess.run(words, env=given, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "3267\n", "")


def test_docker_host_beats_the_context(
    image: Build, engine: str, environment: Mapping[str, str]
) -> None:
    """As in the CLI: a context that does not even exist is not looked at."""
    way = {"DOCKER_HOST": engine, "DOCKER_CONTEXT": "no-such-context"}
    words = ("--rm", "-u", "3267", image("busybox"), "id", "-u")
    assert saferun(environment, way, *words) == (0, "3267\n", "")


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"DOCKER_HOST": "unix:///no/such/socket"}, "unix:///no/such/socket"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "127.0.0.1:1"),
        ({"DOCKER_CONTEXT": "no-such-context"}, "no-such-context"),
        ({"DOCKER_HOST": "nonsense://x"}, "nonsense"),
        ({"DOCKER_HOST": "unix:///tmp"}, "unix:///tmp"),
    ],
    ids=lambda each: " ".join(each.values()) if isinstance(each, dict) else "",
)
def test_an_engine_that_cannot_be_reached_is_named(
    environment: Mapping[str, str], way: dict[str, str], said: str
) -> None:
    """125, what was tried, and that nothing was started; no traceback."""
    for detach in ((), ("-d",)):
        status, out, err = saferun(environment, way, *detach, "-u", "3267", "some-image", "id")
        assert (status, out) == (125, "")
        assert said in err
        assert "Traceback" not in err
        assert all(line.startswith("saferun: ") for line in err.splitlines()), err
        assert err.endswith("saferun: nothing was started\n")


def test_tls_is_left_to_the_docker_cli(
    image: Build, engine: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """DOCKER_TLS_VERIFY without certificates: the CLI's own complaint, not an open connection."""
    way = {"DOCKER_HOST": engine, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    status, out, err = saferun(environment, way, "-u", "3267", image("busybox"), "id")
    assert (status, out) == (125, "")
    assert "ca.pem" in err
    assert err.endswith("saferun: nothing was started\n")


def test_tls_with_certificates_works(
    image: Build, engine: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """A certificate authority, both certificates, and a TLS server in front of the engine."""
    certificates(tmp_path)
    server = script(tmp_path / "server", f"exec {sys.executable} -c '{TLS_SERVER}' \"$@\"")
    arguments = [server, str(tmp_path), engine.removeprefix("unix://")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            port = serving.stdout.readline().strip()
            way = {
                "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
                "DOCKER_TLS_VERIFY": "1",
                "DOCKER_CERT_PATH": str(tmp_path),
                "HOME": str(tmp_path),
            }
            ended = saferun(environment, way, "--rm", "-u", "app", image("busybox"), "id", "-u")
            assert ended == (0, "3267\n", "")
        finally:
            serving.kill()


#: Takes the directory of the certificates and the engine's socket; prints its port.
TLS_SERVER = """
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/server.pem", sys.argv[1] + "/server-key.pem")
context.load_verify_locations(sys.argv[1] + "/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def carry(raw):
    caller = context.wrap_socket(raw, server_side=True)
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[2])
    threading.Thread(target=pump, args=(engine, caller), daemon=True).start()
    pump(caller, engine)
while True:
    threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()
"""


def certificates(directory: Path) -> None:
    """Make ca.pem, and cert.pem and server.pem with their keys, signed by it."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-subj", "/CN=ca", "-keyout", "ca-key.pem", "-out", "ca.pem")
    extensions = directory / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    for name, key in (("cert", "key"), ("server", "server-key")):
        request = f"{name}.csr"
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{key}.pem", "-out", request)
        sign = ("x509", "-req", "-in", request, "-CA", "ca.pem", "-CAkey", "ca-key.pem")
        openssl(*sign, "-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.pem")
