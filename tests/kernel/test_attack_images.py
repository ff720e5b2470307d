"""Plain `docker run` on the attack images: each attack works, so its failure means something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.images import FILE_CAPABILITIES, HOSTILE, WIDE, Shown, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel.conftest import Command, Ended
    from tests.kernel.outcomes import Grants

    Build = Callable[[str], str]


def last(ended: Ended) -> Shown:
    """What the attacker held in the end."""
    assert ended.status == 0, ended.stderr
    return shown(ended.stdout)[-1]


def test_a_non_root_user_holds_nothing_but_could_get_the_default_capabilities(
    docker: Command, image: Build, grants: Grants
) -> None:
    """Before any attack: four empty sets, and a full bounding set."""
    held = last(docker("run", "--rm", "-u", "3267", image("busybox"), "sets"))
    assert held.uids == (3267, 3267, 3267, 3267)
    assert (held.inheritable, held.permitted, held.effective, held.ambient) == (0, 0, 0, 0)
    assert held.bounding == grants.default


@pytest.mark.parametrize("user", [["-u", "3267"], ["-u", "app"], []])
def test_setuid_root_wins_the_default_capabilities_back(
    docker: Command, image: Build, grants: Grants, user: list[str]
) -> None:
    """A setuid file is enough, however the user was chosen."""
    reference = image("busybox" if user else "user-app")
    before, *_, after = shown(docker("run", "--rm", *user, reference, "sets", "sets-setuid").stdout)
    assert (before.uids[0], before.effective) == (3267, 0)
    assert after.uids == (0, 0, 0, 0)
    assert after.permitted == after.effective == after.bounding == grants.default
    # The attacker can even hand them on to programs that are neither setuid nor root's.
    assert after.inheritable == after.ambient == grants.default


def test_setuid_root_works_as_the_entrypoint_of_an_image_with_a_user(
    docker: Command, image: Build, grants: Grants
) -> None:
    """No shell and no command line is needed: the image alone does it."""
    assert last(docker("run", "--rm", image("setuid-entrypoint"))).effective == grants.default


@pytest.mark.parametrize(
    ("helper", "at_once"), [("sets-ep", FILE_CAPABILITIES), ("sets-p", 0)], ids=["+ep", "+p"]
)
def test_file_capabilities_give_a_non_root_user_capabilities(
    docker: Command, image: Build, grants: Grants, helper: str, at_once: int
) -> None:
    """With +ep they are effective at once; with +p the program raises them itself."""
    ended = docker("run", "--rm", "-u", "3267", image("busybox"), "sets", helper)
    won = FILE_CAPABILITIES & grants.default
    if at_once and won != FILE_CAPABILITIES:
        # Podman's defaults do not have all that is in the file, so it is not executed.
        assert (ended.status, ended.stderr) == (126, f"{helper}: Operation not permitted\n")
        return
    starts, takes = shown(ended.stdout)[-2:]
    assert (starts.uids[0], starts.permitted, starts.effective) == (3267, won, at_once)
    # CAP_SETUID is among them, so the attacker is root now.
    assert takes.uids == (0, 0, 0, 0)
    assert takes.permitted == takes.effective == won


def test_privileged_and_cap_add_all_cancel_a_drop(
    docker: Command, image: Build, grants: Grants
) -> None:
    """Adding --cap-drop=ALL to these two is no protection."""
    for flag in ("--privileged", "--cap-add=ALL"):
        # Not in a user namespace of the engine's, where it refuses the first.
        words = ("--rm", flag, "--cap-drop=ALL", "--userns=host", "-u", "3267")
        ended = docker("run", *words, image("scratch"), "/sets")
        if grants.podman and flag == "--cap-add=ALL":
            assert ended.stderr == "Error: adding all caps and removing all caps not allowed\n"
            continue
        held = last(ended)
        assert held.bounding & grants.default == grants.default
        assert held.bounding != grants.default


@pytest.mark.parametrize("user", ["0", "00", "+0", "-0", ":", ":1000", "0:5", "root", "toor"])
def test_many_spellings_of_a_user_are_root(
    docker: Command, image: Build, grants: Grants, user: str
) -> None:
    """What the engine makes of `-u`, over an image whose USER is not root."""
    held = last(docker("run", "--rm", "-u", user, image("user-app"), "sets"))
    assert (held.uids[0], held.effective) == (0, grants.default)


@pytest.mark.parametrize(
    ("name", "user", "uid"),
    [
        ("passwd-master", "master", 0),
        ("passwd-master", "root", 1000),
        ("passwd-root-is-3267", "root", 3267),
        ("user-app", None, 3267),
        ("user-3267", None, 3267),
        ("user-0", None, 0),
        ("user-root", None, 0),
        ("user-colon", None, 0),
        ("passwd-none", "3267", 3267),
        *(("passwd-hostile", user, uid) for user, _, uid in HOSTILE),
    ],
)
def test_names_mean_what_the_image_says(
    docker: Command, image: Build, grants: Grants, name: str, user: str | None, uid: int
) -> None:
    """Neither is `root` always uid 0, nor is every other name always something else."""
    chosen = [] if user is None else ["-u", user]
    ended = docker("run", "--rm", *chosen, image(name), "sets")
    if user in WIDE and ended.status == 125:
        assert "cannot setuid to unmapped uid" in ended.stderr
        return
    held = last(ended)
    if user in WIDE and grants.podman and held.uids[0] != uid:
        # Cut down otherwise: to uid 0, from 5.8 on with all that it has.
        assert held.uids[0] == 0
        return
    assert held.uids[0] == uid
    assert held.effective == (grants.default if uid == 0 else 0)
