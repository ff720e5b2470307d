"""What the gate concludes when something stands between it and the kernel."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

from saferun.judge.capabilities import BITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    Run = Callable[..., CompletedProcess[bytes]]

NOTHING = "0" * 16

NET_RAW = 1 << BITS["NET_RAW"]
CLEAN: dict[str, Any] = {"bounding": 0, "uids": [3267, 3267, 3267], "no_new_privs": True}
SURPLUS = CLEAN | {"bounding": NET_RAW}

#: linux/prctl.h, as first arguments of prctl.
PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_CAP_AMBIENT = {"0": 23}, {"0": 39}, {"0": 47}

WITHOUT_PROC: dict[str, Any] = {"mounts": [["none", "/proc", "tmpfs", 0]]}

BLOCKED = [
    [["capget", {}, errno.EPERM]],
    [["prctl", {}, errno.EPERM]],
    [["prctl", PR_CAPBSET_READ, errno.EPERM]],
    [["prctl", PR_CAP_AMBIENT, errno.EPERM]],
    [["capget", {}, errno.EPERM], ["prctl", {}, errno.EPERM]],
    [["capget", {}, errno.ENOSYS], ["prctl", {}, errno.ENOSYS]],
]

CANNOT_READ = (
    b"saferun: denied: cannot read the capabilities of this process, neither by capget and prctl "
    b"nor from /proc/self/status; the command was not started\n"
)
BEYOND = (
    b"saferun: denied: uid 3267 holds capabilities it must not: CapBnd NET_RAW; "
    b"the command was not started\n"
)


@pytest.mark.parametrize("rules", BLOCKED)
def test_proc_answers_where_seccomp_forbids_to_ask(rules: list[Any], through: Run) -> None:
    """With capget or prctl forbidden, the verdict and its words are those of /proc."""
    done = through("/bin/echo", "started", other=NOTHING, shape=CLEAN | {"filter": rules})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")
    done = through("/bin/echo", "started", other=NOTHING, shape=SURPLUS | {"filter": rules})
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", BEYOND)


@pytest.mark.parametrize("rules", BLOCKED)
def test_who_cannot_see_refuses(rules: list[Any], through: Run) -> None:
    """With capget or prctl forbidden and no /proc, even a process that holds nothing is refused."""
    shape = CLEAN | WITHOUT_PROC | {"filter": rules}
    done = through("/bin/echo", "started", other=NOTHING, shape=shape)
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", CANNOT_READ)


def test_the_kernel_is_enough_without_proc(through: Run) -> None:
    """Where there is no /proc, the system calls alone decide, either way."""
    done = through("/bin/echo", "started", other=NOTHING, needs="nnp", shape=CLEAN | WITHOUT_PROC)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"started\n", b"")
    done = through("/bin/echo", "started", other=NOTHING, shape=SURPLUS | WITHOUT_PROC)
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", BEYOND)


def test_a_file_in_place_of_proc_is_no_witness(directory: Path, through: Run) -> None:
    """A /proc that an image or a mount made up is not believed."""
    made_up = directory / "proc"
    (made_up / "self").mkdir(parents=True)
    sets = "".join(f"Cap{name}:\t{NOTHING}\n" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
    (made_up / "self" / "status").write_text(sets + "NoNewPrivs:\t1\n")
    bind = 4096
    shape = SURPLUS | {"mounts": [[str(made_up), "/proc", "", bind]], "filter": BLOCKED[4]}
    done = through("/bin/echo", "started", other=NOTHING, shape=shape)
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", CANNOT_READ)


@pytest.mark.parametrize(
    "rules",
    [
        [["prctl", PR_CAPBSET_READ, 0]],
        [["prctl", PR_CAPBSET_READ, errno.EINVAL]],
        [["prctl", PR_CAPBSET_READ | {"1": 1}, errno.EINVAL]],
        [["prctl", PR_CAPBSET_READ | {"1": BITS["NET_RAW"]}, 0]],
        [["prctl", {}, 0]],
    ],
)
def test_a_filter_that_answers_for_the_kernel_gains_nothing(rules: list[Any], through: Run) -> None:
    """What seccomp hides from prctl is still seen in /proc."""
    done = through("/bin/echo", "started", other=NOTHING, shape=SURPLUS | {"filter": rules})
    assert (done.returncode, done.stdout, done.stderr) == (126, b"", BEYOND)


def test_capget_that_was_not_called_gives_everything(through: Run) -> None:
    """A success that wrote nothing is taken as every capability, not as none."""
    shape = CLEAN | {"filter": [["capget", {}, 0]]}
    done = through("/bin/echo", "started", other=NOTHING, shape=shape)
    assert (done.returncode, done.stdout) == (126, b"")
    assert b"must not: CapInh CHOWN DAC_OVERRIDE " in done.stderr


def test_a_kernel_without_bounding_bits_is_not_believed(through: Run) -> None:
    """Every kernel has a first bounding bit: an end before it is not the kernel's answer."""
    rules = [["prctl", PR_CAPBSET_READ, errno.EINVAL]]
    done = through("/bin/true", shape=CLEAN | WITHOUT_PROC | {"filter": rules})
    assert (done.returncode, done.stderr) == (126, CANNOT_READ)


def test_a_kernel_without_ambient_sets_holds_none(through: Run) -> None:
    """Before Linux 4.3 prctl did not know of ambient sets, and nothing could be in one."""
    rules = [["prctl", PR_CAP_AMBIENT, errno.EINVAL]]
    shape = CLEAN | WITHOUT_PROC | {"filter": rules}
    assert through("/bin/true", other=NOTHING, shape=shape).returncode == 0


def test_no_new_privs_has_two_witnesses_too(through: Run) -> None:
    """no_new_privs is read from /proc where prctl is forbidden, and is unknown without both."""
    rules = {"filter": [["prctl", PR_GET_NO_NEW_PRIVS, errno.EPERM]]}
    assert through("/bin/true", needs="nnp", shape=CLEAN | rules).returncode == 0
    unset = {"filter": rules["filter"], "uids": [0, 0, 0]}
    done = through("/bin/true", needs="nnp", shape=unset)
    assert (done.returncode, done.stderr) == (
        126,
        b"saferun: denied: uid 0 runs without no_new_privs; the command was not started\n",
    )
    done = through("/bin/true", needs="nnp", shape=CLEAN | WITHOUT_PROC | rules)
    assert done.returncode == 126
    assert done.stderr == (
        b"saferun: denied: cannot read no_new_privs of this process, neither by prctl nor from "
        b"/proc/self/status; the command was not started\n"
    )
    assert through("/bin/true", needs="-", shape=CLEAN | WITHOUT_PROC | rules).returncode == 0


def test_no_new_privs_must_be_seen_by_whoever_answers(through: Run) -> None:
    """Where prctl and /proc disagree, no_new_privs is not known to be set."""
    shape = CLEAN | {"filter": [["prctl", PR_GET_NO_NEW_PRIVS, 0]]}
    assert through("/bin/true", needs="nnp", shape=shape).returncode == 126


@pytest.mark.parametrize("number", [errno.EPERM, 0])
def test_without_user_ids_there_is_no_root(number: int, through: Run) -> None:
    """A process whose user cannot be read is never judged as root."""
    shape = {"uids": [0, 0, 0], "bounding": NET_RAW, "filter": [["getresuid", {}, number]]}
    done = through("/bin/echo", "started", other=NOTHING, shape=shape)
    assert (done.returncode, done.stdout) == (126, b"")


def test_long_lines_in_proc_are_read_past(through: Run) -> None:
    """A process in many groups has a status of hundreds of KiB, and is judged by the same lines."""
    shape = {"groups": 40_000, "filter": BLOCKED[0], "bounding": NET_RAW, "uids": [0, 0, 0]}
    assert through("/bin/true", root=f"{NET_RAW:016x}", shape=shape).returncode == 0
    assert b"CapBnd NET_RAW;" in through("/bin/true", root=NOTHING, shape=shape).stderr
