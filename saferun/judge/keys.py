"""The keys of the policy language: docker run's long flags, and what a law may say of each.

This is the one table of them: the parser takes from it what may be written, the merge how
statements about one key meet, the JSON Schema and the reference page what an editor and a reader
are told. Five keys are saferun's own, because docker has no flag for what they name: `forbid`,
`group`, `image`, `receipts` and `verify`.
"""

from __future__ import annotations

from saferun.judge.capabilities import NAMES
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Verb: TypeAlias = Literal["defaults", "limits", "require"]
    Whom: TypeAlias = Literal["any", "root", "nonroot"]
    Form: TypeAlias = Literal[
        "switch",
        "number",
        "size",
        "decimal",
        "text",
        "texts",
        "names",
        "capabilities",
        "flags",
        "globs",
        "settings",
        "ids",
        "images",
        "paths",
        "volumes",
        "tmpfs",
        "devices",
        "rules",
        "ports",
        "ulimits",
        "destinations",
    ]

VERBS: tuple[Verb, ...] = ("defaults", "limits", "require")

#: The tables that are only for containers whose user is, or is not, root.
ROOT_OR_NOT: tuple[Whom, ...] = ("root", "nonroot")

#: The version of the language that this saferun reads.
SCHEMA = 1

#: The forms of a single value; every other form is a list.
SINGLE = frozenset({"switch", "number", "size", "decimal", "text"})


class Kind(Record):
    """What may be written as a value.

    `form`: a switch is true or false, a number a whole one from `least` to `most`, a size text in
    docker's units, a decimal a number of processors, a text one word for docker. Every other form
    is a list. Those of `words` hold only these words, where `container:*` stands for anything that
    begins so; what the items of the others look like is in `saferun.judge.values`. `separator` is
    what a `*` in an item does not cross, or what parts name and value.
    """

    form: Form
    words: tuple[str, ...] = ()
    least: int = 0
    most: int = (1 << 63) - 1
    separator: str = ""

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return self.form not in SINGLE


class Key(Record):
    """What each verb takes for one key; None means that the verb cannot say anything of it.

    `about` is one line for people. `floor`: a limit is the least that may be asked for, not the
    most.
    """

    about: str
    defaults: Kind | None = None
    limits: Kind | None = None
    require: Kind | None = None
    floor: bool = False
    #: A default stands only in the plain table: it is needed before it is known who the user is,
    #: which decides whether the tables for root or for non-root apply.
    plain: bool = False

    def kind(self, verb: Verb, whom: Whom) -> Kind | None:
        """Return what may be written for this key in the table of that verb and user."""
        if verb == "defaults":
            return None if self.plain and whom != "any" else self.defaults
        return self.limits if verb == "limits" else self.require


SWITCH = Kind("switch")
SIZE = Kind("size")
DECIMAL = Kind("decimal")
TEXT = Kind("text")
TEXTS = Kind("texts")
GLOBS = Kind("globs")
IDS = Kind("ids")
#: -1 is docker's word for "no limit", which only a default may say.
COUNT = Kind("number", least=-1)
CAPABILITIES = Kind("capabilities", (*NAMES, "ALL"))
# Dropping some would leave the others, so only dropping all of them can be relied on.
EVERY_CAPABILITY = Kind("capabilities", ("ALL",))
NAMESPACE = Kind("names", ("private", "host"))
JOINABLE = Kind("names", ("private", "host", "container:*"))
PULL = ("always", "missing", "never")

KEYS: dict[str, Key] = {
    "add-host": Key("entries of /etc/hosts", TEXTS, Kind("settings", separator=":")),
    "annotation": Key(
        "what the runtime and its hooks read", TEXTS, Kind("settings", separator="=")
    ),
    "cap-add": Key("capabilities that are given back", CAPABILITIES, CAPABILITIES),
    "cap-drop": Key("capabilities that are taken away", CAPABILITIES, require=EVERY_CAPABILITY),
    "cgroup-parent": Key("where the container stands among the cgroups", TEXT, Kind("paths")),
    "cgroupns": Key("the cgroup namespace", TEXT, NAMESPACE),
    "cpus": Key("how many processors", DECIMAL, DECIMAL, SWITCH),
    "device": Key("devices of the host", TEXTS, Kind("devices")),
    "device-cgroup-rule": Key("rules that open devices by number", TEXTS, Kind("rules")),
    "dns": Key("name servers", TEXTS),
    "dns-search": Key("domains in which names are looked up", TEXTS),
    "forbid": Key("flags of docker run that must not be used at all", limits=Kind("flags")),
    "gpus": Key("graphics processors", TEXT, SWITCH),
    "group": Key("the gid of the container's user", limits=IDS),
    "group-add": Key("further groups of the container's user", TEXTS, IDS),
    "health-cmd": Key("a health check", TEXT, require=SWITCH),
    "image": Key(
        "which images may run",
        limits=Kind("images"),
        require=Kind("names", ("digest", "not-latest")),
    ),
    "init": Key("an init process in front of the command", SWITCH),
    "ipc": Key(
        "the IPC namespace",
        TEXT,
        Kind("names", ("private", "shareable", "none", "host", "container:*")),
    ),
    "label": Key("labels of the container", TEXTS),
    "log-driver": Key("where the container's output goes", TEXT, GLOBS),
    "log-opt": Key("options of the log driver", TEXTS, Kind("settings", separator="=")),
    "memory": Key("memory", SIZE, SIZE, SWITCH),
    "memory-swap": Key("memory and swap together", SIZE, SIZE),
    "network": Key("networks", TEXT, GLOBS),
    "oom-kill-disable": Key("whether the kernel may end it when memory is short", SWITCH, SWITCH),
    "oom-score-adj": Key(
        "how likely the kernel ends it when memory is short; a limit is the least",
        Kind("number", least=-1000, most=1000),
        Kind("number", least=-1000, most=1000),
        floor=True,
    ),
    "pid": Key("the PID namespace", TEXT, JOINABLE),
    "pids-limit": Key("how many processes", COUNT, Kind("number", least=1), SWITCH),
    "platform": Key("the platform of the image", TEXT, GLOBS, plain=True),
    "privileged": Key("everything that the engine has", limits=SWITCH),
    "publish": Key("ports of the host", TEXTS, Kind("ports")),
    "publish-all": Key("a port of the host for every port of the image", SWITCH, SWITCH),
    "pull": Key("when the image is pulled", Kind("text", PULL), Kind("names", PULL), plain=True),
    "read-only": Key("a root file system that cannot be written", SWITCH, require=SWITCH),
    "receipts": Key("where a receipt of every run is kept", require=Kind("destinations")),
    "restart": Key(
        "whether the engine starts it again",
        TEXT,
        Kind("names", ("no", "always", "unless-stopped", "on-failure", "on-failure:*")),
    ),
    "rm": Key("whether the container is removed when it ends", SWITCH),
    "runtime": Key("the OCI runtime", TEXT, GLOBS),
    "security-opt": Key(
        "no-new-privileges, seccomp, AppArmor, SELinux and masked paths",
        TEXTS,
        Kind("settings", separator="="),
        Kind("names", ("no-new-privileges", "seccomp")),
    ),
    "shm-size": Key("the size of /dev/shm", SIZE, SIZE),
    "stop-timeout": Key("seconds until a container that is stopped is killed", COUNT),
    "sysctl": Key("kernel parameters of the container's namespaces", TEXTS, Kind("settings")),
    "tmpfs": Key("file systems in memory", TEXTS, Kind("tmpfs")),
    "ulimit": Key("resource limits of each process", TEXTS, Kind("ulimits")),
    "use-api-socket": Key("sockets through which a container engine is controlled", limits=SWITCH),
    "user": Key("the uid of the container's user", TEXT, IDS, plain=True),
    "userns": Key("the user namespace", TEXT, NAMESPACE),
    "uts": Key("the UTS namespace: host and domain name", TEXT, NAMESPACE),
    "verify": Key("whether the kernel is asked (--verify)", limits=Kind("names", ("on", "off"))),
    "volume": Key("host directories and volumes", TEXTS, Kind("volumes")),
    "volume-driver": Key("drivers of volumes", TEXT, GLOBS),
    "volumes-from": Key("containers whose mounts are taken over", TEXTS, GLOBS),
}


def kind_of(verb: Verb, whom: Whom, key: str) -> Kind | None:
    """Return what may be written for a key in a table, or None when it has no place there."""
    return KEYS[key].kind(verb, whom) if key in KEYS else None


def table_of(verb: Verb, whom: Whom) -> str:
    """Return the name of a table as a policy file writes it."""
    return verb if whom == "any" else f"{whom}.{verb}"
