"""Who is root, and what a container's first process holds: five rows, read inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.images import HOSTILE, WIDE
from tests.kernel.outcomes import (
    ALLOWLIST,
    NET_BIND_SERVICE,
    etc,
    five,
    fresh_name,
    holds_nothing,
    moments,
    never_started,
    refused,
    same,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.outcomes import Grants

    Build = Callable[[str], str]

PRIVILEGED = "--privileged is not allowed for a non-root user"
CANCELS = "--cap-add=ALL would cancel the drop of all capabilities for a non-root user"


@pytest.fixture
def allowlist(tmp_path: Path) -> str:
    """The option that brings in a policy which lets NET_BIND_SERVICE be added."""
    path = tmp_path / "policy.toml"
    path.write_text(ALLOWLIST)
    return f"--policy={path}"


@pytest.mark.parametrize(
    "user",
    ["0", "00", "+0", "-0", ":", ":0", ":1000", "0:5", "root", "root:", "root:1000", "toor"],
)
def test_root_runs_as_docker_runs_it(
    docker: Command, saferun: Command, image: Build, grants: Grants, user: str
) -> None:
    """However uid 0 is spelled: the same five rows, over an image whose USER is not root."""
    words = ("--rm", "-u", user, image("user-app"), "sets")
    plain = docker("run", *words)
    same(saferun(*words), plain)
    assert five(moments(plain)[0]) == (0, *[grants.default] * 3, 0)


@pytest.mark.parametrize("user", ["3267", "3267:0", "+3267", "03267:5", "app", "app:root"])
def test_anybody_else_holds_nothing_and_is_otherwise_the_same(
    docker: Command, saferun: Command, image: Build, grants: Grants, user: str
) -> None:
    """Five zeros, and the user and groups that docker run gives."""
    words = ("--rm", "-u", user, image("busybox"), "sets")
    ended = saferun(*words)
    holds_nothing(ended)
    plain = moments(docker("run", *words))
    assert [(moment.uids, moment.gids, moment.groups) for moment in moments(ended)] == [
        (moment.uids, moment.gids, moment.groups) for moment in plain
    ]
    assert plain[0].bounding == grants.default


@pytest.mark.parametrize("name", ["user-app", "user-3267"])
@pytest.mark.parametrize("user", [[], ["-u", ""], ["-u", "0", "--user="]], ids=str)
def test_without_a_user_it_is_the_images(
    saferun: Command, image: Build, name: str, user: list[str]
) -> None:
    """An empty -u is no -u, also when it is the last of several."""
    holds_nothing(saferun("--rm", *user, image(name), "sets"))


@pytest.mark.parametrize("name", ["busybox", "user-0", "user-root", "user-colon"])
def test_an_image_whose_user_is_root_runs_as_docker_runs_it(
    docker: Command, saferun: Command, image: Build, name: str
) -> None:
    """Also when there is no USER in it, and when it is no user at all but means root."""
    words = ("--rm", image(name), "sets")
    same(saferun(*words), docker("run", *words))


def test_the_last_user_wins(docker: Command, saferun: Command, image: Build) -> None:
    """In whatever form the users are given, as with docker run."""
    holds_nothing(saferun("--rm", "-u0", "--user=root", "-u=3267", image("busybox"), "sets"))
    words = ("--rm", "-u3267", "--user", "app", "-tu=0", image("user-app"), "sets")
    same(saferun(*words), docker("run", *words))


@pytest.mark.parametrize(
    ("name", "uid"), [("passwd-root-is-3267", 3267), ("passwd-master", 1000)], ids=str
)
def test_root_that_is_not_uid_0_holds_nothing(
    saferun: Command, image: Build, name: str, uid: int
) -> None:
    """The image's /etc/passwd says who is root, not the name."""
    holds_nothing(saferun("--rm", "-u", "root", image(name), "sets"), uid)


@pytest.mark.parametrize(
    ("name", "user", "uid"),
    [("passwd-master", "master", 0), *(("passwd-hostile", user, uid) for user, _, uid in HOSTILE)],
)
def test_names_mean_what_the_engine_makes_of_them(
    docker: Command,
    saferun: Command,
    image: Build,
    grants: Grants,
    name: str,
    user: str,
    uid: int,
) -> None:
    """A passwd line that reads as uid 0 is root, however odd; any other is not."""
    words = ("--rm", "-u", user, image(name), "sets")
    ended = saferun(*words)
    plain = docker("run", *words)
    if user in WIDE and plain.status == 125:
        assert ended.status == 125
        assert "cannot setuid to unmapped uid" in ended.stderr
    elif uid:
        # Podman cuts down another way, which makes root of one of them.
        holds_nothing(ended, moments(plain)[0].uids[0] if user in WIDE else uid)
    else:
        same(ended, plain)
        assert moments(ended)[0].bounding == grants.default


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("busybox", "nobody-has-this-name"),
        ("busybox", "ROOT"),
        ("busybox", "0x0"),
        ("busybox", " 0"),
        ("busybox", "-1"),
        ("busybox", "4294967296"),
        ("busybox", "app:nobody-has-this-name"),
        ("passwd-none", "root"),
        ("user-unknown", ""),
    ],
)
def test_a_user_that_does_not_exist_is_dockers_error(
    docker: Command, saferun: Command, image: Build, grants: Grants, name: str, user: str
) -> None:
    """125, in docker's words."""
    words = ("--rm", "-u", user, image(name), "sets")
    ended = saferun(*words)
    same(ended, docker("run", *words))
    assert ended.status == grants.no_user


@pytest.mark.parametrize("over", ["/etc", "/etc/../etc/passwd"])
def test_a_name_under_a_mounted_passwd_holds_nothing(
    docker: Command, saferun: Command, image: Build, tmp_path: Path, over: str
) -> None:
    """The image proves nothing then, so the name counts as somebody else's, whoever it is."""
    etc(tmp_path, "root:x:3267:3267::/:\ntoor:x:3267:3267::/:\n")
    source = tmp_path if over == "/etc" else tmp_path / "passwd"
    mount = f"--mount=type=bind,src={source},dst={over}"
    words = ("--rm", mount, "-u", "toor", image("busybox"), "sets")
    # No engine so far looks through mounts: to docker run the name is still the image's.
    (uid,) = set(moments(docker("run", *words))[0].uids)
    holds_nothing(saferun(*words), uid)


def test_a_number_under_a_mounted_passwd_is_who_it_says(
    docker: Command, saferun: Command, image: Build, tmp_path: Path
) -> None:
    """No passwd can change what a number means."""
    etc(tmp_path, "0:x:3267:0::/:\nroot:x:3267:0::/:\n3267:x:0:0::/:\n")
    words = ("--rm", "-v", f"{tmp_path}:/etc", image("busybox"), "sets")
    same(saferun("-u", "0", *words), docker("run", "-u", "0", *words))
    holds_nothing(saferun("-u", "3267", *words))


@pytest.mark.parametrize("user", [["-u", "3267"], ["-u", "app"], []], ids=str)
def test_no_capability_is_given_back_without_a_policy(
    docker: Command, saferun: Command, image: Build, user: list[str]
) -> None:
    """Every one that was asked for is named, in docker's spelling of it, and nothing starts."""
    name = fresh_name()
    asked = ("--cap-add", "net_raw", "--cap-add=CAP_SYS_ADMIN", "--cap-add=NET_RAW")
    ended = saferun("--name", name, *user, *asked, image("user-app"), "sets")
    refused(ended, "capabilities not allowed for a non-root user: NET_RAW SYS_ADMIN")
    assert '[nonroot.limits] cap-add = ["NET_RAW", "SYS_ADMIN"]' in ended.stderr
    never_started(docker, name)


@pytest.mark.parametrize(
    "unknown",
    ["NOPE", "CAP_ALL", "NET_RAW,NET_ADMIN", " NET_RAW", "CAP_CAP_NET_RAW", "", "\u017fYSLOG"],
)
def test_no_unknown_capability_is_added(saferun: Command, image: Build, unknown: str) -> None:
    """Nothing is trimmed or split, as in the engine."""
    ended = saferun("-u", "3267", f"--cap-add={unknown}", image("busybox"), "sets")
    named = unknown or '""'
    refused(ended, f"capabilities not allowed for a non-root user: {named}")
    assert "see capabilities(7)" in ended.stderr


@pytest.mark.parametrize(
    "spelling",
    ["NET_BIND_SERVICE", "net_bind_service", "CAP_NET_BIND_SERVICE", "cap_Net_Bind_Service"],
)
def test_an_allowlisted_capability_is_given_back_when_asked_for(
    saferun: Command, image: Build, grants: Grants, allowlist: str, spelling: str
) -> None:
    """It is where the engine puts it, and nothing else is anywhere."""
    ended = saferun(
        allowlist, "--rm", "-u", "3267", f"--cap-add={spelling}", image("busybox"), "sets"
    )
    assert {five(moment) for moment in moments(ended)} == {grants.added(NET_BIND_SERVICE)}


def test_an_allowlist_gives_nothing_by_itself(
    saferun: Command, image: Build, allowlist: str
) -> None:
    """A capability has to be asked for as well, and one that was refused takes all with it."""
    holds_nothing(saferun(allowlist, "--rm", "-u", "3267", image("busybox"), "sets"))
    asked = ("--cap-add=NET_BIND_SERVICE", "--cap-add=NET_RAW")
    ended = saferun(allowlist, "-u", "3267", *asked, image("busybox"), "sets")
    refused(ended, "capabilities not allowed for a non-root user: NET_RAW")
    assert "allowed: NET_BIND_SERVICE (" in ended.stderr
    assert "policy.toml:3 nonroot.limits.cap-add" in ended.stderr


def test_a_capability_that_is_dropped_too_is_given_back(
    saferun: Command, image: Build, grants: Grants, allowlist: str
) -> None:
    """An added capability wins over the same one dropped, as under docker run."""
    drops = ("--cap-drop=NET_BIND_SERVICE", "--cap-drop=ALL")
    words = (*drops, "--cap-add=NET_BIND_SERVICE", image("busybox"), "sets")
    ended = saferun(allowlist, "--rm", "-u", "3267", *words)
    assert {five(moment) for moment in moments(ended)} == {grants.added(NET_BIND_SERVICE)}


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        (["--privileged"], [PRIVILEGED]),
        (["--privileged=1", "--cap-drop=ALL"], [PRIVILEGED]),
        (["--privileged=false", "--privileged"], [PRIVILEGED]),
        (["--cap-add=ALL"], [CANCELS]),
        (["--cap-add", "all", "--cap-drop", "all"], [CANCELS]),
        (["--cap-add=All", "--cap-drop=ALL", "--privileged"], [PRIVILEGED, CANCELS]),
    ],
    ids=str,
)
def test_what_cancels_the_drop_is_refused(
    docker: Command, saferun: Command, image: Build, options: list[str], reasons: list[str]
) -> None:
    """For users from the command line and from the image, with a hint, and nothing starts."""
    name = fresh_name()
    for user in (["-u", "3267"], []):
        ended = saferun("--name", name, *options, *user, image("user-app"), "sets")
        refused(ended, *reasons)
        assert ended.stderr.count("saferun: hint: ") == len(reasons)
    never_started(docker, name)


@pytest.mark.parametrize(
    "options",
    [
        ["--privileged", "--privileged=false"],
        ["--cap-drop=NET_RAW", "--cap-drop", "chown"],
        ["--cap-drop=all"],
        ["--security-opt=seccomp=unconfined"],
        ["--security-opt=no-new-privileges=false"],
        ["--pid=host", "--network=host", "--ipc=host", "--userns=host"],
    ],
    ids=str,
)
def test_nothing_else_on_the_command_line_brings_anything_back(
    saferun: Command, image: Build, options: list[str]
) -> None:
    """What may be asked for beside a non-root user leaves five zeros."""
    holds_nothing(saferun("--rm", "-u", "3267", *options, image("busybox"), "sets"))


def test_no_new_privileges_is_kept(saferun: Command, image: Build) -> None:
    """Five zeros, and the kernel's flag."""
    option = "--security-opt=no-new-privileges"
    ended = saferun("--rm", "-u", "3267", option, image("busybox"), "sets")
    holds_nothing(ended)
    assert all(moment.no_new_privs for moment in moments(ended))


@pytest.mark.parametrize(
    "options",
    [
        ["--privileged"],
        ["--privileged", "--cap-drop=ALL"],
        ["--cap-add=ALL"],
        ["--cap-add=NET_ADMIN", "--cap-drop=CHOWN"],
        ["--cap-drop=ALL"],
        ["--cap-drop=all", "--cap-add=chown"],
        ["--cap-add=NOPE"],
        ["--security-opt=no-new-privileges"],
        ["--security-opt=seccomp=unconfined"],
    ],
    ids=str,
)
def test_root_may_ask_for_what_docker_run_gives(
    docker: Command, saferun: Command, image: Build, options: list[str]
) -> None:
    """The same five rows; where the engine cannot do it, the same error."""
    words = ("--rm", "-u", "root", *options, image("user-app"), "sets")
    same(saferun(*words), docker("run", *words))


def test_an_allowlist_for_others_says_nothing_of_root(
    docker: Command, saferun: Command, image: Build, allowlist: str
) -> None:
    """A table for non-root users leaves root as it was."""
    words = ("--rm", "-u", "root", "--cap-add=SYS_ADMIN", image("busybox"), "sets")
    same(saferun(allowlist, *words), docker("run", *words))
