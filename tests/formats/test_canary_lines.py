"""What canaries prove: every line's pass, fail and cannot tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import canary, canary_lines, engine_api
from saferun.formats.canary import Flight, Seen
from saferun.judge.verify import Verdict

if TYPE_CHECKING:
    from saferun.judge.diagnosis import Line

WITHIN = 'exec: "/saferun-canary": stat /saferun-canary: no such file or directory'
UNSTARTED = "; the command was not started"
WHO = "denied: uid 65534"
ALL_SETS = f"{WHO} holds capabilities it must not: CapBnd CHOWN NET_RAW"
CONTROL = f"{ALL_SETS}; runs without no_new_privs{UNSTARTED}"
ONE = f"{WHO} holds capabilities it must not: CapBnd NET_BIND_SERVICE{UNSTARTED}"
NOBODY = Seen(trouble="it was not started")


def record(one: canary.Canary, **changes: Any) -> engine_api.ContainerRecord:  # noqa: ANN401
    """Return what an honest engine writes down of a canary, but for the changes."""
    body = canary.create_body(one, "sha256:i", "amd64", None, "doctor-1")
    inspected = {
        "Id": "c0de",
        "State": {"Status": "exited", "Pid": 0, "ExitCode": 0, "StartedAt": "1"},
        "Config": {key: body[key] for key in ("User", "Entrypoint", "Cmd")},
        "HostConfig": body["HostConfig"],
    }
    return engine_api.container_record(json.dumps(inspected).encode()).replace(**changes)


HONEST = Flight(
    control=Seen(126, CONTROL, record(canary.CONTROL)),
    dropped=Seen(None, WITHIN, record(canary.DROPPED)),
    added=Seen(126, ONE, record(canary.WITH_ONE)),
    sealed=Seen(127, WITHIN, record(canary.SEALED)),
    mounted=Seen(127, WITHIN, record(canary.MOUNTED)),
    executed=Seen(line=WITHIN),
    restarted=Seen(127, WITHIN, record(canary.DROPPED, started="2")),
    outside=Verdict("confirmed"),
)


def everywhere(seen: Seen) -> Flight:
    """Return what it is when all canaries come to the same."""
    return Flight(seen, seen, seen, seen, seen, seen, seen)


def judged(*, always: bool = False, **changes: Any) -> dict[str, Line]:  # noqa: ANN401
    """Return the lines of an honest engine of which some canaries came to something else."""
    told = canary_lines.judge(HONEST.replace(**changes), always_no_new_privileges=always)
    return {line.id.partition(".")[2]: line for line in told}


def test_an_honest_engine_passes() -> None:
    """Every line of it."""
    assert {line.outcome for line in judged().values()} == {"pass"}


@pytest.mark.parametrize(
    ("changes", "check", "outcome"),
    [
        ({"dropped": Seen(126, CONTROL, record(canary.DROPPED))}, "drop", "fail"),
        ({"dropped": NOBODY.replace(record=record(canary.DROPPED))}, "drop", "cannot tell"),
        ({"outside": Verdict("contradicted", ("process 7 holds NET_RAW",))}, "drop", "fail"),
        ({"outside": None}, "drop", "pass"),
        # A status that does not go with the words is somebody else's.
        ({"dropped": Seen(0, WITHIN, record(canary.DROPPED))}, "drop", "cannot tell"),
        ({"dropped": Seen(127, CONTROL, record(canary.DROPPED))}, "drop", "cannot tell"),
        ({"added": Seen(126, CONTROL, record(canary.WITH_ONE))}, "add", "fail"),
        ({"added": Seen(127, WITHIN, record(canary.WITH_ONE))}, "add", "fail"),
        ({"added": Seen(1, "", record(canary.WITH_ONE))}, "add", "cannot tell"),
        ({"sealed": Seen(126, f"{WHO} runs without no_new_privs{UNSTARTED}",
                         record(canary.SEALED))}, "no-new-privileges", "fail"),
        ({"sealed": Seen(1, None, record(canary.SEALED))}, "no-new-privileges", "cannot tell"),
        ({"control": Seen(126, ALL_SETS + UNSTARTED, record(canary.CONTROL))},
         "no-new-privileges", "cannot tell"),
        ({"control": Seen(126, ALL_SETS + UNSTARTED, record(canary.CONTROL)), "always": True},
         "no-new-privileges", "pass"),
        ({"control": Seen(126, ALL_SETS + "; CapInh CHOWN; runs without no_new_privs" + UNSTARTED,
                          record(canary.CONTROL))}, "inheritable", "fail"),
        ({"executed": Seen(line=CONTROL)}, "exec", "fail"),
        ({"executed": NOBODY}, "exec", "cannot tell"),
        ({"restarted": Seen(126, CONTROL, record(canary.DROPPED, started="2"))},
         "restart", "fail"),
        ({"restarted": Seen(127, WITHIN, record(canary.DROPPED))}, "restart", "cannot tell"),
        ({"restarted": NOBODY}, "restart", "cannot tell"),
        ({"mounted": Seen(126, CONTROL, record(canary.MOUNTED))}, "runs", "fail"),
        ({"mounted": Seen(1, None, record(canary.MOUNTED))}, "runs", "fail"),
        ({"added": HONEST.added.replace(record=None)}, "record", "cannot tell"),
        *(
            ({"dropped": Seen(None, WITHIN, record(canary.DROPPED, **{field: value}))},
             "record", "fail")
            for field, value in (
                ("cap_drop", ()),
                ("cap_add", ("CHOWN",)),
                ("security_opt", ("seccomp=unconfined",)),
                ("user", "0"),
                ("privileged", True),
            )
        ),
        ({"sealed": Seen(127, WITHIN, record(canary.SEALED, security_opt=()))}, "record", "fail"),
        ({"sealed": Seen(127, WITHIN, record(
            canary.SEALED, security_opt=("no-new-privileges:true",)))}, "record", "pass"),
    ],
)  # fmt: skip
def test_what_is_different_changes_its_own_line(
    changes: dict[str, Any], check: str, outcome: str
) -> None:
    """And no other; what fails says what to do."""
    told = judged(**changes)
    assert told[check].outcome == outcome
    assert all(line.outcome == "pass" for name, line in told.items() if name != check)
    assert told[check].advice or outcome != "fail"


@pytest.mark.parametrize(
    ("control", "outcome"),
    [
        # Nothing was dropped, and nothing is seen: by no means can something be seen then.
        (Seen(127, WITHIN, record(canary.CONTROL)), "fail"),
        (Seen(126, f"{WHO} runs without no_new_privs{UNSTARTED}", record(canary.CONTROL)), "fail"),
        (Seen(125, None, record(canary.CONTROL)), "cannot tell"),
    ],
)
def test_without_a_control_nothing_passes(control: Seen, outcome: str) -> None:
    """But what fails still does."""
    told = judged(control=control, executed=Seen(line=CONTROL))
    assert told.pop("control").outcome == outcome
    assert told.pop("exec").outcome == "fail"
    assert told.pop("record").outcome == "pass"
    assert {line.outcome for line in told.values()} == {"cannot tell"}


def test_where_nothing_ran_nothing_is_known() -> None:
    """Not that the engine is dishonest, either."""
    flight = everywhere(NOBODY)
    assert {line.outcome for line in canary_lines.judge(flight)} == {"cannot tell"}
    assert all(line.seen for line in canary_lines.judge(flight))


def test_what_podman_writes_down_is_not_what_was_asked() -> None:
    """So a difference shows nothing, and neither does the lack of one."""
    told = {line.id: line for line in canary_lines.judge(HONEST, podman=True)}
    assert told.pop("canary.record").outcome == "cannot tell"
    assert {line.outcome for line in told.values()} == {"pass"}


@given(st.none() | st.integers(-1, 255), st.none() | st.text() | st.sampled_from([WITHIN, CONTROL]))
def test_only_the_gates_words_with_its_status_count(status: int | None, line: str | None) -> None:
    """Anything else is nothing, and nothing is raised."""
    word = Seen(status, line).word
    assert (word == "within") == (status in (None, 127) and line == WITHIN)
    assert (word == "refused") == (status in (None, 126) and line == CONTROL)
    assert len(list(canary_lines.judge(everywhere(Seen(status, line))))) == 9


@given(st.text())
def test_any_line_is_read_for_what_is_held(line: str) -> None:
    """The kernel's five sets and no others."""
    assert set(canary.held(line)) <= {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}
    assert canary.held(CONTROL) == {"CapBnd": ("CHOWN", "NET_RAW")}


def test_what_is_printed_by_exec_is_the_gates_or_trouble() -> None:
    """The engine's own complaint comes on the same stream."""
    assert canary.executed(f"saferun: {WITHIN}\n".encode()).word == "within"
    assert canary.executed(f"x\nsaferun: {CONTROL}\r\n".encode()).word == "refused"
    told = canary.executed(b"OCI runtime exec failed: no\r\n")
    assert (told.word, told.told) == (
        "nothing",
        "what was executed in it said OCI runtime exec failed: no",
    )


def test_the_gates_volume_is_mounted_as_runs_do_it() -> None:
    """Read-only, and nothing is copied into it; without it, one that goes with the container."""
    ours = canary.create_body(canary.MOUNTED, "i", "arm64", "saferun-gate-x", "l")
    assert ours["Entrypoint"] == ["/.saferun/doctor/gate-arm64"]
    assert ours["HostConfig"]["Mounts"] == [
        {
            "Type": "volume",
            "Source": "saferun-gate-x",
            "Target": "/.saferun/doctor",
            "ReadOnly": True,
            "VolumeOptions": {"NoCopy": True},
        }
    ]
    none = canary.create_body(canary.MOUNTED, "i", "arm64", None, "l")
    assert none["HostConfig"]["Mounts"] == [{"Type": "volume", "Target": "/.saferun"}]
    assert canary.create_body(canary.DROPPED, "i", "arm64", "v", "l")["HostConfig"]["Mounts"] == []


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"null", b'"text"'])
def test_a_listing_that_is_none_is_no_proof_of_absence(body: bytes) -> None:
    """It raises; an empty list is one."""
    with pytest.raises(ValueError, match="expected a list of containers"):
        canary.listed(body)
    assert canary.listed(b"[]") == ()
    assert canary.listed(b'[{"Id":"a"},{}]') == ("a", "None")
