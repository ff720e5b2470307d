"""Receipts on a real engine: seen at the door, demanded by the law, and checked again."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import missing
from tests.kernel.outcomes import gone
from tests.kernel.programs import first_line, saferun_words, script, until
from tests.kernel.test_detached import TAMPERING, tampering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

ROOT = Path(__file__).parents[2]
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: saferun with something else in place of a part of it. argv: saferun's.
CHANGED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import saferun.holding, saferun.host.kernel
def forbidden(*_): raise PermissionError(1, "not permitted")
CHANGE
from saferun.cli import main
sys.exit(main(["saferun", *sys.argv[1:]]))
"""
#: Nobody comes to let the gate go, and the deadline is near.
NOBODY = "saferun.holding.SECONDS, saferun.holding.let_go = 4, lambda *_: None"
#: As somebody who may open the engine's socket, and signal nobody: as a member of its group.
NOT_ROOT = "saferun.host.kernel.send = forbidden"


def changed(change: str) -> list[str]:
    """Return the words that start a saferun that is changed like this."""
    return [sys.executable, "-c", CHANGED.replace("CHANGE", change)]


def blind() -> list[str]:
    """Return the words that start a saferun which sees none of the engine's processes."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        missing("unshare --pid is not permitted here")
    return [*unshare, *saferun_words()]


@pytest.fixture
def name(docker: Command) -> Iterator[str]:
    """Return a name for one container, which is removed afterwards."""
    chosen = f"saferun-test-{secrets.token_hex(6)}"
    yield chosen
    docker("rm", "--force", "--volumes", chosen)


@pytest.fixture
def run(
    environment: Mapping[str, str], name: str, tmp_path: Path
) -> Callable[..., tuple[subprocess.CompletedProcess[str], Any]]:
    """Return a function that runs `-u 3267 --report` under the name, and reads the receipt."""

    def run(
        *words: str, program: list[str] | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[subprocess.CompletedProcess[str], Any]:
        path = tmp_path / "receipt.json"
        options = ("-u", "3267", "--name", name, "--report", str(path))
        done = subprocess.run(
            [*(program or saferun_words()), *options, *words],
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert verified(path).returncode == 0
        return done, json.loads(path.read_text())

    return run


def verified(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `saferunctl receipts verify`."""
    words = [sys.executable, "-m", "saferun.ctl", "receipts", "verify", *options, str(path)]
    program = Path(sys.executable).with_name("saferunctl")
    if program.exists():
        words = [str(program), *words[3:]]
    return subprocess.run(words, capture_output=True, check=False, text=True, cwd=ROOT)


def confirmed_at_the_door(receipt: Any) -> None:  # noqa: ANN401 - it comes out of JSON
    """Assert that a receipt has evidence, from before the command's first instruction."""
    verdict = receipt["verdict"]
    assert (verdict["outcome"], verdict["reasons"], verdict["seen"]) == (
        "confirmed",
        [],
        "at the door",
    )
    assert verdict["evidence"]
    for process in verdict["evidence"]:
        assert {process[each] for each in SETS} == {"0" * 16}
        assert process["uids"] == [3267] * 4


@pytest.mark.parametrize(
    "options",
    [(), ("--rm",), ("--rm", "--init"), ("-i",), ("--read-only",), ("-d",), ("-d", "--init")],
    ids=" ".join,
)
def test_a_command_that_ends_at_once_is_confirmed_from_outside(
    image: Build, run: Callable[..., Any], options: tuple[str, ...]
) -> None:
    """In the foreground and in the background; nothing but docker's own is printed."""
    done, receipt = run(*options, image("busybox"), "true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (receipt["container"] + "\n" if "-d" in options else "")
    confirmed_at_the_door(receipt)
    assert len(receipt["verdict"]["evidence"]) == (2 if "--init" in options else 1)
    assert receipt["exit"] == (None if "-d" in options else {"status": 0, "signal": None})


def test_a_receipt_says_what_was_asked_decided_run_and_seen(
    docker: Command, image: Build, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Every member, held against what the engine and the kernel say themselves."""
    policy = tmp_path / "law.toml"
    policy.write_text('[defaults]\npids-limit = 100\n[nonroot.limits]\ncap-add = ["NET_RAW"]\n')
    words = ("--policy", str(policy), "--cap-add", "NET_RAW", "-e", "A=secret-value", "--rm")
    done, receipt = run(*words, image("busybox"), "sh", "-c", "exit 9")
    assert done.returncode == 9
    assert receipt["schema"] == 2
    assert receipt["asked"][-6:-1] == ["--rm=true", "--", image("busybox"), "sh", "-c"]
    assert "--env=A=***" in receipt["asked"]
    assert "--env=A=***" in receipt["argv"]
    assert "secret-value" not in json.dumps(receipt)
    assert receipt["argv"][:2] != receipt["asked"][:2]
    info = json.loads(docker("info", "--format", "{{json .}}").stdout)
    assert (
        receipt["engine"]["id"],
        receipt["engine"]["version"],
        receipt["engine"]["runtime"],
    ) == (
        info["ID"],
        info["ServerVersion"],
        info["DefaultRuntime"],
    )
    assert re.fullmatch(r"1\.\d+", receipt["engine"]["api"])
    inspected = json.loads(docker("image", "inspect", image("busybox")).stdout)[0]
    assert receipt["image"] == {
        "asked": image("busybox"),
        "id": inspected["Id"],
        "digests": inspected["RepoDigests"] or [],
    }
    (file,) = receipt["policy"]["files"]
    assert (file["layer"], file["path"]) == ("explicit", str(policy))
    summed = subprocess.run(["sha256sum", policy], capture_output=True, check=True, text=True)
    assert file["sha256"] == summed.stdout.split()[0]
    assert {"table": "nonroot.limits", "key": "cap-add", "value": ["NET_RAW"]}.items() <= next(
        one for one in receipt["law"] if one["key"] == "cap-add"
    ).items()
    assert receipt["masks"]["other"] == "0000000000002000"
    assert receipt["verdict"]["evidence"][0]["CapBnd"] == "0000000000002000"
    assert re.fullmatch("sha256:[0-9a-f]{64}", receipt["gate"]["digest"])
    assert TIME.fullmatch(receipt["started"])
    assert TIME.fullmatch(receipt["ended"])
    assert receipt["exit"] == {"status": 9, "signal": None}
    assert receipt["caller"] == {"uid": os.getuid()}


def test_who_may_not_signal_lets_it_go_through_the_engine(
    image: Build, run: Callable[..., Any]
) -> None:
    """Also where --init is PID 1, which hands the signal on."""
    for options in ((), ("--init",)):
        start = time.monotonic()
        done, receipt = run("--rm", *options, image("busybox"), "true", program=changed(NOT_ROOT))
        assert (done.returncode, done.stderr) == (0, "")
        confirmed_at_the_door(receipt)
        assert time.monotonic() - start < 12, "it waited for its deadline"


def test_what_restarts_is_not_signalled_through_the_engine(
    docker: Command, image: Build, run: Callable[..., Any], name: str
) -> None:
    """Engines take any signal for an order to stop, and would restart it no more."""
    command = (image("busybox"), "sh", "-c", "exit 1")
    done, receipt = run("-d", "--restart=on-failure:1", *command)
    assert (done.returncode, done.stderr) == (0, "")
    confirmed_at_the_door(receipt)
    # Its second start may be before the deadline, and waits for that.
    until(lambda: docker("inspect", "-f", "{{.RestartCount}}", name).stdout == "1\n", 30)


def test_restarts_never_wait(
    docker: Command, image: Build, run: Callable[..., Any], name: str
) -> None:
    """The deadline is an absolute time: afterwards the same words start at once."""
    change = "saferun.holding.SECONDS = 4"
    done, receipt = run(image("busybox"), "true", program=changed(change))
    assert done.returncode == 0
    confirmed_at_the_door(receipt)
    time.sleep(max(0.0, receipt["gate"]["deadline"] - time.time()))
    start = time.monotonic()
    assert docker("start", "--attach", name).status == 0
    assert time.monotonic() - start < 2.5


def test_without_saferun_the_gate_goes_on_by_its_own_check(
    image: Build, run: Callable[..., Any]
) -> None:
    """At the deadline, and the command runs as if nobody had been awaited."""
    start = time.monotonic()
    done, _ = run(image("busybox"), "sh", "-c", "echo out; exit 3", program=changed(NOBODY))
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert time.monotonic() - start > 2


def test_a_container_that_holds_can_be_stopped(
    docker: Command, environment: Mapping[str, str], image: Build, name: str, tmp_path: Path
) -> None:
    """As PID 1 it would get no signal that it did not ask for."""
    change = "saferun.holding.let_go = lambda *_: None"
    words = ("-u", "3267", "--name", name, "--report", str(tmp_path / "r"), image("busybox"))
    with subprocess.Popen([*changed(change), *words, "true"], env=environment) as process:
        until(lambda: docker("inspect", "-f", "{{.State.Running}}", name).stdout == "true\n")
        time.sleep(0.3)
        start = time.monotonic()
        docker("stop", "--time=30", name)
        assert process.wait(30) == 128 + 15
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("options", [(), ("-it",)], ids=["", "-it"])
def test_what_contradicts_is_killed_before_its_command_starts(
    docker: Command,
    environment: Mapping[str, str],
    image: Build,
    name: str,
    tmp_path: Path,
    options: tuple[str, ...],
) -> None:
    """Words that changed on their way: 126, the reasons, in the receipt as well, nothing left."""
    edit = f"{TAMPERING['no drop'][0]}; {TAMPERING['unmasked'][0]}"
    path = tmp_path / "receipt.json"
    words = [
        *(*saferun_words(), "-u", "3267", "--name", name, "--report", str(path), *options),
        *(image("busybox"), "sh", "-c", "echo started; sleep 60"),
    ]
    if options:
        words = ["script", "-qec", shlex.join(words), "/dev/null"]
    env = {**environment, "SAFERUN_DOCKER": tampering(tmp_path, edit)}
    done = subprocess.run(words, env=env, capture_output=True, check=False, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 126
    assert "started" not in said
    assert "saferun: denied: the running container was not what was allowed" in said
    assert "was killed and removed" in said
    receipt = json.loads(path.read_text())
    assert receipt["verdict"]["outcome"] == "contradicted"
    assert verified(path).returncode == 0
    gone(docker, name)


def test_where_the_engine_is_not_behind_a_local_socket_it_is_unverified(
    environment: Mapping[str, str], image: Build, run: Callable[..., Any], tmp_path: Path
) -> None:
    """With the reason, and without waiting for anybody; in truth another machine is this one."""
    engine = environment["DOCKER_HOST"]
    script(tmp_path / "bin" / "ssh", f"DOCKER_HOST={engine} exec $DOCKER system dial-stdio")
    env = {
        "DOCKER_HOST": "ssh://somebody@elsewhere.example",
        "PATH": f"{tmp_path / 'bin'}:{environment['PATH']}",
    }
    done, receipt = run("--rm", image("busybox"), "true", program=blind(), env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert receipt["verdict"]["outcome"] == "unverified"
    assert receipt["verdict"]["reasons"][-1] == (
        "it was not held at the door: the engine is not behind a local socket"
    )
    assert receipt["gate"]["deadline"] is None


def test_where_processes_cannot_be_seen_it_is_unverified_and_let_go(
    image: Build, run: Callable[..., Any]
) -> None:
    """An engine in a VM, say: the reason, and no waiting for the deadline."""
    start = time.monotonic()
    done, receipt = run("--rm", image("busybox"), "sleep", "0", program=blind())
    assert (done.returncode, done.stderr) == (0, "")
    assert receipt["verdict"]["outcome"] == "unverified"
    (reason,) = receipt["verdict"]["reasons"]
    assert "cannot be seen from here" in reason or "is not the container's" in reason
    assert time.monotonic() - start < 12


def test_a_cidfile_of_ones_own_still_works(
    docker: Command, image: Build, run: Callable[..., Any], name: str, tmp_path: Path
) -> None:
    """One that is there already is docker's to refuse, and whatever it names is left alone."""
    cid = tmp_path / "cid"
    _, receipt = run("--cidfile", str(cid), image("busybox"), "true")
    confirmed_at_the_door(receipt)
    assert cid.read_text() == receipt["container"]
    assert any(word == f"--cidfile={cid}" for word in receipt["argv"])
    done, again = run("--cidfile", str(cid), image("busybox"), "true")
    assert done.returncode == 125
    assert again["container"] == ""
    assert again["verdict"]["outcome"] == "unverified"
    assert docker("inspect", name).status == 0


def test_a_container_that_docker_cannot_start_is_as_it_is_for_docker(
    docker: Command, image: Build, run: Callable[..., Any], name: str
) -> None:
    """Its status and its words, and at once: it was made, and will never be at the door."""
    options = ("--device", "/dev/no-such-device", image("busybox"), "true")
    plain = docker("run", "--rm", "-u", "3267", *options)
    start = time.monotonic()
    done, receipt = run(*options)
    assert (done.returncode, done.stdout) == (plain.status, "")
    assert "no-such-device" in done.stderr
    assert time.monotonic() - start < 15
    assert docker("inspect", "--format", "{{.State.Status}}", name).stdout == "created\n"
    assert receipt["verdict"]["reasons"] == ["docker could not start it"]
    assert receipt["exit"] == {"status": plain.status, "signal": None}


# ---- Demanded by the law -----------------------------------------------------------------------


@pytest.fixture
def demand(
    environment: Mapping[str, str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs saferun under a law which demands receipts in some places."""

    def run(places: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        law = tmp_path / "law.toml"
        law.write_text(f"[require]\nreceipts = {json.dumps(places)}\n")
        return subprocess.run(
            [*saferun_words(), "--policy", str(law), "-u", "3267", *words],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A directory for receipts."""
    directory = tmp_path / "receipts"
    directory.mkdir()
    return directory


def test_the_law_can_demand_a_receipt_of_every_run(
    image: Build, demand: Callable[..., Any], kept: Path
) -> None:
    """Foreground, background, and what was refused: a file each, and a line in one chain."""
    busybox = image("busybox")
    ended = [
        demand([str(kept)], "--rm", busybox, "sh", "-c", "echo out; exit 4"),
        demand([str(kept)], "--rm", "-d", busybox, "true"),
        demand([str(kept)], "--privileged", busybox, "true"),
        demand([str(kept)], "-v", f"{kept}:/x", busybox, "true"),
    ]
    assert [done.returncode for done in ended] == [4, 0, 125, 125]
    assert ended[0].stdout == "out\n"
    assert "receipts are kept in" in ended[3].stderr
    lines = [json.loads(line) for line in (kept / "log.jsonl").read_text().splitlines()]
    assert [line["decision"] for line in lines] == ["allowed", "allowed", "denied", "denied"]
    for line in lines[:2]:
        confirmed_at_the_door(line)
    assert [line["exit"] and line["exit"]["status"] for line in lines] == [4, None, None, None]
    alone = [json.loads(path.read_text()) for path in sorted(kept.glob("*.json"))]
    assert sorted(one["digest"] for one in alone) == sorted(line["digest"] for line in lines)
    assert verified(kept).returncode == 0


def test_a_log_that_was_changed_is_found_out_with_the_line(
    image: Build, demand: Callable[..., Any], kept: Path
) -> None:
    """Changed, exchanged, and cut: exit status 1, and where; 2 for what cannot be read."""
    for status in range(3):
        demand([str(kept)], "--rm", image("busybox"), "sh", "-c", f"exit {status}")
    log = kept / "log.jsonl"
    good = log.read_text()
    one, two, three = good.splitlines(keepends=True)
    told = json.loads(verified(log, "--json").stdout)
    assert (told["findings"], len(told["head"])) == ([], 71)
    for bad, line in (
        (one + two.replace('"uid":3267', '"uid":3268') + three, 2),
        (one + three + two, 2),
        (two + three, 1),
        (one + two + three[:-20], 3),
    ):
        log.write_text(bad)
        done = verified(log)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{log}:{line}: ")
    log.write_text(one + two)
    assert verified(log).returncode == 0
    assert verified(log, "--head", told["head"]).returncode == 1
    assert "it is not in the log" in verified(kept).stdout
    assert verified(kept).returncode == 1
    assert verified(kept / "missing.json").returncode == 2


@pytest.mark.parametrize("options", [(), ("-d",)], ids=["", "-d"])
def test_nothing_is_started_when_a_receipt_cannot_be_kept(
    docker: Command,
    image: Build,
    demand: Callable[..., Any],
    kept: Path,
    name: str,
    options: tuple[str, ...],
) -> None:
    """125, the place, the reason, and who demands it; also when another place would do."""
    words = (*options, "--name", name, image("busybox"), "true")
    (kept / "full").mkdir()
    with small_disk(kept / "full", fill=True):
        for place in (str(kept / "missing"), "/proc", str(kept / "full")):
            done = demand([str(kept), place], *words)
            assert (done.returncode, done.stdout) == (125, "")
            assert f"saferun: cannot keep the receipt in {place}: " in done.stderr
            assert done.stderr.endswith("saferun: nothing was started\n")
            gone(docker, name)
    assert verified(kept).returncode == 0
    assert list(kept.glob("*.json")) == [], "of runs that did not come to be"


@contextmanager
def small_disk(path: Path, *, fill: bool = False) -> Iterator[Callable[[], None]]:
    """Mount a small file system; yield a function that fills it up."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "saferun-test", path],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        missing("cannot mount a tmpfs here")

    def filled() -> None:
        with open(path / "ballast", "ab", 0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"x" * 512)

    try:
        if fill:
            filled()
        yield filled
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_disk_that_is_full_afterwards_is_said_and_the_status_stays(
    environment: Mapping[str, str], image: Build, kept: Path, tmp_path: Path
) -> None:
    """The container has run already."""
    law = tmp_path / "law.toml"
    law.write_text(f"[require]\nreceipts = [{json.dumps(str(kept))}]\n")
    words = ["--policy", str(law), "-u", "3267", "--rm", "-i", image("busybox")]
    command = ["sh", "-c", "echo up; read x; exit 6"]
    with (
        small_disk(kept) as fill,
        subprocess.Popen(
            [*saferun_words(), *words, *command],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert first_line(process) == b"up\n"
        # What was seen is there while the container runs.
        (alone,) = kept.glob("*.json")
        until(lambda: json.loads(alone.read_text() or "{}").get("verdict"))
        confirmed_at_the_door(json.loads(alone.read_text()))
        assert "its run has not ended" in verified(kept).stdout
        fill()
        _, said = process.communicate(b"go\n", timeout=30)
        assert process.returncode == 6
        assert (
            said
            == f"saferun: cannot keep the receipt in {kept}: no space left on device\n".encode()
        )
        assert (kept / "log.jsonl").read_bytes() == b""


def test_no_layer_can_switch_off_what_another_demands(
    image: Build, environment: Mapping[str, str], kept: Path, tmp_path: Path
) -> None:
    """Places add up, whoever names them."""
    (tmp_path / "more").mkdir()
    places = (kept, tmp_path / "more")
    options = []
    for number, place in enumerate(places):
        law = tmp_path / f"{number}.toml"
        law.write_text(f"[require]\nreceipts = [{json.dumps(str(place))}]\n")
        options += ["--policy", str(law)]
    words = [*saferun_words(), *options, "--rm", "-u", "3267", image("busybox"), "true"]
    subprocess.run(words, env=environment, check=True)
    assert [verified(place).returncode for place in places] == [0, 0]
    assert [len((place / "log.jsonl").read_text().splitlines()) for place in places] == [1, 1]


def test_log_services_get_the_receipt(
    image: Build, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Both at once; where one is not there, nothing is started."""
    law = tmp_path / "law.toml"
    law.write_text('[require]\nreceipts = ["syslog", "journald"]\n')
    change = (
        "from saferun.host import receipt_places as places\n"
        f"places.Syslog.__init__.__defaults__ = ({str(tmp_path / 'log')!r},)\n"
        f"places.Journal.__init__.__defaults__ = ({str(tmp_path / 'journal')!r},)"
    )
    words = ["--policy", str(law), "--rm", "-u", "3267", image("busybox"), "echo", "started"]
    command = [*changed(change), *words]
    got = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        done = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stdout) == (125, "")
        assert "cannot keep the receipt in journald: no such file" in done.stderr
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(str(tmp_path / "journal"))
            subprocess.run(command, env=environment, check=True, capture_output=True)
            for service, before in ((syslog, b"]: "), (journal, b"SAFERUN_RECEIPT=")):
                service.settimeout(5)
                got.append(json.loads(service.recv(1 << 18).split(before, 1)[1]))
    assert got[0] == got[1]
    confirmed_at_the_door(got[0])
