"""The exposure score: the figures it is known by, and the properties it is chosen for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.judge.capabilities import NAMES
from saferun.judge.exposure import CAPABILITIES, Circumstances, exposure
from saferun.judge.spec import ContainerSpec, Mount

ROOT = ContainerSpec(user="", uid=0)
APP = ContainerSpec(user="1000", uid=1000)
NNP = ("no-new-privileges=true",)
DROPPED = {"cap_drop": ("ALL",)}
RESTRICTED = APP.replace(**DROPPED, security_opt=NNP)
LIMITED = {"read_only": True, "memory": 1 << 26, "pids_limit": 100, "cpus": 10**9}
HARDENED = RESTRICTED.replace(**LIMITED, networks=("none",))
#: What Podman gives.
ELEVEN = ("AUDIT_WRITE", "MKNOD", "NET_RAW")


@pytest.mark.parametrize(
    ("spec", "around", "score"),
    [
        pytest.param(ROOT, {}, 7.0, id="plain root"),
        pytest.param(ROOT, {"confined": False}, 7.3, id="no security module"),
        pytest.param(ROOT.replace(cap_drop=ELEVEN), {}, 6.4, id="eleven capabilities"),
        pytest.param(ROOT, {"user_namespace": True}, 4.7, id="userns-remap"),
        pytest.param(APP, {}, 4.7, id="not root"),
        pytest.param(APP.replace(security_opt=NNP), {}, 2.7, id="not root, no-new-privileges"),
        pytest.param(APP.replace(**DROPPED), {}, 2.5, id="not root, dropped"),
        pytest.param(RESTRICTED, {}, 2.1, id="restricted"),
        pytest.param(ROOT.replace(**DROPPED, security_opt=NNP), {}, 4.1, id="root, restricted"),
        pytest.param(HARDENED, {}, 0.0, id="hardened"),
        pytest.param(ROOT.replace(cap_add=("NET_ADMIN",)), {}, 7.9, id="NET_ADMIN"),
        pytest.param(ROOT.replace(cap_add=("SYS_PTRACE",)), {}, 8.1, id="SYS_PTRACE"),
        pytest.param(
            ROOT.replace(cap_add=("SYS_PTRACE",), pid=("host",)), {}, 9.9, id="SYS_PTRACE on host"
        ),
        pytest.param(ROOT.replace(cap_add=("SYS_ADMIN",)), {}, 9.7, id="SYS_ADMIN"),
        pytest.param(HARDENED.replace(uid=0, cap_add=("SYS_ADMIN",)), {}, 9.2, id="only SYS_ADMIN"),
        pytest.param(
            RESTRICTED.replace(
                mounts=(Mount("bind", "/run/docker.sock", "/x"),), sockets=("/run/docker.sock",)
            ),
            {},
            9.9,
            id="the engine's socket",
        ),
        pytest.param(
            RESTRICTED.replace(mounts=(Mount("bind", "/etc", "/x", read_only=True),)),
            {},
            5.7,
            id="/etc read-only",
        ),
        pytest.param(ROOT.replace(networks=("host",)), {}, 8.2, id="the host's network"),
        pytest.param(ROOT.replace(seccomp=False), {}, 8.2, id="no seccomp"),
        pytest.param(ROOT.replace(privileged=True), {}, 10.0, id="privileged"),
    ],
)
def test_known_figures(spec: ContainerSpec, around: dict[str, bool], score: float) -> None:
    """What these weights are calibrated on."""
    assert exposure(spec, Circumstances(**around)).score == score


CHANGES = st.fixed_dictionaries(
    {
        "cap_add": st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
        "privileged": st.booleans(),
        "pid": st.sampled_from([("private",), ("host",)]),
        "networks": st.sampled_from([("none",), ("bridge",), ("host",)]),
        "seccomp": st.sampled_from([True, False, None]),
        "read_only": st.booleans(),
        "memory": st.sampled_from([None, 1 << 20]),
        "uid": st.sampled_from([0, 1000, None]),
    }
)
SPECS = CHANGES.map(lambda changes: ContainerSpec().replace(**changes))


@given(
    SPECS, st.sampled_from([Circumstances(), Circumstances(0), Circumstances(user_namespace=True)])
)
def test_it_is_a_number_from_0_to_10(spec: ContainerSpec, around: Circumstances) -> None:
    """With one decimal, and no contribution is more than the whole."""
    found = exposure(spec, around)
    assert 0 <= found.score <= 10
    assert round(found.score, 1) == found.score
    assert all(0 <= one.less <= found.score for one in found.contributions)
    assert all(0 < one.weight < 1 for one in found.contributions)


@given(SPECS, st.sampled_from(NAMES))
def test_more_power_is_never_less_exposure(spec: ContainerSpec, name: str) -> None:
    """Whatever else there is."""
    before = exposure(spec, Circumstances()).score
    assert exposure(spec.replace(cap_add=(*spec.cap_add, name)), Circumstances()).score >= before
    assert exposure(spec.replace(pid=("host",)), Circumstances()).score >= before
    assert exposure(spec, Circumstances(confined=False)).score >= before
    assert exposure(spec, Circumstances(user_namespace=True)).score <= before


def test_every_capability_has_a_weight() -> None:
    """A new one would count for nothing."""
    assert set(CAPABILITIES) == set(NAMES)


def test_what_the_kernel_says_counts_more_than_the_record() -> None:
    """A container whose drop was ignored is as exposed as it really is."""
    dropped = APP.replace(cap_drop=("ALL",))
    held = exposure(dropped, Circumstances(held=0xA80425FB))
    assert held.score == 4.7
