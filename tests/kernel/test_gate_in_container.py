"""The gate as a container's first program: what it refuses, and that it is otherwise not there."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from saferun.gate.built import ARCHITECTURES
from saferun.host.gate_volume import gates
from saferun.judge.capabilities import names_of
from tests.kernel.images import DEFAULT, Entry, shown, tar
from tests.kernel.outcomes import (
    failed,
    five,
    fresh_name,
    holds_nothing,
    moments,
    never_started,
    refused,
    same,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kernel.conftest import Command, Ended

    Build = Callable[[str], str]

NOTHING, ANYTHING = "0" * 16, "f" * 16
NNP = "--security-opt=no-new-privileges"
HOLDS = "holds capabilities it must not"
#: Prints all that a process has from its parent, whatever it is called and whoever that was.
INHERITED = r"""
for file in cmdline environ limits comm coredump_filter oom_score_adj; do
    echo "== $file"; cat /proc/$$/$file
done
grep -E '^(Umask|Uid|Gid|Groups|Sig[^Q]|Shd|Threads|Seccomp)' /proc/$$/status
for link in cwd exe root; do readlink /proc/$$/$link; done
for fd in /proc/$$/fd/*; do echo "$fd $(readlink $fd | tr -d 0-9)"; done
:"""


@pytest.fixture(scope="module")
def by_hand(docker: Command, saferun: Command, image: Build) -> Callable[..., Ended]:
    """Run the gate without saferun, as only somebody who goes round it can."""
    # Brings the gate to the engine.
    holds_nothing(saferun("--rm", "-u", "3267", image("scratch"), "/sets"))
    told = saferun("--explain=json", "-u", "3267", image("scratch"), "/sets")
    gate = [
        word
        for word in json.loads(told.stdout)["argv"]
        if word.startswith(("--mount=", "--entrypoint="))
    ]

    def run(options: list[str], *words: str) -> Ended:
        return docker("run", "--rm", *gate, *options, image("busybox"), *words)

    return run


@pytest.fixture
def variant(docker: Command, image: Build) -> Iterator[Callable[[str, str], str]]:
    """Return an image that differs from another one by a Dockerfile's instruction."""
    made = []

    def build(name: str, change: str) -> str:
        container = docker("create", image(name), "/sets").stdout.strip()
        reference = f"{image(name)}-variant"
        assert docker("commit", "--change", change, container, reference).status == 0
        made.append(reference)
        docker("rm", container)
        return reference

    yield build
    docker("rmi", *made)


@pytest.fixture
def foreign(docker: Command) -> Iterator[Callable[[str, bytes], str]]:
    """Return an image for another architecture, with one program in it, `/program`."""
    made = []

    def load(architecture: str, program: bytes) -> str:
        # `docker import --platform` would do, but engines before 23.0 heed only its first part.
        layer = tar([Entry("program", program)])
        reference = f"{fresh_name()}:{architecture}"
        config = {
            "os": "linux",
            "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]},
        }
        manifest = {"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}
        parts = {
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps([manifest]).encode(),
            "layer.tar": layer,
        }
        archive = tar(Entry(name, content, mode=0o644) for name, content in parts.items())
        done = docker("load", "--quiet", stdin=archive)
        assert done.status == 0, done.stderr
        made.append(reference)
        return reference

    yield load
    docker("rmi", "--force", *made)


# ---- What it refuses ---------------------------------------------------------------------------


def test_it_refuses_what_its_masks_do_not_hold(by_hand: Callable[..., Ended]) -> None:
    """A container that nobody dropped anything for does not start its command: 126, one line."""
    held = " ".join(names_of(DEFAULT))
    ended = by_hand(["-u", "3267"], NOTHING, NOTHING, "-", "--", "sets")
    assert ended.stderr == (
        f"saferun: denied: uid 3267 {HOLDS}: CapBnd {held}; the command was not started\n"
    )
    assert (ended.status, ended.stdout) == (126, "")
    ended = by_hand(["-u", "0", "--cap-add=SYS_PTRACE"], f"{DEFAULT:016x}", NOTHING, "-", "--", "x")
    assert ended.stderr == (
        f"saferun: denied: uid 0 {HOLDS}: CapPrm SYS_PTRACE; CapEff SYS_PTRACE; "
        "CapBnd SYS_PTRACE; the command was not started\n"
    )
    assert (ended.status, ended.stdout) == (126, "")


def test_it_refuses_somebody_else_than_was_judged(by_hand: Callable[..., Ended]) -> None:
    """Masks that let root have anything let no other user have it, and the other way round."""
    for user, root, other in (("app", ANYTHING, NOTHING), ("toor", NOTHING, ANYTHING)):
        ended = by_hand(["-u", user], root, other, "-", "--", "sets")
        assert ended.stderr.startswith(
            f"saferun: denied: uid {3267 if user == 'app' else 0} {HOLDS}: "
        )
        assert (ended.status, ended.stdout, ended.stderr.count("\n")) == (126, "", 1)


def test_it_refuses_a_process_without_no_new_privileges(by_hand: Callable[..., Ended]) -> None:
    """Where the law wants the kernel's flag, dropping everything is not enough."""
    options = ["-u", "3267", "--cap-drop=ALL"]
    words = (NOTHING, NOTHING, "nnp", "--", "sets")
    ended = by_hand(options, *words)
    assert ended.stderr == (
        "saferun: denied: uid 3267 runs without no_new_privs; the command was not started\n"
    )
    assert (ended.status, ended.stdout) == (126, "")
    holds_nothing(by_hand([*options, NNP], *words))


def profile(directory: Path, *names: str, error: int = 1) -> str:
    """Write a seccomp profile that keeps these system calls from happening."""
    rule = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error}
    path = directory / "seccomp.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    return f"--security-opt=seccomp={path}"


def test_it_reads_proc_where_a_filter_forbids_the_system_calls(
    saferun: Command, image: Build, tmp_path: Path
) -> None:
    """A seccomp profile without capget and prctl is no reason not to start."""
    # runc needs both itself, and loads the filter late enough only with no_new_privs.
    options = ("--rm", "-u", "3267", NNP, profile(tmp_path, "capget", "prctl"))
    holds_nothing(saferun(*options, image("busybox"), "sets"))


@pytest.mark.parametrize(
    ("calls", "error", "reason"),
    [
        (
            ["capget", "prctl", "read"],
            1,
            "cannot read the capabilities of this process, neither by capget and prctl nor ",
        ),
        (["getresuid"], 1, "cannot read the user ids of this process; "),
        (["capget"], 0, f"uid 3267 {HOLDS}: CapInh CHOWN "),
    ],
    ids=["blind", "nobody", "deceived"],
)
def test_it_refuses_when_it_cannot_see(
    saferun: Command, image: Build, tmp_path: Path, calls: list[str], error: int, reason: str
) -> None:
    """Filters that hide the truth, or pretend to have told it, end in a refusal."""
    options = ("--rm", "-u", "3267", NNP, profile(tmp_path, *calls, error=error))
    ended = saferun(*options, image("busybox"), "sets")
    assert ended.stderr.startswith(f"saferun: denied: {reason}")
    assert (ended.status, ended.stdout, ended.stderr.count("\n")) == (126, "", 1)


# ---- What it executes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("entrypoint", ()),
        ("entrypoint", ("word",)),
        ("entrypoint-cmd", ()),
        ("entrypoint-cmd", ("a", "", "b  c")),
        ("entrypoint-cmd", ("",)),
        ("cmd", ()),
        ("cmd", ("echo", "another")),
    ],
    ids=str,
)
@pytest.mark.parametrize("entrypoint", [None, "echo", ""], ids=str)
def test_entrypoint_and_command_are_composed_as_docker_composes_them(
    docker: Command,
    saferun: Command,
    image: Build,
    name: str,
    words: tuple[str, ...],
    entrypoint: str | None,
) -> None:
    """From image and command line, an empty entrypoint resetting the image's."""
    chosen = () if entrypoint is None else (f"--entrypoint={entrypoint}",)
    ended = saferun("--rm", "-u", "3267", *chosen, image(name), *words)
    plain = docker("run", "--rm", "-u", "3267", *chosen, image(name), *words)
    if plain.status == 125:
        assert "no command specified" in plain.stderr.lower()
        failed(ended, f"no command specified, and the image {image(name)} has none of its own")
    elif plain.status:
        # An empty word, or one that only the image's entrypoint understands, is no program.
        assert plain.status == 127
        assert ended.status == plain.status
        assert ended.stderr.endswith(": executable file not found in $PATH\n")
    else:
        same(ended, plain)


def test_an_image_with_nothing_to_execute_is_refused(saferun: Command, image: Build) -> None:
    """No command on the command line, none in the image: 125 and both of that said."""
    for options in ((), ("-d",)):
        ended = saferun(*options, "-u", "3267", image("neither"))
        failed(ended, f"no command specified, and the image {image('neither')} has none of its own")


def test_the_command_inherits_what_it_would_from_the_engine(
    docker: Command, saferun: Command, image: Build
) -> None:
    """Words of any bytes and 100 KiB, environment, descriptors, limits, signals: all the same."""
    words = (
        *("two words", "", "\n", "\"'$HOME`", "--", "-u", "é", os.fsdecode(b"\xff\xfe")),
        "x" * 100 * 1024,
    )
    for options in (("-u", "app", "-w", "/tmp"), ("-u", "root:1000", "--ulimit=nofile=77")):
        given = ("--rm", "--hostname=host", *options, "--env=WORDS=two words\nand a line")
        run = (*given, image("busybox"), "sh", "-c", INHERITED, "sh", *words)
        ended = saferun(*run)
        assert ended.status == 0
        assert "two words\nand a line\0" in ended.stdout
        assert ended.stdout.count("x") > 100 * 1024
        same(ended, docker("run", *run))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-i"], ["cat"]),
        (["-t"], ["sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size && echo tty"]),
        (["--read-only"], ["sh", "-c", "touch /tmp/x || echo read-only"]),
        (["-w", "/new/directory"], ["pwd"]),
        (["-w", "/bin"], ["./busybox", "echo", "relative"]),
        (["-e", "PATH=/nowhere:/bin"], ["echo", "found"]),
        ([], ["sh", "-c", "echo out; echo err >&2; exit 42"]),
    ],
    ids=str,
)
def test_a_run_cannot_be_told_from_docker_run(
    docker: Command, saferun: Command, image: Build, options: list[str], words: list[str]
) -> None:
    """Streams, working directory, PATH and exit status are those of docker run."""
    run = ("--rm", "-u", "3267", *options, image("busybox"), *words)
    given = bytes(range(256))
    same(saferun(*run, stdin=given), docker("run", *run, stdin=given))


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        ([], ["no-such-program"], '"no-such-program": executable file not found in $PATH'),
        (["-e", "PATH=/nowhere"], ["sets"], '"sets": executable file not found in $PATH'),
        (["-e", "PATH="], ["sets"], '"sets": executable file not found in $PATH'),
        ([], ["/bin/none"], '"/bin/none": stat /bin/none: no such file or directory'),
        ([], ["/etc/passwd"], '"/etc/passwd": permission denied'),
        (
            ["--entrypoint=/root/x"],
            [],
            (
                '"/root/x": stat /root/x: permission denied\n'
                "saferun: hint: /root may be entered only by uid 0: chmod o+x in the image, or "
                "another --user"
            ),
        ),
    ],
    ids=str,
)
def test_what_cannot_be_executed_ends_with_dockers_status(
    docker: Command,
    saferun: Command,
    image: Build,
    options: list[str],
    words: list[str],
    message: str,
) -> None:
    """127 for what is not there, 126 for what may not be executed, in docker's words.

    Docker's own with the drop: since moby 25 it looks with the container's capabilities otherwise.
    """
    run = ("--rm", "-u", "3267", *options, image("busybox"), *words)
    ended = saferun(*run)
    plain = docker("run", "--cap-drop=ALL", *run)
    assert ended.stderr == f"saferun: exec: {message}\n"
    assert (ended.status, ended.stdout) == (plain.status, "")
    assert ended.status in (126, 127)


def test_the_path_of_an_image_is_searched(
    saferun: Command, variant: Callable[[str, str], str]
) -> None:
    """What counts is PATH as the container has it, not as saferun or the engine have it."""
    reference = variant("scratch", "ENV PATH=/nowhere:/")
    holds_nothing(saferun("--rm", "-u", "3267", reference, "sets"))
    ended = saferun("--rm", "-u", "3267", "-e", "PATH=/nowhere", reference, "sets")
    assert ended.status == 127


@pytest.mark.parametrize("options", [[], ["--read-only", "--init"]], ids=str)
def test_an_image_needs_nothing_but_its_program(
    saferun: Command, image: Build, options: list[str]
) -> None:
    """One static binary is enough, also with a read-only root file system."""
    holds_nothing(saferun("--rm", "-u", "3267", *options, image("scratch"), "/sets"))


def test_an_init_is_behind_nothing_but_holds_nothing(saferun: Command, image: Build) -> None:
    """With --init docker's own init comes first; what the drop left it is nothing as well."""
    command = "cat /proc/1/comm; grep ^Cap /proc/1/status; exec sets"
    ended = saferun("--rm", "--init", "-u", "3267", image("busybox"), "sh", "-c", command)
    holds_nothing(ended)
    init, *rows = ended.stdout.split("== ")[0].splitlines()
    assert init == "docker-init"
    assert [row.split("\t")[1] for row in rows] == [NOTHING] * 5


# ---- When it is started again ------------------------------------------------------------------


def test_every_start_is_checked(docker: Command, saferun: Command, image: Build) -> None:
    """A container that becomes somebody else between two starts is refused from then on."""
    name = fresh_name()
    # The engine looks names up at every start, in the container's own file system.
    script = "echo started; sleep 1; sed -i s/^toor:x:0/toor:x:3267/ /etc/passwd; exit 3"
    options = ("-d", "--name", name, "--restart=on-failure:2", "-u", "toor")
    try:
        ended = saferun(*options, image("busybox"), "sh", "-c", script)
        assert (ended.status, ended.stderr) == (0, "")
        state = ("inspect", "--format={{.State.Status}} {{.RestartCount}} {{.Path}}", name)
        deadline = time.monotonic() + 30
        while not (now := docker(*state).stdout).startswith("exited 2 "):
            assert time.monotonic() < deadline, now
            time.sleep(0.1)
        assert now.startswith("exited 2 /.saferun/")
        logs = docker("logs", name)
        assert logs.stdout == "started\n"
        refusal = f"saferun: denied: uid 3267 {HOLDS}: CapBnd {' '.join(names_of(DEFAULT))}; "
        assert logs.stderr == f"{refusal}the command was not started\n" * 2
        again = docker("start", "--attach", name)
        assert (again.status, again.stdout) == (126, "")
        assert again.stderr.startswith(refusal)
    finally:
        docker("rm", "--force", name)


def test_a_container_that_restarts_by_itself_keeps_its_five_zeros(
    docker: Command, saferun: Command, image: Build
) -> None:
    """The check runs at every start, and where nothing has changed it says nothing."""
    name = fresh_name()
    try:
        options = ("-d", "--name", name, "--restart=on-failure:1", "-u", "3267")
        script = "sets; sleep 0.5; exit 3"
        assert saferun(*options, image("busybox"), "sh", "-c", script).status == 0
        state = ("inspect", "--format={{.State.Status}} {{.RestartCount}}", name)
        deadline = time.monotonic() + 30
        while docker(*state).stdout != "exited 1\n":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        logs = docker("logs", name)
        assert logs.stderr == ""
        assert [five(moment) for moment in shown(logs.stdout)] == [(0,) * 5] * 4
    finally:
        docker("rm", "--force", name)


# ---- Other architectures -----------------------------------------------------------------------


def test_a_program_for_another_processor_fails_as_under_docker(
    docker: Command, saferun: Command, foreign: Callable[[str, bytes], str]
) -> None:
    """The engine cannot execute the gate of that architecture either, and says so."""
    if "arm64" not in ARCHITECTURES:
        pytest.skip("this saferun was built without a gate for arm64")
    reference = foreign("arm64", gates()["gate-arm64"])
    for platform in ("--platform=linux/arm64", "--platform=linux/arm64/v8"):
        run = ("--rm", "-u", "3267", platform, reference, "/program")
        ended, plain = saferun(*run), docker("run", *run)
        assert (ended.status, ended.stdout) == (plain.status, plain.stdout)
        # runc 1.1 ends with 1, later ones with 255.
        assert (plain.status in (1, 255), plain.stdout) == (True, "")
        assert "exec format error" in plain.stderr
        assert "exec format error" in ended.stderr


def test_an_architecture_without_a_gate_is_refused_for_non_root(
    docker: Command,
    saferun: Command,
    saferunctl: Command,
    attacker: bytes,
    foreign: Callable[[str, bytes], str],
    tmp_path: Path,
) -> None:
    """Nothing could be checked, so nothing starts, unless a policy lets that be waived."""
    # In truth it is a program for this machine, to show what it would have held.
    run = ("--rm", "-u", "3267", foreign("s390x", attacker), "/program")
    ended = saferun(*run)
    failed(ended, "there is no gate for linux/s390x images, so nothing could be checked; ")
    assert "hint: --verify=off runs it unchecked, if the policy allows that" in ended.stderr
    checked = saferunctl("check", "--", *run)
    assert checked.status == 2
    assert "saferun would not start it: there is no gate for linux/s390x images" in checked.stdout
    name = fresh_name()
    failed(saferun("-d", "--name", name, *run), "there is no gate for linux/s390x images")
    refused(saferun("--name", name, "--verify=off", *run), "--verify=off is not allowed")
    never_started(docker, name)
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = 1\n[limits]\nverify = ["on", "off"]\n')
    failed(saferun(f"--policy={policy}", *run), "there is no gate for linux/s390x images")
    ended = saferun("--verify=off", f"--policy={policy}", *run)
    assert [five(moment) for moment in shown(ended.stdout)] == [(0,) * 5] * 2
    assert ended.stderr.startswith("WARNING: The requested image's platform (linux/s390x)")


def test_root_in_an_image_without_a_gate_runs_as_docker_runs_it(
    docker: Command, saferun: Command, attacker: bytes, foreign: Callable[[str, bytes], str]
) -> None:
    """No law speaks of root's capabilities, so there is nothing that the gate could find."""
    reference = foreign("s390x", attacker)
    for user in (["-u", "0"], ["-u:"], []):
        run = ("--rm", *user, reference, "/program")
        plain = docker("run", *run)
        same(saferun(*run), plain)
        assert shown(plain.stdout)[0].effective == DEFAULT


def test_verification_can_be_waived_only_by_a_policy(
    saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Everything is dropped all the same, only without the gate."""
    run = ("--rm", "--verify=off", "-u", "3267", image("busybox"), "sets")
    refused(saferun(*run), "--verify=off is not allowed")
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = 1\n[limits]\nverify = ["off"]\n')
    ended = saferun(f"--policy={policy}", *run)
    assert {five(moment) for moment in moments(ended)} == {(0,) * 5}
