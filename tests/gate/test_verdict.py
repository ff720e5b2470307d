"""Which processes the gate lets pass, and what it says of the others."""

from __future__ import annotations

import os
import shutil
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.judge.capabilities import BITS, DEFAULT, SETS, names_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    Run = Callable[..., CompletedProcess[bytes]]

NOTHING = "0" * 16
EVERYTHING = "f" * 16

ROOT = [0, 0, 0]
USER = [3267, 3267, 3267]
NET_RAW = 1 << BITS["NET_RAW"]

#: Processes that hold NET_RAW in the named sets only, as far as the kernel can part these: an
#: execve derives permitted from bounding (for root), inheritable or ambient, and effective from it.
SHAPES: dict[str, dict[str, Any]] = {
    "CapBnd": {"bounding": NET_RAW, "uids": USER},
    "CapInh": {"inheritable": NET_RAW, "bounding": 0, "uids": USER},
    "CapPrm CapBnd": {"bounding": NET_RAW, "uids": [0, 3267, 3267]},
    "CapPrm CapEff CapBnd": {"bounding": NET_RAW, "uids": ROOT},
    "CapInh CapPrm CapEff": {"inheritable": NET_RAW, "bounding": 0, "uids": ROOT},
    "CapInh CapPrm CapEff CapAmb": {
        "inheritable": NET_RAW,
        "bounding": 0,
        "uids": USER,
        "ambient": [BITS["NET_RAW"]],
    },
}

MORE_SHAPES: dict[str, dict[str, Any]] = {
    "nothing": {"bounding": 0, "uids": USER},
    "docker's default, root": {"bounding": DEFAULT, "uids": ROOT},
    "docker's default, another user": {"bounding": DEFAULT, "uids": USER},
    "everything, another user": {"uids": USER},
    "no new privileges": {"bounding": DEFAULT, "uids": USER, "no_new_privs": True},
    "set-user-id": {"bounding": DEFAULT, "uids": [3267, 0, 0]},
}


@pytest.mark.parametrize("sets", SHAPES)
def test_every_set_beyond_the_mask_is_named(sets: str, through: Run) -> None:
    """A capability that must not be there is refused, whichever set holds it."""
    shape = SHAPES[sets]
    done = through("/bin/echo", "started", root=NOTHING, other=NOTHING, shape=shape)
    uid = str(shape["uids"][0]) if len(set(shape["uids"])) == 1 else "0/3267/3267"
    named = "; ".join(f"{name} NET_RAW" for name in sets.split())
    assert done.stderr.decode() == (
        f"saferun: denied: uid {uid} holds capabilities it must not: {named}; "
        "the command was not started\n"
    )
    assert (done.returncode, done.stdout) == (126, b"")


@pytest.mark.parametrize("sets", SHAPES)
def test_what_the_mask_holds_may_be_held(sets: str, through: Run) -> None:
    """The same capability in the same sets passes when the mask for this user has it."""
    mask = f"{NET_RAW:016x}"
    masks = {"root": mask} if SHAPES[sets]["uids"] == ROOT else {"other": mask}
    masks = {"root": NOTHING, "other": NOTHING} | masks
    done = through("/bin/echo", "started", shape=SHAPES[sets], **masks)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")


def test_nothing_held_passes_an_empty_mask(through: Run) -> None:
    """A missing capability is never a violation."""
    shape = MORE_SHAPES["nothing"]
    done = through("/bin/echo", "started", root=NOTHING, other=NOTHING, shape=shape)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")


def test_permitted_by_inheritable_file_capabilities(
    gate: Path, directory: Path, launch: Run
) -> None:
    """Capabilities that are permitted, but neither effective nor bounding, count."""
    copy = directory / "gate-with-capabilities"
    shutil.copy(gate, copy)
    # struct vfs_cap_data, revision 2: permitted, inheritable, then their high words; not effective
    os.setxattr(copy, "security.capability", struct.pack("<5I", 0x02000000, 0, NET_RAW, 0, 0))
    words = (copy, NOTHING, NOTHING, "-", "--", "/bin/echo")
    done = launch(*words, shape=SHAPES["CapInh"])
    assert b"must not: CapInh NET_RAW; CapPrm NET_RAW; the" in done.stderr
    assert done.returncode == 126


@pytest.mark.parametrize(
    ("uids", "masks"),
    [
        (ROOT, {"root": EVERYTHING, "other": NOTHING}),
        (USER, {"root": NOTHING, "other": EVERYTHING}),
        ([0, 3267, 3267], {"root": NOTHING, "other": EVERYTHING}),
        ([3267, 0, 0], {"root": NOTHING, "other": EVERYTHING}),
    ],
)
def test_the_mask_for_root_is_for_root_in_every_way(
    uids: list[int], masks: dict[str, str], through: Run
) -> None:
    """Only a process whose real, effective and saved user is 0 is judged as root."""
    swapped = {"root": masks["other"], "other": masks["root"]}
    shape = {"uids": uids, "bounding": DEFAULT}
    assert through("/bin/true", shape=shape, **masks).returncode == 0
    assert through("/bin/true", shape=shape, **swapped).returncode == 126


def test_no_new_privs_where_it_is_required(through: Run) -> None:
    """A process that may still gain privileges is refused when the law forbids that."""
    shape = MORE_SHAPES["nothing"]
    done = through("/bin/echo", "started", needs="nnp", shape=shape)
    assert done.stderr == (
        b"saferun: denied: uid 3267 runs without no_new_privs; the command was not started\n"
    )
    assert (done.returncode, done.stdout) == (126, b"")
    assert through("/bin/true", needs="nnp", shape=shape | {"no_new_privs": True}).returncode == 0
    assert through("/bin/true", needs="-", shape=shape).returncode == 0


def test_everything_wrong_is_said_in_one_line(through: Run) -> None:
    """A second violation does not hide behind the first."""
    done = through("/bin/true", needs="nnp", other=NOTHING, shape=SHAPES["CapInh"])
    assert done.stderr == (
        b"saferun: denied: uid 3267 holds capabilities it must not: CapInh NET_RAW; "
        b"runs without no_new_privs; the command was not started\n"
    )


def test_every_bit_has_a_name(through: Run) -> None:
    """The gate calls capabilities what saferun calls them, unknown ones by their number."""
    # A filter that pretends to have called capget leaves the gate with every bit set.
    shape = {"filter": [["capget", {}, 0]]}
    done = through("/bin/true", root=NOTHING, shape=shape)
    names = " ".join(names_of((1 << 64) - 1))
    assert f" CapInh {names}; CapPrm {names}; CapEff {names}; CapBnd " in done.stderr.decode()
    assert len(done.stderr) < 4096, "more than one write keeps together"


@pytest.mark.parametrize(
    "words",
    [
        (),
        (NOTHING,),
        (EVERYTHING, EVERYTHING, "-"),
        (EVERYTHING, EVERYTHING, "-", "--"),
        (EVERYTHING, EVERYTHING, "-", "/bin/true", "--"),
        (EVERYTHING, EVERYTHING, "", "--", "/bin/true"),
        (EVERYTHING, EVERYTHING, "nnp ", "--", "/bin/true"),
        (EVERYTHING, EVERYTHING, "nn", "--", "/bin/true"),
        (EVERYTHING, EVERYTHING, "-", "-", "/bin/true"),
        (EVERYTHING, EVERYTHING, "-", "---", "/bin/true"),
        (EVERYTHING, EVERYTHING[:-1], "-", "--", "/bin/true"),
        (EVERYTHING + "f", EVERYTHING, "-", "--", "/bin/true"),
        (EVERYTHING.upper(), EVERYTHING, "-", "--", "/bin/true"),
        ("0x" + EVERYTHING[2:], EVERYTHING, "-", "--", "/bin/true"),
        (EVERYTHING[:-1] + "g", EVERYTHING, "-", "--", "/bin/true"),
        ("", EVERYTHING, "-", "--", "/bin/true"),
    ],
)
def test_malformed_arguments_start_nothing(words: tuple[str, ...], gate: Path, launch: Run) -> None:
    """Arguments that are not exactly the protocol are refused, whatever the process holds."""
    done = launch(gate, *words)
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr.startswith(b"saferun: usage: gate ")
    assert done.stderr.count(b"\n") == 1


def status(launch: Run, shape: dict[str, Any]) -> dict[str, str]:
    """Return what the kernel tells of a process of that shape."""
    text = launch("/bin/cat", "/proc/self/status", shape=shape).stdout.decode()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def verdict(of: dict[str, str], root: int, other: int, needs: str) -> str:
    """Return the gate's line for a process; "" when it may pass."""
    uids = of["Uid"].split()[:3]
    mask = root if uids == ["0", "0", "0"] else other
    beyond = {name: int(of[name], 16) & ~mask for name in SETS}
    sets = "; ".join(" ".join((name, *names_of(beyond[name]))) for name in SETS if beyond[name])
    reasons = []
    if sets:
        reasons.append(f"holds capabilities it must not: {sets}")
    if needs == "nnp" and of["NoNewPrivs"] == "0":
        reasons.append("runs without no_new_privs")
    if not reasons:
        return ""
    uid = uids[0] if len(set(uids)) == 1 else "/".join(uids)
    return f"saferun: denied: uid {uid} {'; '.join(reasons)}; the command was not started\n"


@pytest.fixture(scope="module")
def kernel_view(launch: Run) -> dict[str, dict[str, str]]:
    """What the kernel tells of a process of each shape."""
    return {name: status(launch, shape) for name, shape in (SHAPES | MORE_SHAPES).items()}


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_the_verdict_is_the_model_s(
    data: st.DataObject, kernel_view: dict[str, dict[str, str]], through: Run
) -> None:
    """For any masks, the gate says what five set differences over the kernel's view say."""
    name = data.draw(st.sampled_from(sorted(kernel_view)))
    view = kernel_view[name]
    held = 0
    for each in SETS:
        held |= int(view[each], 16)
    # Random masks nearly always deny; masks around what is held do both.
    bit = st.integers(0, 63).map(lambda number: 1 << number)
    near = st.sampled_from([held, 0]).flatmap(lambda mask: bit.map(lambda flip: mask ^ flip))
    masks = st.integers(0, 2**64 - 1) | near | st.just(held)
    root, other = data.draw(masks), data.draw(masks)
    needs = data.draw(st.sampled_from(["-", "nnp"]))
    done = through(
        "/bin/true",
        root=f"{root:016x}",
        other=f"{other:016x}",
        needs=needs,
        shape=(SHAPES | MORE_SHAPES)[name],
    )
    expected = verdict(view, root, other, needs)
    assert done.stderr.decode() == expected
    assert done.returncode == (126 if expected else 0)
