"""Nothing comes to stand where the gate is: mounts, images and other containers' volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.images import PASSWD, SQUATTER
from tests.kernel.outcomes import (
    etc,
    failed,
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
    from tests.kernel.outcomes import Grants

    Build = Callable[[str], str]

UNCLEAR = "a mount whose target cannot be understood"
#: Options that would mount something at or under the gate's directory, and where.
OVER_THE_GATE = (
    ("-v /tmp:/.saferun", "/.saferun"),
    ("-v/tmp:/.saferun:ro", "/.saferun"),
    ("--volume=/tmp:/.saferun/", "/.saferun"),
    ("-v /tmp:/.saferun/gate-amd64", "/.saferun/gate-amd64"),
    ("-v /tmp:/.saferun/../.saferun", "/.saferun"),
    ("-v /tmp://.saferun", "/.saferun"),
    ("-v /tmp:///./x/..//.saferun/./sub:rw,z", "/.saferun/sub"),
    ("-v /tmp:/../../.saferun", "/.saferun"),
    ("-v saferun-test-never-made:/.saferun:nocopy", "/.saferun"),
    ("-v /.saferun", "/.saferun"),
    ("-v .saferun", "/.saferun"),
    ("-v ../x/../.saferun", "/.saferun"),
    ("--mount type=bind,src=/tmp,dst=/.saferun", "/.saferun"),
    ("--mount=type=bind,source=/tmp,target=/.saferun/x,readonly", "/.saferun/x"),
    ("--mount=type=tmpfs,destination=/.saferun", "/.saferun"),
    ("--mount=Type=tmpfs,DST=//.saferun/.", "/.saferun"),
    ("--mount=type=tmpfs,dst=/elsewhere,target=/.saferun", "/.saferun"),
    ('--mount=type=tmpfs,"dst=/.saferun"', "/.saferun"),
    ("--mount=type=volume,dst=/.saferun", "/.saferun"),
    ("--tmpfs /.saferun", "/.saferun"),
    ("--tmpfs=/.saferun/gate-amd64:exec,mode=777", "/.saferun/gate-amd64"),
    ("--tmpfs //x/../.saferun", "/.saferun"),
)
#: Options whose target only the engine could make something of, and all of which it refuses.
UNCLEAR_TO_US = (
    "-v /tmp:.saferun",
    "-v /tmp:x/../.saferun",
    "-v /a:/b:/.saferun:ro",
    "--mount type=tmpfs,dst=.saferun",
    "--mount type=tmpfs",
    "--tmpfs .saferun",
)


@pytest.mark.parametrize(("option", "target"), OVER_THE_GATE)
def test_a_mount_over_the_gate_is_refused(
    docker: Command, saferun: Command, image: Build, option: str, target: str
) -> None:
    """However it is spelled, and whoever the user is."""
    name = fresh_name()
    for user in ("3267", "0"):
        ended = saferun("--name", name, "-u", user, *option.split(), image("busybox"), "sets")
        refused(ended, f"a mount at {target}")
    never_started(docker, name)


@pytest.mark.parametrize("option", UNCLEAR_TO_US)
def test_a_mount_that_cannot_be_understood_is_refused(
    docker: Command, saferun: Command, image: Build, option: str
) -> None:
    """Nobody is lost by that: docker run refuses it as well, and its own words come first."""
    words = ("-u", "3267", *option.split(), image("busybox"), "true")
    name = fresh_name()
    plain = docker("run", "--name", name, *words)
    docker("rm", name)
    ended = saferun(*words)
    assert (plain.status, ended.status) == (125, 125)
    if ended.stderr != plain.stderr:
        # Only the engine would have refused it, and it is not asked.
        refused(ended, UNCLEAR)


def test_mounts_beside_the_gate_are_as_under_docker_run(
    docker: Command, saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Similar names, and the gate's own name elsewhere."""
    (tmp_path / "file").write_text("content\n")
    tmp_path.chmod(0o755)
    options = (
        *("-v", f"{tmp_path}:/.saferun2:ro", "-v", f"{tmp_path}:/x/.saferun", "-v", "/.saferun-x"),
        *("--mount", f"type=bind,src={tmp_path},dst=/saferun/../.safe", "--tmpfs", "/.SAFERUN"),
    )
    script = "cat /.saferun2/file /x/.saferun/file /.safe/file; ls / /x; ls -d /.SAFERUN"
    run = ("--rm", "-u", "3267", *options, image("busybox"), "sh", "-c", script)
    ended = saferun(*run)
    assert ended.stdout.startswith("content\n" * 3)
    same(ended, docker("run", *run))


def test_a_named_volume_is_filled_as_under_docker_run(
    docker: Command, saferun: Command, image: Build
) -> None:
    """The engine copies the image's content into every empty volume but the gate's."""
    outcomes = []
    for program, *first in ((docker, "run"), (saferun,)):
        name = fresh_name()
        run = (*first, "--rm", "-u", "3267", "-v", f"{name}:/etc", image("busybox"))
        outcomes.append(program(*run, "cat", "/etc/passwd"))
        docker("volume", "rm", name)
    same(*outcomes)
    assert outcomes[0].stdout == PASSWD


@pytest.mark.parametrize("name", ["saferun-volume", "saferun-symlink", "saferun-squatter"])
def test_an_image_cannot_bring_its_own_gate(saferun: Command, image: Build, name: str) -> None:
    """Neither as a file, nor behind a link, nor with a volume of its own at that place."""
    for options in ([], ["--read-only"]):
        ended = saferun("--rm", "-u", "3267", *options, image(name), "sets")
        assert "squatter" not in ended.stdout
        holds_nothing(ended)


@pytest.fixture
def squatter(tmp_path: Path) -> Path:
    """A directory with programs that are called as the gates are and check nothing."""
    for architecture in ("amd64", "arm64"):
        program = tmp_path / f"gate-{architecture}"
        program.write_bytes(SQUATTER)
        program.chmod(0o755)
    tmp_path.chmod(0o755)
    return tmp_path


def not_executed(ended: Ended) -> None:
    """Assert that a squatter was not executed, whether or not the command was."""
    assert "squatter" not in ended.stdout
    if ended.status == 0:
        holds_nothing(ended)
    else:
        assert ended.status in (125, 126, 127)


@pytest.fixture
def linked(docker: Command, image: Build) -> Iterator[str]:
    """An image in which `/deep/link` leads to where the gate will be."""
    name, reference = fresh_name(), f"{fresh_name()}:latest"
    links = "mkdir /.saferun /deep; ln -s /.saferun /deep/link; ln -s / /deep/root"
    assert docker("run", "--name", name, image("busybox"), "sh", "-c", links).status == 0
    assert docker("commit", name, reference).status == 0
    docker("rm", name)
    yield reference
    docker("rmi", reference)


@pytest.mark.parametrize("target", ["/deep/link", "/deep/root/.saferun"])
def test_a_mount_that_a_link_leads_over_the_gate_is_not_executed(
    saferun: Command, linked: str, squatter: Path, target: str
) -> None:
    """Engines follow links in the image when they mount, and mount what is deeper later."""
    ended = saferun("--rm", "-v", f"{squatter}:{target}", "-u", "3267", linked, "sets")
    not_executed(ended)


def test_a_mount_where_the_images_link_leads_is_not_executed(
    saferun: Command, image: Build, squatter: Path
) -> None:
    """The other way round: the gate's own directory is a link, and something is mounted there."""
    # Engines mount what is equally deep in any order, so once proves little.
    for _ in range(4):
        options = ("--rm", "-u", "3267", "-v", f"{squatter}:/elsewhere")
        ended = saferun(*options, image("saferun-symlink"), "sets")
        not_executed(ended)


@pytest.fixture
def container(docker: Command, image: Build) -> Iterator[Callable[..., str]]:
    """Make containers for --volumes-from, and remove them with their volumes."""
    made = []

    def create(*options: str) -> str:
        name = fresh_name()
        assert docker("create", "--name", name, *options, image("busybox"), "true").status == 0
        made.append(name)
        return name

    yield create
    if made:
        docker("rm", "--force", "--volumes", *made)


def test_volumes_of_a_container_that_saferun_started(
    docker: Command, saferun: Command, image: Build, grants: Grants
) -> None:
    """It has the gate's volume among its mounts, which is no reason to refuse."""
    name = fresh_name()
    try:
        # Podman warns of a tmpfs, which it cannot take over.
        mounts = ("-v", "/data") if grants.podman else ("-v", "/data", "--tmpfs=/t")
        first = ("--name", name, "-u", "3267", *mounts, image("busybox"))
        holds_nothing(saferun(*first, "sets"))
        for mode in ("rw", "ro"):
            second = ("--rm", "-u", "3267", f"--volumes-from={name}:{mode}", image("busybox"))
            ended = saferun(*second, "sh", "-c", "cat /proc/mounts; exec sets")
            if grants.podman and mode == "rw":
                # There the gate would be as well.
                failed(ended, "with this --volumes-from Podman would make another container's gate")
                continue
            holds_nothing(ended)
            lines = (line.split() for line in ended.stdout.split("== ")[0].splitlines())
            options = {target: options.split(",") for _, target, _, options, *_ in lines}
            gates = [chosen for target, chosen in options.items() if target[:10] == "/.saferun/"]
            assert len(gates) == 2  # the inherited one, and its own
            assert all("ro" in chosen for chosen in gates)
            assert mode in options["/data"]
        again = docker("start", "--attach", name)
        holds_nothing(again)
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.mark.parametrize("target", ["/.saferun", "/.saferun/gate-amd64", "/.saferun/deeper"])
def test_volumes_of_a_container_that_would_cover_the_gate_are_refused(
    docker: Command,
    saferun: Command,
    image: Build,
    container: Callable[..., str],
    squatter: Path,
    target: str,
) -> None:
    """Whether they are volumes or directories of the host, for any of several containers."""
    harmless, name = container("-v", "/data"), fresh_name()
    for mount in (f"{squatter}:{target}", target):
        other = container("-v", mount)
        options = (f"--volumes-from={harmless}", f"--volumes-from={other}:ro")
        for user in ("3267", "0"):
            ended = saferun("--name", name, "-u", user, *options, image("busybox"), "sets")
            refused(ended, f"a mount at {target}")
    never_started(docker, name)


def test_volumes_of_a_container_that_cover_passwd(
    docker: Command, saferun: Command, image: Build, container: Callable[..., str], tmp_path: Path
) -> None:
    """A name counts as somebody else's when another container's mount may replace /etc."""
    etc(tmp_path, "root:x:3267:3267::/:\n")
    other = container("-v", f"{tmp_path}:/etc")
    run = ("--rm", "-u", "root", f"--volumes-from={other}", image("busybox"), "sets")
    # Podman looks at what is mounted there, Docker at the image.
    (uid,) = set(moments(docker("run", *run))[0].uids)
    holds_nothing(saferun(*run), uid)


def test_volumes_of_no_container_are_refused(
    docker: Command, saferun: Command, image: Build, grants: Grants
) -> None:
    """In the engine's words."""
    missing, name = fresh_name(), fresh_name()
    run = ("--name", name, "-u", "3267", f"--volumes-from={missing}", image("busybox"), "sets")
    ended = saferun(*run)
    words = f"No such container: {missing}"
    if grants.podman:
        words = f'no container with name or ID "{missing}" found: no such container'
    failed(ended, f"--volumes-from {missing}: {words}")
    plain = docker("run", *run)
    assert plain.status == ended.status
    assert words in plain.stderr
    never_started(docker, name)
