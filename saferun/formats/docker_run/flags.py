"""The flags of `docker run`, and the options of saferun's own that stand among them.

The table is the union over CLI 20.10 to 29, hidden and deprecated flags included, taken from the
CLIs' own flag sets (docker/cli cli/command/container/opts.go and run.go). It decides only which
words are values: a CLI that does not know a flag of it says so itself.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal, TypeAlias

    #: What may follow the name: "value" takes the next word if there is no "=", the others never.
    Kind: TypeAlias = Literal["bool", "value", "optional"]
    #: What a second use does: replaces the first; is added; replaces the same key; is added once.
    Repeat: TypeAlias = Literal["last", "append", "key", "set"]


class Flag(Record):
    """One flag.

    `own` flags are saferun's and never reach docker. `choices` are the values that one of them
    accepts, the first being what the bare name means; none means any value but the empty one.
    """

    name: str
    short: str = ""
    kind: Kind = "value"
    repeat: Repeat = "last"
    own: bool = False
    choices: tuple[str, ...] = ()


class Table:
    """Flags by their long names, aliases included, and by their letters."""

    def __init__(self, flags: Iterable[Flag], aliases: Mapping[str, str]) -> None:
        """Take the flags, and for each alias the name of the flag that it stands for."""
        self.flags = tuple(flags)
        self.aliases = aliases
        self.long = {flag.name: flag for flag in self.flags}
        self.long.update((alias, self.long[name]) for alias, name in aliases.items())
        self.short = {flag.short: flag for flag in self.flags if flag.short}

    def extended(self, help_text: str) -> Table:
        """Return the table with the flags that `docker run --help` names and it does not know.

        What is known stays as it is: help texts describe, they do not decide.
        """
        new: dict[str, Flag] = {}
        for flag in described(help_text):
            if flag.name not in self.long:
                free = flag.short not in self.short
                new.setdefault(flag.name, flag if free else flag.replace(short=""))
        return Table((*self.flags, *new.values()), self.aliases)


#: Other names for the same flag, hidden in docker's help.
ALIASES = {"dns-opt": "dns-option", "net": "network", "net-alias": "network-alias"}

TABLE = Table(
    (
        Flag("add-host", "", "value", "append"),
        Flag("annotation", "", "value", "key"),
        Flag("attach", "a", "value", "set"),
        Flag("blkio-weight", "", "value", "last"),
        Flag("blkio-weight-device", "", "value", "append"),
        Flag("cap-add", "", "value", "append"),
        Flag("cap-drop", "", "value", "append"),
        Flag("cgroup-parent", "", "value", "last"),
        Flag("cgroupns", "", "value", "last"),
        Flag("cidfile", "", "value", "last"),
        Flag("cpu-count", "", "value", "last"),
        Flag("cpu-percent", "", "value", "last"),
        Flag("cpu-period", "", "value", "last"),
        Flag("cpu-quota", "", "value", "last"),
        Flag("cpu-rt-period", "", "value", "last"),
        Flag("cpu-rt-runtime", "", "value", "last"),
        Flag("cpu-shares", "c", "value", "last"),
        Flag("cpus", "", "value", "last"),
        Flag("cpuset-cpus", "", "value", "last"),
        Flag("cpuset-mems", "", "value", "last"),
        Flag("detach", "d", "bool", "last"),
        Flag("detach-keys", "", "value", "last"),
        Flag("device", "", "value", "append"),
        Flag("device-cgroup-rule", "", "value", "append"),
        Flag("device-read-bps", "", "value", "append"),
        Flag("device-read-iops", "", "value", "append"),
        Flag("device-write-bps", "", "value", "append"),
        Flag("device-write-iops", "", "value", "append"),
        Flag("disable-content-trust", "", "bool", "last"),
        Flag("dns", "", "value", "append"),
        Flag("dns-option", "", "value", "append"),
        Flag("dns-search", "", "value", "append"),
        Flag("domainname", "", "value", "last"),
        Flag("entrypoint", "", "value", "last"),
        Flag("env", "e", "value", "key"),
        Flag("env-file", "", "value", "append"),
        Flag("expose", "", "value", "append"),
        Flag("gpus", "", "value", "append"),
        Flag("group-add", "", "value", "append"),
        Flag("health-cmd", "", "value", "last"),
        Flag("health-interval", "", "value", "last"),
        Flag("health-retries", "", "value", "last"),
        Flag("health-start-interval", "", "value", "last"),
        Flag("health-start-period", "", "value", "last"),
        Flag("health-timeout", "", "value", "last"),
        Flag("help", "", "bool", "last"),
        Flag("hostname", "h", "value", "last"),
        Flag("init", "", "bool", "last"),
        Flag("interactive", "i", "bool", "last"),
        Flag("io-maxbandwidth", "", "value", "last"),
        Flag("io-maxiops", "", "value", "last"),
        Flag("ip", "", "value", "last"),
        Flag("ip6", "", "value", "last"),
        Flag("ipc", "", "value", "last"),
        Flag("isolation", "", "value", "last"),
        Flag("kernel-memory", "", "value", "last"),
        Flag("label", "l", "value", "key"),
        Flag("label-file", "", "value", "append"),
        Flag("link", "", "value", "append"),
        Flag("link-local-ip", "", "value", "append"),
        Flag("log-driver", "", "value", "last"),
        Flag("log-opt", "", "value", "key"),
        Flag("mac-address", "", "value", "last"),
        Flag("memory", "m", "value", "last"),
        Flag("memory-reservation", "", "value", "last"),
        Flag("memory-swap", "", "value", "last"),
        Flag("memory-swappiness", "", "value", "last"),
        Flag("mount", "", "value", "append"),
        Flag("name", "", "value", "last"),
        Flag("network", "", "value", "append"),
        Flag("network-alias", "", "value", "append"),
        Flag("no-healthcheck", "", "bool", "last"),
        Flag("oom-kill-disable", "", "bool", "last"),
        Flag("oom-score-adj", "", "value", "last"),
        Flag("pid", "", "value", "last"),
        Flag("pids-limit", "", "value", "last"),
        Flag("platform", "", "value", "last"),
        Flag("privileged", "", "bool", "last"),
        Flag("publish", "p", "value", "append"),
        Flag("publish-all", "P", "bool", "last"),
        Flag("pull", "", "value", "last"),
        Flag("quiet", "q", "bool", "last"),
        Flag("read-only", "", "bool", "last"),
        Flag("restart", "", "value", "last"),
        Flag("rm", "", "bool", "last"),
        Flag("runtime", "", "value", "last"),
        Flag("security-opt", "", "value", "append"),
        Flag("shm-size", "", "value", "last"),
        Flag("sig-proxy", "", "bool", "last"),
        Flag("stop-signal", "", "value", "last"),
        Flag("stop-timeout", "", "value", "last"),
        Flag("storage-opt", "", "value", "key"),
        Flag("sysctl", "", "value", "key"),
        Flag("tmpfs", "", "value", "key"),
        Flag("tty", "t", "bool", "last"),
        Flag("ulimit", "", "value", "key"),
        Flag("use-api-socket", "", "bool", "last"),
        Flag("user", "u", "value", "last"),
        Flag("userns", "", "value", "last"),
        Flag("uts", "", "value", "last"),
        Flag("volume", "v", "value", "set"),
        Flag("volume-driver", "", "value", "last"),
        Flag("volumes-from", "", "value", "append"),
        Flag("workdir", "w", "value", "last"),
        # saferun's own
        Flag("explain", "", "optional", "last", own=True, choices=("text", "json")),
        Flag("policy", "", "value", "append", own=True),
        Flag("report", "", "value", "last", own=True),
        Flag("saferun-version", "", "bool", "last", own=True),
        Flag("verify", "", "value", "last", own=True, choices=("on", "off")),
    ),
    ALIASES,
)
