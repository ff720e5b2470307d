"""The flags of `docker run`, and the options of saferun's own that stand among them.

The table is the union over CLI 20.10 to 29, hidden and deprecated flags included, taken from the
CLIs' own flag sets (docker/cli cli/command/container/opts.go and run.go). It decides only which
words are values; a CLI that lacks one of these flags says so itself.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal, TypeAlias

    #: "value" takes the next word where there is no "="; the others never do.
    Kind: TypeAlias = Literal["bool", "value", "optional"]
    #: What a second use does: it replaces the first, is added, replaces the same key, or is added
    #: unless it is there already.
    Repeat: TypeAlias = Literal["last", "append", "key", "set"]
    Row: TypeAlias = tuple[str, str, Kind, Repeat]
    OwnRow: TypeAlias = tuple[str, str, Kind, Repeat, tuple[str, ...]]


class Flag(Record):
    """One flag, by its long name and, where it has one, its letter.

    An `own` flag is saferun's and never reaches docker. It accepts one of its `choices`, the first
    of which is what its bare name means; without choices it accepts any file name.
    """

    name: str
    short: str
    kind: Kind
    repeat: Repeat
    choices: tuple[str, ...] = ()
    own: bool = False


class Table:
    """Flags, found by name, alias or letter.

    Rows become Flags only when somebody asks: a command line uses few of them, and building all
    of them takes longer than parsing it.
    """

    def __init__(self, docker: Iterable[Row], own: Iterable[OwnRow]) -> None:
        """Take docker's flags and our own, as rows of the fields of Flag."""
        self._docker = {row[0]: row for row in docker}
        self._own = {row[0]: row for row in own}
        self._letters = {row[1]: row[0] for row in self._docker.values() if row[1]}

    def __iter__(self) -> Iterator[Flag]:
        """Yield every flag once, docker's first."""
        yield from (Flag(*row) for row in self._docker.values())
        yield from (Flag(*row, own=True) for row in self._own.values())

    def named(self, name: str) -> Flag | None:
        """Return the flag of this long name or alias."""
        name = ALIASES.get(name, name)
        if name in self._docker:
            return Flag(*self._docker[name])
        return Flag(*self._own[name], own=True) if name in self._own else None

    def lettered(self, letter: str) -> Flag | None:
        """Return the flag of this letter."""
        return self.named(self._letters.get(letter, ""))

    def extended(self, help_text: str) -> Table:
        """Return a table that also has the flags which `docker run --help` names and this lacks.

        What is known stays as it is: a help text describes, it does not decide.
        """
        new = [row for row in described(help_text) if not self.named(row[0])]
        # New ones first: where two want the same letter, the later row has it.
        return Table((*new, *self._docker.values()), self._own.values())


def described(help_text: str) -> Iterator[Row]:
    """Yield a row for each option line of a help text as pflag prints it (FlagUsagesWrapped).

    That is `  -a, --attach list    Attach to …`: the name at its column, the type word of a value,
    which a bool has not, then spaces. Continuation lines are indented further. A value that may
    be left out is shown as `[=…]`; no flag of docker run has one, so that such a line, like any
    other that is not understood, leaves the flag unknown and docker to answer for it.
    """
    import re  # 8 ms, and only for a flag that saferun has never heard of

    line = re.compile(r"(?:  -(\S), |      )--([^\s\[=]+)(?: ([^\s\[]+))?(?: {2}|$)")
    for found in filter(None, map(line.match, help_text.splitlines())):
        short, name, type_word = found.groups()
        yield name, short or "", "value" if type_word else "bool", "append"


#: Other names for the same flags, hidden in docker's help.
ALIASES = {"dns-opt": "dns-option", "net": "network", "net-alias": "network-alias"}

_DOCKER: tuple[Row, ...] = (
    ("add-host", "", "value", "append"),
    ("annotation", "", "value", "key"),
    ("attach", "a", "value", "set"),
    ("blkio-weight", "", "value", "last"),
    ("blkio-weight-device", "", "value", "append"),
    ("cap-add", "", "value", "append"),
    ("cap-drop", "", "value", "append"),
    ("cgroup-parent", "", "value", "last"),
    ("cgroupns", "", "value", "last"),
    ("cidfile", "", "value", "last"),
    ("cpu-count", "", "value", "last"),
    ("cpu-percent", "", "value", "last"),
    ("cpu-period", "", "value", "last"),
    ("cpu-quota", "", "value", "last"),
    ("cpu-rt-period", "", "value", "last"),
    ("cpu-rt-runtime", "", "value", "last"),
    ("cpu-shares", "c", "value", "last"),
    ("cpus", "", "value", "last"),
    ("cpuset-cpus", "", "value", "last"),
    ("cpuset-mems", "", "value", "last"),
    ("detach", "d", "bool", "last"),
    ("detach-keys", "", "value", "last"),
    ("device", "", "value", "append"),
    ("device-cgroup-rule", "", "value", "append"),
    ("device-read-bps", "", "value", "append"),
    ("device-read-iops", "", "value", "append"),
    ("device-write-bps", "", "value", "append"),
    ("device-write-iops", "", "value", "append"),
    ("disable-content-trust", "", "bool", "last"),
    ("dns", "", "value", "append"),
    ("dns-option", "", "value", "append"),
    ("dns-search", "", "value", "append"),
    ("domainname", "", "value", "last"),
    ("entrypoint", "", "value", "last"),
    ("env", "e", "value", "key"),
    ("env-file", "", "value", "append"),
    ("expose", "", "value", "append"),
    ("gpus", "", "value", "append"),
    ("group-add", "", "value", "append"),
    ("health-cmd", "", "value", "last"),
    ("health-interval", "", "value", "last"),
    ("health-retries", "", "value", "last"),
    ("health-start-interval", "", "value", "last"),
    ("health-start-period", "", "value", "last"),
    ("health-timeout", "", "value", "last"),
    ("help", "", "bool", "last"),
    ("hostname", "h", "value", "last"),
    ("init", "", "bool", "last"),
    ("interactive", "i", "bool", "last"),
    ("io-maxbandwidth", "", "value", "last"),
    ("io-maxiops", "", "value", "last"),
    ("ip", "", "value", "last"),
    ("ip6", "", "value", "last"),
    ("ipc", "", "value", "last"),
    ("isolation", "", "value", "last"),
    ("kernel-memory", "", "value", "last"),
    ("label", "l", "value", "key"),
    ("label-file", "", "value", "append"),
    ("link", "", "value", "append"),
    ("link-local-ip", "", "value", "append"),
    ("log-driver", "", "value", "last"),
    ("log-opt", "", "value", "key"),
    ("mac-address", "", "value", "last"),
    ("memory", "m", "value", "last"),
    ("memory-reservation", "", "value", "last"),
    ("memory-swap", "", "value", "last"),
    ("memory-swappiness", "", "value", "last"),
    ("mount", "", "value", "append"),
    ("name", "", "value", "last"),
    ("network", "", "value", "append"),
    ("network-alias", "", "value", "append"),
    ("no-healthcheck", "", "bool", "last"),
    ("oom-kill-disable", "", "bool", "last"),
    ("oom-score-adj", "", "value", "last"),
    ("pid", "", "value", "last"),
    ("pids-limit", "", "value", "last"),
    ("platform", "", "value", "last"),
    ("privileged", "", "bool", "last"),
    ("publish", "p", "value", "append"),
    ("publish-all", "P", "bool", "last"),
    ("pull", "", "value", "last"),
    ("quiet", "q", "bool", "last"),
    ("read-only", "", "bool", "last"),
    ("restart", "", "value", "last"),
    ("rm", "", "bool", "last"),
    ("runtime", "", "value", "last"),
    ("security-opt", "", "value", "append"),
    ("shm-size", "", "value", "last"),
    ("sig-proxy", "", "bool", "last"),
    ("stop-signal", "", "value", "last"),
    ("stop-timeout", "", "value", "last"),
    ("storage-opt", "", "value", "key"),
    ("sysctl", "", "value", "key"),
    ("tmpfs", "", "value", "key"),
    ("tty", "t", "bool", "last"),
    ("ulimit", "", "value", "key"),
    ("use-api-socket", "", "bool", "last"),
    ("user", "u", "value", "last"),
    ("userns", "", "value", "last"),
    ("uts", "", "value", "last"),
    ("volume", "v", "value", "set"),
    ("volume-driver", "", "value", "last"),
    ("volumes-from", "", "value", "append"),
    ("workdir", "w", "value", "last"),
)

_OWN: tuple[OwnRow, ...] = (
    ("explain", "", "optional", "last", ("text", "json")),
    ("policy", "", "value", "append", ()),
    ("report", "", "value", "last", ()),
    ("saferun-version", "", "bool", "last", ("true", "false")),
    ("verify", "", "value", "last", ("on", "off")),
)

#: Every flag that saferun knows.
TABLE = Table(_DOCKER, _OWN)
