"""The law on a real engine: who may, whose limits hold, and that what was judged is what runs."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import command, missing
from tests.kernel.images import IMAGES, Entry, entries, tar
from tests.kernel.programs import recorder, saferun_words, script
from tests.kernel.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.kernel.conftest import Command, Ended

    Build = Callable[[str], str]
    Write = Callable[..., str]

WIDE_OPEN = json.dumps({"defaultAction": "SCMP_ACT_ALLOW"})
NET_RAW = 1 << 13
#: What sudo says of its caller.
SUDO = {"SUDO_UID": "4711", "SUDO_GID": "4711"}


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everybody may enter, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def law(tmp_path: Path) -> Write:
    """Return a function that writes a policy file and returns its path."""

    def write(text: str, name: str = "law.toml") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def bounding(ended: Ended) -> int:
    """Return the bounding set that a container printed."""
    assert ended.status == 0, ended
    (line,) = (line for line in ended.stdout.splitlines() if line.startswith("CapBnd"))
    return int(line.split()[1], 16)


def refused(ended: Ended, *reasons: str) -> bool:
    """Tell whether nothing was started, for all of these reasons."""
    said = all(reason in ended.stderr for reason in reasons)
    return ended.status == 125 and said and "nothing was started" in ended.stderr


CAPABILITIES = ("grep", "CapBnd", "/proc/self/status")


def test_an_exception_is_for_the_image_that_it_names(
    saferun: Command, image: Build, law: Write
) -> None:
    """Another image, built from the very same layers, does not have it."""
    named, other = image("busybox"), image("entrypoint")
    path = law(f'[[allow]]\nimage = "{named}"\ncap-add = ["NET_RAW"]\nreason = "capture"\n')
    words = ("--rm", "-u", "3267", "--cap-add=NET_RAW")
    assert bounding(saferun(f"--policy={path}", *words, named, *CAPABILITIES)) == NET_RAW
    assert refused(saferun(f"--policy={path}", *words, other), "capabilities not allowed")


def test_an_exception_can_name_an_image_by_its_id(
    docker: Command, saferun: Command, image: Build, law: Write
) -> None:
    """Whatever its name is; and an id that somebody asks for is not taken for a name."""
    reference = image("busybox")
    identity = docker("image", "inspect", "--format={{.Id}}", reference).stdout.strip()
    by_id = law(f'[[allow]]\nimage = "{identity}"\ncap-add = ["NET_RAW"]\nreason = "capture"\n')
    words = ("--rm", "-u", "3267", "--cap-add=NET_RAW")
    for asked in (reference, identity, identity.removeprefix("sha256:")[:12]):
        ended = saferun(f"--policy={by_id}", *words, asked, *CAPABILITIES)
        assert bounding(ended) == NET_RAW
    by_name = law('[[allow]]\nimage = "**"\ncap-add = ["NET_RAW"]\nreason = "any name"\n')
    short = identity.removeprefix("sha256:")[:12]
    assert refused(saferun(f"--policy={by_name}", *words, short), "capabilities not allowed")


def test_a_tag_that_moves_after_the_judgement_moves_nothing(
    docker: Command, saferun: Command, image: Build, law: Write, tmp_path: Path
) -> None:
    """The image that was judged runs, by its id; docker run alone would run the other one."""
    good, bad = image("entrypoint"), image("cmd")
    tag = f"{good.partition(':')[0]}:moving"
    assert docker("tag", good, tag).status == 0
    body = f'[ "$1" = run ] && "$DOCKER" tag {bad} {tag}\nexec "$DOCKER" "$@"'
    moving = {"SAFERUN_DOCKER": script(tmp_path / "docker", body)}
    try:
        path = law(f'[limits]\nimage = ["{tag}"]\n')
        ended = saferun(f"--policy={path}", "--rm", "-u", "3267", tag, env=moving)
        assert (ended.status, ended.stdout) == (0, "entrypoint\n")
        assert docker("run", "--rm", tag).stdout == "cmd\n"
        docker("tag", good, tag)
        rule = law(f'[[allow]]\nimage = "{tag}"\ncap-add = ["CHOWN"]\nreason = "it may"\n')
        ended = saferun(f"--policy={rule}", "--rm", "-u", "3267", tag, env=moving)
        assert (ended.status, ended.stdout) == (0, "entrypoint\n")
    finally:
        docker("rmi", "--force", tag)


def test_deny_takes_away_what_the_same_law_allows(
    saferun: Command, image: Build, law: Write
) -> None:
    """With the reason that the law gives."""
    path = law(
        '[nonroot.limits]\ncap-add = ["NET_RAW", "CHOWN"]\n'
        '[[deny]]\nusers = ["root"]\ncap-add = ["NET_RAW"]\nreason = "no spoofing here"\n'
    )
    words = ("--rm", "-u", "3267")
    ended = saferun(f"--policy={path}", *words, "--cap-add=NET_RAW", image("busybox"))
    assert refused(ended, "NET_RAW", "deny for user root: no spoofing here")
    assert bounding(
        saferun(f"--policy={path}", *words, "--cap-add=CHOWN", image("busybox"), *CAPABILITIES)
    )


def test_exceptions_are_for_the_kernels_user_not_for_sudos_word(
    saferun: Command, image: Build, public: Path
) -> None:
    """SUDO_UID can only take away: under sudo the caller is root."""
    words = ("--rm", "-u", "3267", "--cap-add=CHOWN", image("busybox"), *CAPABILITIES)

    def law(text: str) -> Path:
        path = public / "law.toml"
        path.write_text(text)
        return path

    allow = law('[[allow]]\nusers = ["4711"]\ncap-add = ["CHOWN"]\nreason = "she may"\n')
    assert refused(saferun(f"--policy={allow}", *words, env=SUDO), "capabilities not allowed")
    deny = law(
        '[nonroot.limits]\ncap-add = ["CHOWN"]\n'
        '[[deny]]\nusers = ["4711"]\ncap-add = ["CHOWN"]\nreason = "she may not"\n'
    )
    assert bounding(saferun(f"--policy={deny}", *words)) == 1
    assert refused(saferun(f"--policy={deny}", *words, env=SUDO), "she may not")


def test_under_sudo_a_name_opens_no_more_than_the_caller_may(
    saferun: Command, image: Build, tmp_path: Path, public: Path
) -> None:
    """Root's files are not quoted as faulty policies, nor written over; the caller's own are."""
    words = ("--rm", "-u", "3267", image("busybox"), "true")
    secret = tmp_path / "shadow"
    secret.write_text("root:$6$secret:1::::::\n")
    secret.chmod(0o600)
    for option in (f"--policy={secret}", f"--report={secret}"):
        ended = saferun(option, *words, env=SUDO)
        assert refused(ended, "permission denied"), ended
        assert "$6$" not in ended.stderr
    ended = saferun(*words, env={**SUDO, "SAFERUN_POLICY": str(secret)})
    assert refused(ended, "permission denied"), ended
    assert secret.read_text() == "root:$6$secret:1::::::\n"
    os.chown(public, 4711, 4711)
    assert saferun(f"--report={public}/run.json", *words, env=SUDO).status == 0
    kept = (public / "run.json").stat()
    assert (kept.st_uid, kept.st_gid) == (4711, 4711)


def test_exceptions_by_group_go_by_the_kernels_list(
    image: Build, law: Write, environment: Mapping[str, str]
) -> None:
    """Whoever is in the group has it, and nobody else."""
    path = law('[[allow]]\ngroups = ["3267"]\ncap-add = ["CHOWN"]\nreason = "the team"\n')
    words = (f"--policy={path}", "--rm", "-u", "7", "--cap-add=CHOWN", image("busybox"))
    become = (
        "import os, sys; os.setgroups([int(sys.argv[1])]); os.execvp(sys.argv[2], sys.argv[2:])"
    )
    for group, allowed in (("3267", True), ("3268", False)):
        start = [sys.executable, "-c", become, group, *saferun_words()]
        ended = command(start, environment)(*words, *CAPABILITIES)
        assert (bounding(ended) == 1) if allowed else refused(ended, "capabilities not allowed")


def test_what_a_default_has_too_much_of_is_cut_down_with_a_notice(
    saferun: Command, image: Build, law: Write, tmp_path: Path
) -> None:
    """The ceiling is used instead; the same on the command line is refused."""
    host = law('[limits]\nmemory = "32m"\ncap-add = []\n', "host.toml")
    project = law('[defaults]\nmemory = "64m"\ninit = true\n', "project.toml")
    docker, lines = recorder(tmp_path / "recorder")
    words = (f"--policy={host}", f"--policy={project}", "--rm", "-u", "3267")
    ended = saferun(*words, image("busybox"), "true", env={"SAFERUN_DOCKER": docker})
    assert ended.status == 0
    (notice,) = ended.stderr.splitlines()
    assert notice.startswith("saferun: notice: default memory = 64m")
    assert f"{host}:2 limits.memory" in notice
    (line,) = (line for line in lines() if line[0] == "run")
    assert [word for word in line if word.startswith(("--memory", "--init"))] == [
        "--init=true",
        "--memory=32m",
    ]
    ended = saferun(*words, "--memory=64m", image("busybox"), "true")
    assert refused(ended, "--memory: 64m is more than allowed", "32m")


def test_a_forbidden_image_is_not_even_pulled(
    docker: Command,
    saferun: Command,
    engine: str,
    attacker: bytes,
    law: Write,
    tmp_path: Path,
) -> None:
    """The registry hears nothing; an image that is allowed is pulled, then judged as a whole."""
    if not engine.startswith("unix://"):
        missing("a registry needs an engine on this machine")
    archive = tar(
        [*entries(IMAGES["scratch"], b"", (), attacker), Entry("unique", secrets.token_bytes(8))]
    )
    (tmp_path / "registry").mkdir()
    with Registry(engine, archive, tmp_path / "registry") as registry:
        reference = f"{registry.host}/single"
        registry.requests()
        elsewhere = law('[limits]\nimage = ["registry.example.com/**"]\n')
        ended = saferun(f"--policy={elsewhere}", "--rm", "-u", "3267", reference)
        assert refused(ended, "image")
        assert registry.requests() == []
        here = law(f'[limits]\nimage = ["{registry.host}/*"]\n')
        try:
            assert saferun(f"--policy={here}", "--rm", "-u", "3267", reference).status == 0
        finally:
            docker("rmi", "--force", reference)


def test_the_profile_that_was_judged_is_the_one_that_is_used(
    docker: Command, saferun: Command, image: Build, law: Write, tmp_path: Path
) -> None:
    """A file that is swapped between judging and starting changes nothing."""
    profile = tmp_path / "profile.json"
    blocks_mkdir = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    profile.write_text(json.dumps(blocks_mkdir))
    option = f"--security-opt=seccomp={profile}"
    path = law('[limits]\nsecurity-opt = ["seccomp=sha256:*"]\n')
    body = f"echo '{WIDE_OPEN}' >'{profile}'\nexec \"$DOCKER\" \"$@\""
    swapping = {"SAFERUN_DOCKER": script(tmp_path / "docker", body)}
    words = ("--rm", "-u", "0", option, image("busybox"), "mkdir", "/x")
    assert docker("run", *words).status != 0
    assert saferun(f"--policy={path}", *words, env=swapping).status != 0
    assert profile.read_text().strip() == WIDE_OPEN
    assert docker("run", *words).status == 0


@pytest.fixture
def link(tmp_path: Path) -> str:
    """A directory that is allowed, with a link in it that leads out."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "inside").mkdir()
    (allowed / "out").symlink_to("/etc")
    return str(allowed)


@pytest.mark.parametrize(
    "source", ["out", "out/ssh", "inside/../out", "../../../../../../../../etc", ".."]
)
def test_what_leads_out_of_an_allowed_directory_is_refused(
    saferun: Command, image: Build, law: Write, link: str, source: str
) -> None:
    """By links, by dots, or both; judged by where the engine would get to."""
    path = law(f'[limits]\nvolume = ["{link}"]\n')
    inside = ("--rm", f"--volume={link}/inside:/x", image("busybox"), "true")
    assert saferun(f"--policy={path}", *inside).status == 0
    for option in (f"--volume={link}/{source}:/x", f"--mount=type=bind,src={link}/{source},dst=/x"):
        ended = saferun(f"--policy={path}", "--rm", option, image("busybox"), "true")
        assert refused(ended, "is not allowed"), (option, ended)


def test_a_path_is_judged_as_it_reaches_the_engine(
    saferun: Command, image: Build, law: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker sends U+FFFD for a byte that is no UTF-8, and the engine mounts what has that name."""
    (tmp_path / "\udcff").mkdir()
    (tmp_path / "\ufffd").symlink_to("/etc")
    path = law(f'[limits]\nvolume = ["{tmp_path}"]\n')
    words = ("--rm", image("busybox"), "true")
    monkeypatch.chdir(tmp_path / "\udcff")
    for source in (f"{tmp_path}/\udcff", "."):
        for option in (f"--volume={source}:/x", f"--mount=type=bind,src={source},dst=/x"):
            ended = saferun(f"--policy={path}", option, *words)
            assert refused(ended, "/etc"), (option, ended)


def test_a_volume_that_is_a_bind_in_disguise_is_judged_as_one(
    docker: Command, saferun: Command, image: Build, law: Write
) -> None:
    """Made beforehand, made on the way, or taken over from another container."""
    volume, container = f"plain-{secrets.token_hex(4)}", f"source-{secrets.token_hex(4)}"
    options = ("type=none", "o=bind", "device=/etc")
    path = law('[limits]\nvolume = ["plain-*", "other"]\n')
    words = ("--rm", image("busybox"), "true")
    inline = ",".join(f"volume-opt={option}" for option in options)
    try:
        ended = saferun(f"--policy={path}", f"--volume={volume}:/x", *words)
        assert ended.status == 0, ended
        docker("volume", "rm", volume)
        made = docker("volume", "create", *(f"--opt={option}" for option in options), volume)
        assert made.status == 0
        docker("create", f"--name={container}", f"--volume={volume}:/x", image("busybox"))
        for option in (
            f"--volume={volume}:/x",
            f"--mount=type=volume,src={volume},dst=/x",
            f"--mount=type=volume,src=other,dst=/x,{inline}",
            f"--volumes-from={container}",
        ):
            ended = saferun(f"--policy={path}", option, *words)
            assert refused(ended, "/etc"), (option, ended)
    finally:
        docker("rm", "--force", container)
        docker("volume", "rm", "--force", volume, "other")


def test_a_shipped_law_goes_by_its_name(saferun: Command, image: Build, law: Write) -> None:
    """With --policy, in SAFERUN_POLICY and in `extends`."""
    words = ("--rm", "-u", "3267", "--cap-add=CHOWN", image("busybox"))
    extending = law('extends = ["restricted"]\n')
    for option, env in (
        (["--policy=restricted"], {}),
        ([], {"SAFERUN_POLICY": "restricted"}),
        ([f"--policy={extending}"], {}),
    ):
        ended = saferun(*option, *words, env=env)
        assert refused(ended, "capabilities not allowed", "restricted"), ended
