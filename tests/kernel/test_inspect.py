"""`saferunctl inspect` against what then really happens, and the gate's hints, on a real engine."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.judge.capabilities import mask_of, names_of
from tests.kernel.conftest import ROOT, command
from tests.kernel.images import (
    FILE_CAPABILITIES,
    Entry,
    Image,
    entries,
    file_capabilities,
    shown,
    tar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tests.kernel.conftest import Command

NAMES = names_of(FILE_CAPABILITIES)
ADDED = tuple(f"--cap-add={name}" for name in NAMES)
SCRIPTS = {
    "ok": "#!/bin/sh\nexit 0\n",
    "by-env": "#!/bin/env ok\n",
    "by-ep": "#! /bin/sets-ep -x\n",
    "by-nothing": "#!/no/such\n",
    "steps-down": '#!/bin/sh\n# not as root\nexec su app -c "$*"\n',
}
#: Those that are executed in mind and in a container: all guises of one program.
GUISES = (
    *("sets", "sets-setuid", "sets-setgid", "sets-ep", "sets-p", "sets-both", "sets-one"),
    "sets-setuid-ep",
)


@pytest.fixture(scope="module")
def saferunctl(environment: Mapping[str, str]) -> Command:
    """The saferunctl of this checkout."""
    words = [sys.executable, "-c", "from saferun.ctl import main; main()"]
    return command(words, {**environment, "PYTHONPATH": str(ROOT)})


@pytest.fixture(scope="module")
def reference(docker: Command, attacker: bytes) -> Iterator[str]:
    """An image with everything in it that can fail or be regained."""
    busybox = shutil.which("busybox")
    assert busybox, "apt-get install busybox-static"
    program = Path(busybox).read_bytes()
    listed = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
    one = file_capabilities(mask_of(("NET_RAW",)), effective=True)
    every = file_capabilities(FILE_CAPABILITIES, effective=True)
    extra = (
        Entry("bin/sets-setgid", attacker, mode=0o2755),
        Entry("bin/sets-both", attacker, mode=0o4755, capabilities=every),
        Entry("bin/sets-one", attacker, capabilities=one),
        Entry("bin/closed", attacker, mode=0o700),
        Entry("root/inside", attacker),
        Entry("bin/linked", target="../bin/./closed"),
        *(Entry(f"bin/{name}", text.encode()) for name, text in SCRIPTS.items()),
    )
    applets = [applet for applet in listed.stdout.split() if applet != "busybox"]
    name = f"saferun-test-{secrets.token_hex(4)}:inspect"
    archive = tar(entries(Image(extra=extra), program, applets, attacker))
    done = docker("import", "--change", 'CMD ["ok"]', "-", name, stdin=archive)
    assert done.status == 0, done.stderr
    yield name
    docker("rmi", "--force", name)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that lets the capabilities of the files be asked for."""
    listed = ", ".join(f'"{name}"' for name in NAMES)
    path = tmp_path / "policy.toml"
    path.write_text(f"[nonroot.limits]\ncap-add = [{listed}]\n")
    path.chmod(0o644)
    return str(path)


def predicted(saferunctl: Command, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the document of a prediction."""
    done = saferunctl("inspect", "--json", "--", *words)
    assert done.stdout, done.stderr
    return done.status, json.loads(done.stdout)


@pytest.mark.parametrize(
    "options",
    [
        ("-u", "3267"),
        ("-u", "3267", "--cap-add=NET_RAW"),
        ("-u", "3267", *ADDED),
        ("-u", "3267", *ADDED, "--security-opt=no-new-privileges"),
        ("-u", "0"),
        ("-u", "0", "--cap-drop=ALL", "--cap-add=NET_RAW"),
    ],
    ids=" ".join,
)
def test_what_is_predicted_of_files_is_what_happens(
    saferun: Command, saferunctl: Command, reference: str, policy: str, options: tuple[str, ...]
) -> None:
    """Each guise is refused, gains, or becomes somebody, exactly as it was told."""
    words = ("--policy", policy, *options, reference)
    _, document = predicted(saferunctl, *words)
    told = {finding["path"]: finding for finding in document["findings"]}
    script = "; ".join(f"{name}; echo status $?" for name in GUISES)
    ended = saferun("--rm", *words, "sh", "-c", script)
    blocks = re.split(r"status (\d+)\n", ended.stdout)
    plain = None
    for name, text, status in zip(GUISES, blocks[::2], blocks[1::2], strict=False):
        finding = told.get(f"/bin/{name}", {"outcome": None, "capabilities": [], "reason": ""})
        if status == "126":
            assert finding["outcome"] == "fails", name
            assert f"{name}: Operation not permitted" in ended.stderr
            continue
        first = shown(text)[0]
        plain = plain or first
        gained = names_of(first.permitted & ~plain.permitted)
        assert (finding["outcome"] == "regains") == bool(gained), name
        if gained:
            assert finding["capabilities"] == list(gained)
        for which, number, other in (
            ("uid", first.uids[1], plain.uids[1]),
            ("gid", first.gids[1], plain.gids[1]),
        ):
            assert (f"{which} {number}" in finding["reason"]) == (number != other), name
        lost = "runs without" in finding["reason"]
        carried = mask_of(("NET_RAW",)) if name == "sets-one" else FILE_CAPABILITIES
        if name in ("sets-p", "sets-one"):
            assert lost == bool(carried & ~first.permitted), name
    assert len(blocks) == 2 * len(GUISES) + 1
    assert set(told) <= {f"/bin/{name}" for name in GUISES}


NONROOT, ROOT_USER = ("-u", "3267"), ("-u", "0")
POWERLESS = ("-u", "0", "--cap-drop=ALL")


@pytest.mark.parametrize(
    ("options", "words", "status", "culprit"),
    [
        (NONROOT, (), 0, None),
        (NONROOT, ("by-env",), 0, None),
        (NONROOT, ("sets-p",), 0, None),
        (NONROOT, ("sets-ep",), 1, "/bin/sets-ep"),
        (ROOT_USER, ("sets-ep",), 0, None),
        (POWERLESS, ("sets-ep",), 1, "/bin/sets-ep"),
        (NONROOT, ("by-ep",), 1, "/bin/sets-ep"),
        (NONROOT, ("by-nothing",), 1, "/no/such"),
        (NONROOT, ("closed",), 127, "/bin/closed"),
        (NONROOT, ("/bin/closed",), 126, "/bin/closed"),
        (NONROOT, ("/bin/linked",), 126, "/bin/closed"),
        (POWERLESS, ("/bin/closed",), 0, None),
        (NONROOT, ("/root/inside",), 126, "/root"),
        (NONROOT, ("nosuch",), 127, "nosuch"),
        (NONROOT, ("/bin/no/such",), 127, "/bin/no/such"),
        (NONROOT, ("/tmp",), 126, "/tmp"),
        (NONROOT, ("/etc/passwd",), 126, "/etc/passwd"),
        (ROOT_USER, ("steps-down", "id"), 0, None),
        (POWERLESS, ("steps-down", "id"), 1, "/bin/steps-down"),
        (POWERLESS, ("su", "app", "-c", "id"), 1, "su"),
        (("-u", "0", "--cap-drop=SETGID"), ("steps-down", "id"), 1, "/bin/steps-down"),
    ],
)
def test_a_command_that_is_said_to_fail_fails(
    saferun: Command,
    saferunctl: Command,
    reference: str,
    options: tuple[str, ...],
    words: tuple[str, ...],
    status: int,
    culprit: str | None,
) -> None:
    """And one that is not does not: the file that is named is the one at fault."""
    _, document = predicted(saferunctl, *options, reference, *words)
    failing = [
        finding["path"]
        for finding in document["findings"]
        if finding["command"] and finding["outcome"] == "fails"
    ]
    ended = saferun("--rm", *options, reference, *words)
    # Root's commands have no gate in front: runc 1.1 ends with 1, later ones with 255.
    others = (255,) if status == 1 and options == POWERLESS else ()
    assert ended.status in (status, *others), ended.stderr
    assert failing == ([] if culprit is None else [culprit])
    if culprit and "hint: " in ended.stderr and culprit != "/bin/steps-down":
        path = "/bin/linked" if words == ("/bin/linked",) else culprit
        assert f"saferun: hint: {path}" in ended.stderr


def test_the_allowlist_entry_that_is_named_is_enough(
    saferun: Command, saferunctl: Command, reference: str, policy: str
) -> None:
    """Doing what the hint and the prediction say makes the command run."""
    ended = saferun("--rm", "-u", "3267", reference, "sets-one")
    assert ended.status == 1
    assert ended.stderr == (
        "saferun: exec /bin/sets-one: operation not permitted\n"
        "saferun: hint: /bin/sets-one needs NET_RAW: --cap-add=NET_RAW, if the policy allows it\n"
    )
    _, document = predicted(saferunctl, "-u", "3267", reference, "sets-one")
    assert document["findings"][0]["help"] == (
        '--cap-add=NET_RAW, and [nonroot.limits] cap-add = ["NET_RAW"] in a policy'
    )
    words = ("--policy", policy, "-u", "3267", reference, "sets-one")
    _, document = predicted(saferunctl, *words)
    assert document["findings"][0]["help"] == "--cap-add=NET_RAW"
    added = ("--cap-add=NET_RAW", *words)
    _, document = predicted(saferunctl, *added)
    assert document["findings"][0]["outcome"] == "note"
    assert saferun("--rm", *added).status == 0


@pytest.mark.parametrize("options", [(), ("-t",), ("--rm",)], ids=" ".join)
def test_detached_the_hint_is_shown_as_well(
    docker: Command, saferun: Command, reference: str, options: tuple[str, ...]
) -> None:
    """Both lines, where docker run -d would have said nothing of a refused file, or little."""
    name = f"saferun-test-{secrets.token_hex(6)}"
    words = ("-d", "-u", "3267", "--name", name, *options, reference)
    try:
        ended = saferun(*words, "/bin/closed")
        assert (ended.status, ended.stdout) == (126, "")
        assert ended.stderr == (
            'saferun: exec: "/bin/closed": permission denied\n'
            "saferun: hint: /bin/closed may be executed only by uid 0: chmod o+x in the image, "
            "or another --user\n"
        )
        docker("rm", "--force", name)
        if options == ("--rm",):
            return  # gone before anybody can read why
        ended = saferun(*words, "sets-one")
        assert ended.status == 0
        assert re.fullmatch(r"[0-9a-f]{64}\n", ended.stdout)
        assert ended.stderr == (
            "saferun: exec /bin/sets-one: operation not permitted\n"
            "saferun: hint: /bin/sets-one needs NET_RAW: --cap-add=NET_RAW, if the policy allows "
            "it\n"
        )
    finally:
        docker("rm", "--force", name)


def test_looking_needs_no_container_twice(
    docker: Command, saferunctl: Command, reference: str, tmp_path: Path
) -> None:
    """What was found is remembered by the image's id, and is the same."""
    since = docker("info", "--format", "{{.SystemTime}}").stdout.strip()
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    first, second = (
        saferunctl("inspect", "-u", "3267", "--json", reference, env=cache) for _ in range(2)
    )
    assert first.status == 1
    assert first.stdout == second.stdout
    until = docker("info", "--format", "{{.SystemTime}}").stdout.strip()
    events = docker(
        *("events", "--since", since, "--until", until, "--filter", "event=create"),
        *("--filter", f"image={reference}", "--format", "{{.ID}}"),
    )
    by_id = docker(
        *("events", "--since", since, "--until", until, "--filter", "event=create"),
        *("--filter", "label=saferun.scratch=inspect", "--format", "{{.ID}}"),
    )
    assert events.stdout == ""
    assert len(by_id.stdout.splitlines()) == 1


def test_the_image_may_stand_first_or_last(saferunctl: Command, reference: str) -> None:
    """As `inspect IMAGE OPTIONS…`, and as docker run wants it."""
    first = saferunctl("inspect", reference, "-u", "3267", "sets-one", "--json")
    last = saferunctl("inspect", "--json", "--", "-u", "3267", reference, "sets-one")
    assert first.status == last.status == 1
    assert json.loads(first.stdout) == json.loads(last.stdout)
    assert json.loads(first.stdout)["process"]["command"] == ["sets-one"]


def test_what_cannot_be_inspected(saferunctl: Command, reference: str) -> None:
    """No image, no such user, no command line: status 2 and a sentence; refused: status 1."""
    done = saferunctl("inspect", "saferun-test-no-such-image")
    assert (done.status, done.stderr.splitlines()[0]) == (
        2,
        "saferunctl: no such image: saferun-test-no-such-image",
    )
    done = saferunctl("inspect", reference, "--user", "nobody-has-this-name")
    assert done.status == 2
    assert "cannot tell" in done.stdout
    done = saferunctl("inspect", reference, "--no-such-flag")
    assert (done.status, done.stderr) == (2, "saferunctl: unknown flag: --no-such-flag\n")
    done = saferunctl("inspect", reference, "-u", "3267", "--cap-add=SYS_ADMIN")
    assert done.status == 1
    assert "capabilities not allowed for a non-root user: SYS_ADMIN" in done.stdout


def test_mounts_that_cover_and_mounts_that_are_closed(
    saferun: Command, saferunctl: Command, reference: str, tmp_path: Path
) -> None:
    """A covered command cannot be told; root without DAC_OVERRIDE cannot write for others."""
    _, document = predicted(saferunctl, "-v", f"{tmp_path}:/bin", reference, "ok")
    assert [finding["outcome"] for finding in document["findings"]][:1] == ["cannot tell"]
    (tmp_path / "data").mkdir(mode=0o755)
    shutil.chown(tmp_path / "data", 1000, 1000)
    tmp_path.chmod(0o755)
    bind = ("-v", f"{tmp_path}/data:/data")
    for options, needs in ((ROOT_USER, []), (POWERLESS, ["DAC_OVERRIDE"])):
        words = (*bind, reference, "touch", f"/data/file-{len(options)}")
        _, document = predicted(saferunctl, *options, *words)
        told = [one for one in document["findings"] if one["path"] == "/data"]
        assert [one["capabilities"] for one in told] == ([needs] if needs else [])
        assert (saferun("--rm", *options, *words).status != 0) == bool(needs)
