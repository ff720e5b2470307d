"""Canaries: containers that do nothing but show what they hold, and what that proves.

The only program in them is the gate, which reads its own sets and says in one line what is beyond
its mask. With a mask of nothing and a command that does not exist it ends with 127, "not found",
when it holds nothing at all, and with 126 and the names of what it holds otherwise.
"""

from __future__ import annotations

from saferun.formats.container_log import GATE_PREFIX
from saferun.formats.json_text import decode
from saferun.judge.capabilities import SETS
from saferun.judge.checks.gate_mount import DIRECTORY
from saferun.judge.diagnosis import failed, passed, unclear
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal, TypeAlias

    from saferun.formats.engine_api import ContainerRecord
    from saferun.judge.diagnosis import Line
    from saferun.judge.verify import Verdict

    #: Whether a gate found nothing beyond its mask, refused, or did not get to say.
    Word: TypeAlias = Literal["within", "refused", "nothing"]

WITHIN: Word = "within"
REFUSED: Word = "refused"
NOTHING: Word = "nothing"

#: Who the canaries run as: nobody, and below 65536, so that it is mapped everywhere.
USER = "65534:65534"
#: The capability that one of them asks for; whether it gets others with it is the question.
ADDED = "NET_BIND_SERVICE"
#: The command that no image has.
COMMAND = "/saferun-canary"
#: A second mount of the gates, from a volume.
VOLUME_PLACE = f"{DIRECTORY}/doctor"
#: Tells what the containers are for, to whoever sees them; its value is the same for one flight.
LABEL = "saferun.scratch"
NOT_EXECUTED, NOT_FOUND = 126, 127
GATE = GATE_PREFIX.decode()
HELD = " holds capabilities it must not: "
NO_NEW_PRIVILEGES = " runs without no_new_privs"
ADVICE = (
    "what drops capabilities here does not: find what stands between saferun and the kernel (a "
    "proxy before the engine's socket, a plugin, the runtime), and run nothing that needs the drop"
)


class Canary(Record):
    """One container: what is asked of the engine for it, and what its gate requires.

    `lingers`: it stays for two seconds, to be looked at and executed in. `mounted`: its gate comes
    from a volume, as in containers that saferun starts.
    """

    name: str
    cap_drop: tuple[str, ...] = ("ALL",)
    cap_add: tuple[str, ...] = ()
    no_new_privileges: bool = False
    requires: str = "-"
    mounted: bool = False


DROPPED = Canary("drop", requires="linger")
CONTROL = Canary("control", cap_drop=(), requires="nnp")
WITH_ONE = Canary("add", cap_add=(ADDED,))
SEALED = Canary("no-new-privileges", no_new_privileges=True, requires="nnp")
MOUNTED = Canary("volume", mounted=True)


class Seen(Record):
    """What came of a canary: its exit status and its gate's line, as far as there are any.

    `record` is what the engine wrote down of it, `trouble` why there is nothing to see.
    """

    status: int | None = None
    line: str | None = None
    record: ContainerRecord | None = None
    trouble: str = ""

    @property
    def word(self) -> Word:
        """Whether the gate found itself within its mask: by what it said, and how it ended."""
        line = self.line or ""
        if self.status in (None, NOT_FOUND) and line.startswith(f'exec: "{COMMAND}": '):
            return WITHIN
        refused = line.startswith("denied: uid ")
        return REFUSED if refused and self.status in (None, NOT_EXECUTED) else NOTHING

    @property
    def told(self) -> str:
        """What there is to tell when the gate did not get to say anything."""
        ended = "did not end" if self.status is None else f"ended with {self.status}"
        return self.trouble or f"the canary {ended} and said {self.line or 'nothing'}"


class Flight(Record):
    """What came of all canaries; `outside` is what the kernel of this machine says of one."""

    control: Seen
    dropped: Seen
    added: Seen
    sealed: Seen
    mounted: Seen
    executed: Seen
    restarted: Seen
    outside: Verdict | None = None


def gate(architecture: str) -> str:
    """Return the path of the gate in the canaries' image."""
    return f"{DIRECTORY}/gate-{architecture}"


def words(architecture: str, requires: str, program: str = "") -> tuple[str, ...]:
    """Return what a canary executes: the gate, and behind it the gate again.

    What a program that was executed holds is what counts, so the second one has the last word.
    """
    first, second = program or gate(architecture), gate(architecture)
    nothing = f"{0:016x}"
    return (first, nothing, nothing, requires, "--", second, nothing, nothing, requires, "--")


def create_body(
    canary: Canary, image: str, architecture: str, volume: str | None, label: str
) -> dict[str, Any]:
    """Return what to ask of the engine (`POST /containers/create`).

    `label` marks everything of this flight. `volume` is the gate's, None where there is none yet:
    then an anonymous one is made for the canary that needs it, and removed with it.
    """
    mount: dict[str, Any] = {"Type": "volume", "Target": DIRECTORY}
    if volume is not None:
        options = {"VolumeOptions": {"NoCopy": True}}
        mount |= {"Source": volume, "Target": VOLUME_PLACE, "ReadOnly": True, **options}
    program = f"{mount['Target']}/gate-{architecture}" if canary.mounted else ""
    first, *rest = (*words(architecture, canary.requires, program), COMMAND)
    return {
        "Image": image,
        "User": USER,
        "Entrypoint": [first],
        "Cmd": rest,
        "Labels": {LABEL: label},
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": list(canary.cap_drop),
            "CapAdd": list(canary.cap_add),
            "SecurityOpt": ["no-new-privileges"] if canary.no_new_privileges else [],
            "Mounts": [mount] if canary.mounted else [],
            # What the gate says is read from there, whatever the engine's default is.
            "LogConfig": {"Type": "json-file"},
        },
    }


def listing(label: str) -> str:
    """Return the filters (JSON) that list every container with this value of our label."""
    return f'{{"label":["{LABEL}={label}"]}}'


def listed(body: bytes) -> tuple[str, ...]:
    """Read `GET /containers/json` for ids; raise ValueError when it is not such an answer."""
    answer = decode(body)
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        message = "expected a list of containers"
        raise ValueError(message)
    return tuple(str(one.get("Id")) for one in answer)


def executed(printed: bytes) -> Seen:
    """Return what came of a gate that was executed in a canary, from what was printed."""
    text = printed.strip().rpartition(b"\n")[2].decode("utf-8", "surrogateescape").strip()
    line = text.removeprefix(GATE)
    if line == text:
        return Seen(trouble=f"what was executed in it said {text or 'nothing'}")
    return Seen(line=line)


def held(line: str) -> Mapping[str, tuple[str, ...]]:
    """Return what a gate that refused holds: names of capabilities by the set they are in."""
    _, _, rest = line.partition(HELD)
    found = {}
    for part in rest.split("; "):
        name, _, names = part.partition(" ")
        if name in SETS:
            found[name] = tuple(names.split())
    return found


def judge(flight: Flight, *, always_no_new_privileges: bool = False) -> Iterator[Line]:
    """Say what the canaries prove.

    Where the control was not refused, a gate that finds nothing proves nothing: what would pass is
    "cannot tell" then. `always_no_new_privileges` is the engine's own setting.
    """
    blind = flight.control.word != REFUSED or "CapBnd" not in held(flight.control.line or "")
    yield _control(flight.control, blind=blind)
    lines = (
        _nothing_held("canary.drop", flight.dropped, "drop ALL: all five sets are empty"),
        _added(flight.added),
        _inheritable(flight.control),
        _no_new_privileges(flight, always=always_no_new_privileges),
        _nothing_held("canary.exec", flight.executed, "exec as uid 0: nothing comes back"),
        _restarted(flight),
        _runs(flight),
    )
    for line in lines:
        if blind and line.outcome == "pass":
            yield unclear(line.id, "the control canary proves nothing, so neither does this one")
        elif line.id == "canary.drop" and flight.outside and _contradicted(flight.outside):
            yield failed(line.id, "; ".join(flight.outside.reasons), ADVICE)
        else:
            yield line
    yield _record(flight)


def _contradicted(verdict: Verdict) -> bool:
    return verdict.outcome == "contradicted"


def _control(seen: Seen, *, blind: bool) -> Line:
    check = "canary.control"
    if not blind:
        return passed(check, "without the drop the gate refuses: it sees what there is to see")
    if seen.word == NOTHING:
        return unclear(check, seen.told, "see the engine's log for why it does not run containers")
    return failed(
        check,
        "a container from which nothing was dropped shows no capabilities",
        "either this engine grants none by default, or what the gate sees is made up: compare "
        "`docker run --rm -u 65534 IMAGE grep Cap /proc/self/status`",
    )


def _nothing_held(check: str, seen: Seen, well: str) -> Line:
    if seen.word == WITHIN:
        return passed(check, well)
    if seen.word == REFUSED:
        return failed(check, seen.line or "", ADVICE)
    return unclear(check, seen.told, "see the engine's log for why it does not run containers")


def _runs(flight: Flight) -> Line:
    check = "gate.runs"
    if flight.mounted.word == NOTHING and flight.control.word != NOTHING:
        return failed(
            check,
            f"others run, but not with the gate from a volume: {flight.mounted.told}",
            "`saferunctl gate remove`, and look for noexec among the mount options of the engine's "
            "data directory",
        )
    return _nothing_held(check, flight.mounted, "the gate runs from a volume")


def _restarted(flight: Flight) -> Line:
    check = "canary.restart"
    before, after = flight.dropped.record, flight.restarted.record
    line = _nothing_held(check, flight.restarted, "still empty after a restart")
    if line.outcome == "pass" and (not before or not after or before.started == after.started):
        return unclear(check, "by the engine's record the canary was not started again")
    return line


def _added(seen: Seen) -> Line:
    check = "canary.add"
    if seen.word == NOTHING:
        return unclear(check, seen.told)
    sets = held(seen.line or "") if seen.word == REFUSED else {}
    if set().union(*sets.values()) - {ADDED}:
        return failed(check, f"only {ADDED} was added, but: {seen.line}", ADVICE)
    if ADDED not in sets.get("CapBnd", ()):
        return failed(
            check,
            f"{ADDED} was added, but is not in the bounding set",
            "what a policy allows will be missing: something takes --cap-add away, or the engine "
            "does not have it to give (rootless, nested)",
        )
    return passed(check, f"drop ALL, add {ADDED}: that one and no other")


def _inheritable(seen: Seen) -> Line:
    check = "canary.inheritable"
    if seen.word != REFUSED:
        return unclear(check, "the control canary did not get to say what it holds")
    if "CapInh" in held(seen.line or ""):
        return failed(
            check,
            "containers start with inheritable capabilities (CVE-2022-24769)",
            "files with inheritable file capabilities win them back where they are not dropped: "
            "upgrade the engine to 20.10.14 or later",
        )
    return passed(check, "the inheritable set starts empty (CVE-2022-24769 is fixed)")


def _no_new_privileges(flight: Flight, *, always: bool) -> Line:
    check = "canary.no-new-privileges"
    line = _nothing_held(check, flight.sealed, "set when it is asked for")
    if (
        line.outcome == "pass"
        and not always
        and NO_NEW_PRIVILEGES not in (flight.control.line or "")
    ):
        return unclear(
            check,
            "the control canary did not ask for it and has it: the engine sets it unasked, or what "
            "the gate sees is made up",
        )
    return line


def _record(flight: Flight) -> Line:
    check = "canary.record"
    pairs = (
        (CONTROL, flight.control),
        (DROPPED, flight.dropped),
        (WITH_ONE, flight.added),
        (SEALED, flight.sealed),
        (MOUNTED, flight.mounted),
    )
    differences: list[str] = []
    for canary, seen in pairs:
        if seen.record is None:
            return unclear(check, seen.told)
        differences += _differences(canary, seen.record)
    if differences:
        return failed(
            check,
            "the engine wrote down something else than was asked for: "
            + "; ".join(dict.fromkeys(differences)),
            ADVICE,
        )
    return passed(check, "the engine wrote down what was asked for")


def _differences(canary: Canary, record: ContainerRecord) -> Iterator[str]:
    asked = ["no-new-privileges"] if canary.no_new_privileges else []
    # Older engines have the option with its value.
    options = [option.partition("=")[0].partition(":")[0] for option in record.security_opt]
    for what, is_there, wanted in (
        ("cap-drop", list(record.cap_drop), list(canary.cap_drop)),
        ("cap-add", list(record.cap_add), list(canary.cap_add)),
        ("security-opt", options, asked),
        ("user", [record.user], [USER]),
        ("privileged", [str(record.privileged)], ["False"]),
    ):
        if is_there != wanted:
            there, meant = (" ".join(one) or "empty" for one in (is_there, wanted))
            yield f"{what} is {there}, not {meant}"
