"""Every case with docker run and with saferun: status, streams, and all that is left behind."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.kernel.fidelity.cases import CASES, PODMAN_DIFFERS, PODMAN_REFUSES, STATUSES, Case
from tests.kernel.fidelity.comparing import Bench, differences
from tests.kernel.programs import real_docker, saferun_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.outcomes import Grants

#: A user who is not root, unless the case says another.
USER = "--user=3267"
#: Every status in the long run, those that mean something in the short one.
SHORT = {0, 1, 2, 42, 124, 125, 126, 127, 128, 130, 137, 143, 254, 255}
LONG = os.environ.get("SAFERUN_FIDELITY") == "long"
AT_ONCE = 4


@pytest.fixture(scope="module")
def bench(
    docker: Command, environment: Mapping[str, str], image: Callable[[str], str]
) -> Iterator[Bench]:
    """Make what cases name, and remove it again."""
    mark = f"saferun-test-{secrets.token_hex(4)}"
    places = {"other": f"{mark}-other", "net": f"{mark}-net", "volume": f"{mark}-volume"}
    try:
        assert docker("network", "create", places["net"]).status == 0
        assert docker("volume", "create", places["volume"]).status == 0
        words = ("--ipc=shareable", f"--name={places['other']}", image("busybox"), "sleep", "900")
        assert docker("run", "-d", "--init", *words).status == 0
        yield Bench(docker, environment, image, places)
    finally:
        docker("rm", "--force", "--volumes", places["other"])
        docker("volume", "rm", places["volume"])
        docker("network", "rm", places["net"])


def compared(bench: Bench, case: Case, directory: Path) -> dict[str, tuple[object, object]]:
    """Run a case both ways; return what differs and must not."""
    name = f"saferun-test-{secrets.token_hex(6)}"
    # The same directory, so that the engine's record names the same paths.
    place = directory / name
    plain = bench.outcome([real_docker(), "run", USER], case, name, place)
    ours = bench.outcome([*saferun_words(), USER], case, name, place)
    return differences(plain, ours, case.differs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_docker_run_and_saferun_cannot_be_told_apart(
    bench: Bench, case: Case, tmp_path: Path, grants: Grants
) -> None:
    """But for what the README says, and docs/engines.md of Podman."""
    if grants.podman and case.id in PODMAN_DIFFERS:
        more, why = PODMAN_DIFFERS[case.id]
        case = case.replace(differs=(*case.differs, *more), why=why)
    assert compared(bench, case, tmp_path) == {}


@pytest.mark.parametrize("which", PODMAN_REFUSES)
def test_what_podman_refuses_by_itself(
    bench: Bench, which: str, tmp_path: Path, grants: Grants
) -> None:
    """As docs/engines.md says; Docker does it, or the case would prove less there as well."""
    (case,) = [case for case in CASES if case.id == which]
    name = f"saferun-test-{secrets.token_hex(6)}"
    plain = bench.outcome([real_docker(), "run", USER], case, name, tmp_path / name)
    assert (plain.status >= 125) == grants.podman


def test_every_exit_status_is_the_commands(bench: Bench, tmp_path: Path) -> None:
    """From 0 to 255; several at once, which is a test as well."""
    chosen = [case for number, case in enumerate(STATUSES) if LONG or number in SHORT]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda case: (case.id, compared(bench, case, tmp_path)), chosen)
        assert {case: differs for case, differs in found if differs} == {}


def test_twenty_at_once(bench: Bench, tmp_path: Path) -> None:
    """Each with its own status and output."""
    chosen = [STATUSES[number] for number in range(1, 21)]
    with ThreadPoolExecutor(len(chosen)) as pool:
        found = pool.map(lambda case: (case.id, compared(bench, case, tmp_path)), chosen)
        assert {case: differs for case, differs in found if differs} == {}


def test_a_difference_that_is_allowed_has_a_reason_in_the_cases() -> None:
    """And nothing but what can be seen may differ."""
    for case in CASES:
        assert bool(case.differs) == bool(case.why), case.id
        assert set(case.differs) <= {"stdout", "stderr", "left"}, case.id
    assert set(PODMAN_DIFFERS) <= {case.id for case in CASES}
    assert all(differs and why for differs, why in PODMAN_DIFFERS.values())


@pytest.mark.parametrize(
    ("option", "words", "field"),
    [
        ("--stop-timeout=9", ("--name", "{name}", "{busybox}", "true"), "left"),
        ("--env=A=1", ("--rm", "{busybox}", "sh", "-c", "echo $A"), "stdout"),
        ("--env=A=1", ("--rm", "{busybox}", "sh", "-c", "exit ${A:-0}"), "status"),
        ("--env=A=1", ("--rm", "{busybox}", "sh", "-c", "echo $A >&2"), "stderr"),
        ("--volume=/v", ("--name", "{name}", "{busybox}", "true"), "volumes"),
        # Without --rm, with which Podman removes it again.
        ("--cidfile=made", ("--name", "{name}", "{busybox}", "true"), "files"),
    ],
)
def test_the_comparison_would_see_a_difference(
    bench: Bench, tmp_path: Path, option: str, words: tuple[str, ...], field: str
) -> None:
    """docker run against itself with one more option."""
    case = Case(field, words)
    name = f"saferun-test-{secrets.token_hex(6)}"
    plain = bench.outcome([real_docker(), "run", USER], case, name, tmp_path / name)
    other = bench.outcome([real_docker(), "run", USER, option], case, name, tmp_path / name)
    assert field in differences(plain, other, ())
