"""--security-opt as the engine reads it (moby daemon/daemon_unix.go parseSecurityOpt).

`=` and `:` both separate, `=` before `:`; of each key but label the last one counts.
"""

from __future__ import annotations

from saferun.formats.json_text import as_sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from saferun.formats.facts import Facts

NO_NEW_PRIVILEGES = "no-new-privileges"
#: What Go's strconv.ParseBool takes for true.
TRUE = ("1", "t", "T", "TRUE", "true", "True")
#: Keys that are on when they stand alone.
BARE = (NO_NEW_PRIVILEGES, "writable-cgroups")
UNKNOWN_PROFILE = "seccomp=unknown"
#: What stands where a seccomp profile could, and is none.
SECCOMP_WORDS = ("unconfined", "builtin")
#: What engines add for a container that is privileged, or has the host's processes or IPC.
UNLABELLED = "label=disable"


def canonical(options: Iterable[str], profiles: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options that count, each as `key=value`; profiles by what they say.

    `options` are verbatim, for docker itself opens a profile's file.
    """
    last: dict[str, str] = {}
    labels: list[str] = []
    for option in options:
        if option == "disable":
            labels.append(UNLABELLED)
            continue
        key, separator, value = option.partition("=" if "=" in option else ":")
        if key == "seccomp":
            last[key] = seccomp(value, profiles)
            continue
        value = as_sent(value)
        if key in BARE:
            on = value in TRUE if separator else True
            last[key] = f"{key}={'true' if on else 'false'}"
        elif key == "label":
            labels.append(f"label={value}")
        elif separator:
            last[key] = f"{key}={value}"
        else:
            last[key] = key
    return (*last.values(), *dict.fromkeys(labels))


def seccomp(value: str, profiles: Mapping[str, str]) -> str:
    """Return which filter a value stands for."""
    if value in SECCOMP_WORDS:
        return f"seccomp={value}"
    profile = profiles.get(value)
    return f"seccomp={profile}" if profile else UNKNOWN_PROFILE


def with_engine_defaults(options: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Return the options with what the engine adds where nothing was said."""
    said = any(one.startswith(f"{NO_NEW_PRIVILEGES}=") for one in options)
    if facts.engine is None or said or not facts.engine.no_new_privileges:
        return options
    return (*options, f"{NO_NEW_PRIVILEGES}=true")


def without_implied(options: tuple[str, ...], *, implied: bool) -> tuple[str, ...]:
    """Leave out what the engine adds by itself (moby daemon generateSecurityOpt), and records."""
    return tuple(one for one in options if not (implied and one == UNLABELLED))


def is_filtered(options: tuple[str, ...], facts: Facts, *, privileged: bool) -> bool | None:
    """Tell whether any seccomp filter will be on; None when that cannot be told.

    A privileged container has none unless it names one, and before moby 28 not even then.
    """
    named = next((one for one in options if one.startswith("seccomp=")), "")
    if named == "seccomp=unconfined":
        return False
    if privileged:
        return None if named else False
    if named == UNKNOWN_PROFILE:
        return None
    if named:
        return True
    return None if facts.engine is None else bool(facts.engine.seccomp)
