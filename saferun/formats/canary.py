"""Canaries: containers that do nothing but show what they hold.

The only program in them is the gate, which reads its own sets and says in one line what is beyond
its mask. With a mask of nothing and a command that does not exist it ends with 127, "not found",
when it holds nothing at all, and with 126 and the names of what it holds otherwise.
"""

from __future__ import annotations

from saferun.formats.container_log import GATE_PREFIX
from saferun.formats.json_text import decode
from saferun.judge.capabilities import SETS
from saferun.judge.checks.gate_mount import DIRECTORY
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal, TypeAlias

    from saferun.formats.engine_api import ContainerRecord
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


class Canary(Record):
    """One container: what is asked of the engine for it, and what its gate requires.

    `requires` is the gate's word: `nnp`, or `linger` to stay for two seconds, in which it can be
    looked at and executed in. `mounted`: its gate comes from a volume, as in containers that
    saferun starts.
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
