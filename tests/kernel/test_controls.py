"""Every control on a real engine: what it refuses is not started, and what it permits runs."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from saferun.judge.checks import CONTROLS, control
from tests.kernel.conftest import missing
from tests.kernel.images import IMAGES, entries, tar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from saferun.judge.control import Case
    from tests.kernel.conftest import Command, Ended

    Run = Callable[..., Ended]

#: The images that cases name, by what makes each of them.
NAMED = {
    "busybox": (),
    "nonroot": ("USER 1000",),
    "named": ("USER app",),
    "sneaky": ("USER toor",),
    "healthy:1": ("HEALTHCHECK CMD true", "EXPOSE 80"),
}
#: The containers that cases name; being there is enough.
CONTAINERS = {
    "pidhost": ("--pid=host",),
    "nethost": ("--network=host",),
    "ipchost": ("--ipc=host",),
    "etc": ("--volume=/etc:/hostetc:ro",),
}
VOLUMES = {
    "data": (),
    "etcvol": ("--opt=type=none", "--opt=o=bind", "--opt=device=/etc"),
    "nfsvol": ("--opt=type=nfs", "--opt=o=addr=10.0.0.1", "--opt=device=:/e"),
}
#: A seccomp profile that lets everything pass.
PROFILE = {"defaultAction": "SCMP_ACT_ALLOW"}


@pytest.fixture(scope="module", autouse=True)
def world(docker: Command, attacker: bytes) -> Iterator[None]:
    """Make what the cases name, and remove it again."""
    busybox = shutil.which("busybox")
    if busybox is None:
        missing("no busybox; apt-get install busybox-static")
    applets = ["sh", "true", "sleep", "id"]
    with open(busybox, "rb") as file:
        archive = tar(entries(IMAGES["busybox"], file.read(), applets, attacker))
    made: list[tuple[str, ...]] = []
    try:
        for name, changes in NAMED.items():
            if docker("image", "inspect", name).status == 0:
                missing(
                    f"the engine has an image {name} already; use one of your own: script/engine"
                )
            options = [f"--change={change}" for change in ('CMD ["true"]', *changes)]
            made.append(("rmi", "--force", name))
            assert docker("import", *options, "-", name, stdin=archive).status == 0
        for name, volume_options in VOLUMES.items():
            made.append(("volume", "rm", name))
            assert docker("volume", "create", *volume_options, name).status == 0
        made.append(("network", "rm", "corp"))
        assert docker("network", "create", "corp").status == 0
        for name, flags in CONTAINERS.items():
            made.append(("rm", "--force", name))
            assert docker("create", f"--name={name}", *flags, "busybox").status == 0
        yield
    finally:
        for argv in reversed(made):
            docker(*argv)


@pytest.fixture
def run(saferun: Command, docker: Command, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs a case; beside its law is a seccomp profile."""
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(PROFILE))
    law = tmp_path / "law.toml"
    logs = tmp_path / "log"
    (logs / "saferun").mkdir(mode=0o700, parents=True)
    # Not --rm, which some cases cannot be combined with.
    name = f"control-{secrets.token_hex(4)}"

    def with_law(case: Case, *options: str) -> Ended:
        # Where receipts are kept has to be there.
        law.write_text(case.law.replace("/var/log", str(logs)))
        asked = case.words.replace("profile.json", str(profile)).replace("/var/log", str(logs))
        words = shlex.split(asked)
        ended = saferun(f"--policy={law}", *options, f"--name={name}", *words)
        docker("rm", "--force", name)
        return ended

    yield with_law
    docker("rm", "--force", name)


@pytest.mark.parametrize("name", CONTROLS)
def test_what_a_control_refuses_is_not_started(name: str, run: Run) -> None:
    """For its own reason, among others perhaps."""
    judged = control(name)
    for case in judged.refuses:
        ended = run(case)
        assert ended.status == 125, (case, ended)
        assert ended.stderr.startswith("saferun: denied: "), (case, ended)
        assert ended.stderr.endswith("saferun: nothing was started\n")
        told = json.loads(run(case, "--explain=json").stdout)
        assert judged.id in [violation["check"] for violation in told["violations"]], case


@pytest.mark.parametrize("name", CONTROLS)
def test_what_a_control_permits_runs(name: str, run: Run) -> None:
    """Its first example, with everything that the law adds."""
    case = control(name).passes[0]
    ended = run(case)
    assert ended.status == 0, (case, ended)


def test_a_relative_path_is_judged_from_where_docker_takes_it(
    saferun: Command, docker: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a link that the shell went through, `..` is not what is above the link's target."""
    (tmp_path / "allowed" / "in").mkdir(parents=True)
    (tmp_path / "allowed" / "fine").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret").touch()
    (tmp_path / "other" / "link").symlink_to("../allowed/in")
    law = tmp_path / "law.toml"
    logs = tmp_path / "log"
    (logs / "saferun").mkdir(mode=0o700, parents=True)
    law.write_text(f'[limits]\nvolume = ["{tmp_path}/allowed"]\n')
    monkeypatch.chdir(tmp_path / "other" / "link")
    argv = (f"--policy={law}", "--rm", "--volume=./..:/x", "busybox", "sh", "-c", "echo /x/*")
    through = saferun(*argv, env={"PWD": str(tmp_path / "other" / "link")})
    assert through.status == 125, through
    assert f"({tmp_path}/other, writable) is not allowed" in through.stderr
    # Older docker CLIs take no relative path, and saferun no other than theirs.
    inside = {"PWD": str(tmp_path / "allowed" / "in")}
    straight, plain = saferun(*argv, env=inside), docker("run", *argv[1:], env=inside)
    assert (straight.status, straight.stdout) == (plain.status, plain.stdout)
    assert straight.stdout in ("/x/fine /x/in\n", "")
