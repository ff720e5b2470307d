"""Attacks from inside the image: shown to work under docker run, then to gain nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.images import FILE_CAPABILITIES, shown
from tests.kernel.outcomes import ALLOWLIST, NET_BIND_SERVICE, five, holds_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kernel.conftest import Command, Ended
    from tests.kernel.outcomes import Grants

    Build = Callable[[str], str]

NET_RAW = 0x2000
EVERYTHING = (1 << 64) - 1
#: By the words that run it after the attacker in its plain guise: what it wins under docker run, if
#: the bounding set has it.
ATTACKS = {
    "sets-setuid": EVERYTHING,
    "sets-ep": FILE_CAPABILITIES,
    "sets-p": FILE_CAPABILITIES,
    "sets-p sets-setuid": EVERYTHING,
}


def stays_within(ended: Ended, mask: int) -> None:
    """Assert that nothing outside the mask was in any of the five sets at any moment."""
    moments = shown(ended.stdout)
    assert moments
    for moment in moments:
        assert [held & ~mask for held in five(moment)] == [0] * 5


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], str]:
    """Return the option that brings in a policy which allows this capability instead."""

    def option(name: str) -> str:
        path = tmp_path / f"{name}.toml"
        path.write_text(ALLOWLIST.replace("NET_BIND_SERVICE", name))
        return f"--policy={path}"

    return option


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("nnp", [[], ["--security-opt=no-new-privileges"]], ids=["", "nnp"])
def test_no_helper_wins_anything(
    docker: Command,
    saferun: Command,
    image: Build,
    grants: Grants,
    attack: str,
    nnp: list[str],
) -> None:
    """Before and after each helper all five sets are empty, with no_new_privs and without."""
    words = ("--rm", "-u", "3267", image("busybox"), "sets", *attack.split())
    if not nnp:
        plain = shown(docker("run", *words).stdout)
        assert five(plain[0]) == (0, 0, 0, grants.default, 0)
        won = ATTACKS[attack] & grants.default
        # Podman's defaults do not have all that is in the file, so it is not executed.
        whole = won == FILE_CAPABILITIES or attack != "sets-ep"
        assert plain[-1].effective == (won if whole else 0)
    ended = saferun(*nnp, *words)
    stays_within(ended, 0)
    moments = shown(ended.stdout)
    if attack == "sets-ep":
        # The kernel does not even execute a file whose capabilities cannot all be had.
        assert (ended.status, ended.stderr) == (126, "sets-ep: Operation not permitted\n")
    else:
        assert (ended.status, ended.stderr) == (0, "")
        assert [moment.program for moment in moments[::2]] == ["sets", *attack.split()]
        # Being uid 0 is all that is left of a setuid file.
        gained = "setuid" in attack and not nnp
        assert moments[-1].uids == ((0,) * 4 if gained else (3267,) * 4)


@pytest.mark.parametrize("user", [["-u", "app"], ["-u", "3267:0"], ["-u", "1000"], []], ids=str)
def test_no_user_wins_anything(saferun: Command, image: Build, user: list[str]) -> None:
    """However the user was chosen, also with gid 0 and without a line in passwd."""
    ended = saferun("--rm", *user, image("user-app"), "sets", "sets-p", "sets-setuid", "sets")
    assert (ended.status, ended.stderr) == (0, "")
    stays_within(ended, 0)


def test_an_entrypoint_that_is_setuid_wins_nothing(
    docker: Command, saferun: Command, image: Build, grants: Grants
) -> None:
    """The attack that needs no command line: an image whose first program is setuid root."""
    plain = shown(docker("run", "--rm", image("setuid-entrypoint")).stdout)
    assert plain[0].effective == grants.default
    ended = saferun("--rm", image("setuid-entrypoint"))
    stays_within(ended, 0)
    starts, takes = shown(ended.stdout)
    assert (starts.uids, takes.uids) == ((3267, 0, 0, 0), (0, 0, 0, 0))


@pytest.mark.parametrize("attack", ["sets-setuid", "sets-ep", "sets-p"])
def test_an_entrypoint_on_the_command_line_wins_nothing(
    saferun: Command, image: Build, attack: str
) -> None:
    """The gate executes what the engine would have executed, and that gains nothing either."""
    entrypoint = f"--entrypoint=/bin/{attack}"
    ended = saferun("--rm", "-u", "3267", entrypoint, image("busybox"), "sets")
    if attack == "sets-ep":
        assert ended.status == 1
        first, hint = ended.stderr.splitlines()
        assert first == "saferun: exec /bin/sets-ep: operation not permitted"
        assert hint.startswith(
            "saferun: hint: /bin/sets-ep needs CHOWN DAC_OVERRIDE SETUID NET_RAW"
        )
        assert ended.stdout == ""
    else:
        assert (ended.status, ended.stderr) == (0, "")
        stays_within(ended, 0)


@pytest.mark.parametrize("nnp", [[], ["--security-opt=no-new-privileges"]], ids=["", "nnp"])
def test_what_is_allowed_can_be_won_and_nothing_else(
    saferun: Command, image: Build, grants: Grants, policy: Callable[[str], str], nnp: list[str]
) -> None:
    """A setuid file, or one with the capability, makes it effective; nothing makes any other so."""
    words = ("--rm", "-u", "3267", "--cap-add=NET_RAW", *nnp, image("busybox"))
    helpers = ("sets", "sets-p", "sets-setuid", "sets")
    ended = saferun(policy("NET_RAW"), *words, *helpers)
    assert (ended.status, ended.stderr) == (0, "")
    stays_within(ended, NET_RAW)
    before, _, with_file, *_, last = shown(ended.stdout)
    assert five(before) == grants.added(NET_RAW)
    if nnp:
        assert five(last) == grants.added(NET_RAW)
    else:
        assert five(with_file) == (before.inheritable, NET_RAW, 0, NET_RAW, 0)
        assert five(last) == (NET_RAW,) * 5


def test_a_file_with_other_capabilities_wins_nothing_of_what_is_allowed(
    saferun: Command, image: Build, grants: Grants, policy: Callable[[str], str]
) -> None:
    """Only what is in the file and in the bounding set is ever permitted."""
    words = ("--rm", "-u", "3267", "--cap-add=NET_BIND_SERVICE", image("busybox"))
    ended = saferun(policy("NET_BIND_SERVICE"), *words, "sets", "sets-p")
    first, second, third, last = shown(ended.stdout)
    assert five(first) == five(second) == grants.added(NET_BIND_SERVICE)
    # A file with capabilities ends ambient ones.
    assert five(third) == (first.inheritable, 0, 0, NET_BIND_SERVICE, 0)
    assert five(last) == (0, 0, 0, NET_BIND_SERVICE, 0)


@pytest.fixture
def sleeper(docker: Command, saferun: Command, image: Build) -> Iterator[Callable[..., str]]:
    """Start containers that wait, with docker run or saferun, and remove them."""
    started = []

    def start(program: str) -> str:
        words = ("-d", "-u", "3267", image("busybox"), "sleep", "60")
        ended = saferun(*words) if program == "saferun" else docker("run", *words)
        assert ended.status == 0, ended.stderr
        started.append(ended.stdout.strip())
        return started[-1]

    yield start
    docker("rm", "--force", *started)


def test_programs_that_join_the_container_win_nothing(
    docker: Command, sleeper: Callable[..., str], grants: Grants
) -> None:
    """docker exec keeps to the container's bounding set, also as root, unless it is privileged."""
    plain, safe = sleeper("docker"), sleeper("saferun")
    assert shown(docker("exec", "-u", "0", plain, "sets").stdout)[0].effective == grants.default
    holds_nothing(docker("exec", "-u", "0", safe, "sets", "sets-setuid"), uid=0)
    stays_within(docker("exec", safe, "sets", "sets-p", "sets-setuid"), 0)
