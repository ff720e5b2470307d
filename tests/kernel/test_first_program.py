"""The executable model of the five sets, held against the engine that is here, and the NNP hole."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from saferun.formats import proc_status
from saferun.judge.capabilities import NAMES
from saferun.judge.first_program import (
    Process,
    Program,
    clears_non_root,
    executed,
    specified,
    version_of,
)
from tests.kernel.images import FILE_CAPABILITIES, GUISES, shown
from tests.kernel.outcomes import five

if TYPE_CHECKING:
    from collections.abc import Callable

    from saferun.judge.first_program import Version
    from tests.kernel.conftest import Command, Ended
    from tests.kernel.images import Shown

    Build = Callable[[str], str]

NNP = "--security-opt=no-new-privileges"
#: Capabilities by rarity: the default ones, others, one that this machine may not have, one that
#: old engines do not know.
INTERESTING = ("CHOWN", "NET_RAW", "SETUID", "NET_BIND_SERVICE", "SYS_ADMIN", "NET_ADMIN")
NAMED = st.sampled_from((*INTERESTING * 3, "ALL", "ALL", *NAMES))
SOME = st.lists(NAMED, max_size=3, unique=True).map(tuple)
#: A property is worth a container or two a case; this many fit into a quarter of a minute.
CASES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def version(docker: Command) -> Version:
    """The engine's version."""
    return version_of(docker("version", "--format", "{{.Server.Version}}").stdout)


@pytest.fixture(scope="module")
def own(engine: str) -> int:
    """What the engine itself holds, as a mask: the process that listens is asked."""
    if not engine.startswith("unix://"):
        pytest.fail("only a local engine's process can be asked")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(engine.removeprefix("unix://"))
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, _, _ = struct.unpack("3i", credentials)
    status, uid_map = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("status", "uid_map"))
    return proc_status.evidence(pid, status, uid_map).sets[2]


@pytest.fixture(scope="module")
def remapped(docker: Command) -> bool:
    """Whether users are mapped: then the engine refuses what is privileged."""
    return "name=userns" in docker("info", "--format", "{{.SecurityOptions}}").stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The option for a policy that lets every capability be asked for."""
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    names = ", ".join(f'"{name}"' for name in NAMES)
    path.write_text(f"schema = 1\n[nonroot.limits]\ncap-add = [{names}]\n")
    return f"--policy={path}"


def first(ended: Ended) -> Shown | None:
    """What the first program held when it started; None when it could not be started."""
    moments = shown(ended.stdout)
    assert bool(moments) == (ended.status == 0), ended
    return moments[0] if moments else None


def as_process(moment: Shown | None) -> Process | None:
    """What was seen, in the model's form."""
    if moment is None:
        return None
    inh, prm, eff, bnd, amb = five(moment)
    return Process(moment.uids[0], moment.uids[1], (inh, prm, eff, bnd, amb))


def run_by(process: Process | None, *programs: Program, nnp: bool) -> Process | None:
    """The model's word on a chain of programs."""
    for program in programs:
        if process is not None:
            process = executed(process, program, no_new_privileges=nnp)
    return process


def options(add: tuple[str, ...], drop: tuple[str, ...], *, nnp: bool) -> list[str]:
    """The options of docker run that say the same."""
    return [
        *(f"--cap-add={name}" for name in add),
        *(f"--cap-drop={name}" for name in drop),
        *([NNP] if nnp else []),
    ]


@CASES
@given(
    uid=st.sampled_from([3267, 3267, 0]),
    add=SOME,
    drop=SOME,
    privileged=st.sampled_from([False, False, False, True]),
    nnp=st.booleans(),
    guise=st.sampled_from(sorted(GUISES)),
)
def test_docker_run_gives_the_sets_of_the_model(
    docker: Command,
    image: Build,
    version: Version,
    own: int,
    *,
    remapped: bool,
    uid: int,
    add: tuple[str, ...],
    drop: tuple[str, ...],
    privileged: bool,
    nnp: bool,
    guise: str,
) -> None:
    """Whatever is asked for: the five rows that the first program reads, or no start."""
    before = specified(version, uid, add, drop, own, privileged=privileged)
    start = before and Process(uid, uid, before)
    if privileged and remapped:
        start = None
    foreseen = run_by(start, GUISES[guise], nnp=nnp)
    event("starts" if foreseen else "does not start")
    ended = docker(
        *("run", "--rm", f"--user={uid}", f"--entrypoint=/bin/{guise}"),
        *(["--privileged"] if privileged else []),
        *options(add, drop, nnp=nnp),
        image("busybox"),
    )
    assert as_process(first(ended)) == foreseen, ended


@CASES
@given(
    uid=st.sampled_from([3267, 3267, 0]),
    add=SOME.map(lambda names: tuple(name for name in names if name != "ALL")),
    drop=SOME,
    nnp=st.booleans(),
    guise=st.sampled_from(sorted(GUISES)),
)
def test_saferun_gives_the_sets_of_the_model_with_everything_dropped(
    saferun: Command,
    image: Build,
    version: Version,
    own: int,
    everything: str,
    *,
    uid: int,
    add: tuple[str, ...],
    drop: tuple[str, ...],
    nnp: bool,
    guise: str,
) -> None:
    """Its gate is the first program and the command the second, and that is all the difference."""
    dropped = drop if uid == 0 else (*drop, "ALL")
    before = specified(version, uid, add, dropped, own)
    start = before and Process(uid, uid, before)
    foreseen = run_by(start, Program(), GUISES[guise], nnp=nnp)
    event("starts" if foreseen else "does not start")
    words = options(add, drop, nnp=nnp)
    entry = (f"--user={uid}", f"--entrypoint=/bin/{guise}")
    ended = saferun(everything, "--rm", *entry, *words, image("busybox"))
    assert as_process(first(ended)) == foreseen, ended


def test_no_new_privileges_does_not_stop_the_first_program_on_new_engines(
    docker: Command, saferun: Command, image: Build, version: Version
) -> None:
    """The hole: since Docker 25 an entrypoint gains its file capabilities; not with saferun."""
    words = ("--rm", "-u", "3267", NNP, "--entrypoint=/bin/sets-ep", image("busybox"))
    plain = first(docker("run", *words))
    assert plain is not None
    assert plain.no_new_privs
    gained = 0 if clears_non_root(version) else FILE_CAPABILITIES
    assert plain.effective == gained
    ended = saferun(*words)
    assert (ended.status, ended.stdout) == (1, "")
    assert ended.stderr.startswith("saferun: exec /bin/sets-ep: operation not permitted\n")
    for guise in ("sets-p", "sets-setuid"):
        moments = shown(saferun(*words[:-2], f"--entrypoint=/bin/{guise}", words[-1]).stdout)
        assert {five(moment) for moment in moments} == {(0, 0, 0, 0, 0)}


def test_what_is_allowed_is_not_regained_under_no_new_privileges(
    docker: Command, saferun: Command, image: Build, version: Version, everything: str
) -> None:
    """With the capabilities on the allowlist, too, the gate comes first and empties the sets."""
    add = [f"--cap-add={name}" for name in ("CHOWN", "DAC_OVERRIDE", "SETUID", "NET_RAW")]
    words = ("--rm", "-u", "3267", NNP, *add, "--entrypoint=/bin/sets-ep", image("busybox"))
    plain = first(docker("run", "--cap-drop=ALL", *words))
    assert plain is not None
    assert plain.effective == (0 if clears_non_root(version) else FILE_CAPABILITIES)
    behind = first(saferun(everything, *words))
    assert behind is not None
    assert five(behind) == (0, 0, 0, FILE_CAPABILITIES, 0)
