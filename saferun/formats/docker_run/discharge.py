"""Rewriting a command line: the policy's defaults, and the obligations of a permission."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from saferun.formats.docker_run.command import RunCommand
    from saferun.judge.decision import Obligation
    from saferun.judge.policy import Statement, Value


#: Flags that say the same as another one, or rule it out (docker refuses both together).
ALSO_SAID_BY = {
    "cpus": ("cpu-quota", "cpu-period"),
    "health-cmd": ("no-healthcheck",),
    "restart": ("rm",),
    "rm": ("restart",),
}


def is_silent(command: RunCommand, key: str) -> bool:
    """Tell whether the command line says nothing of what a key is about."""
    return not any(command.all(name) for name in (key, *ALSO_SAID_BY.get(key, ())))


def with_defaults(command: RunCommand, defaults: Iterable[Statement]) -> RunCommand:
    """Add each default whose flag the command line does not speak of."""
    silent = [default for default in defaults if is_silent(command, default.key)]
    for default in silent:
        for word in words(default.value):
            command = command.with_option(default.key, word)
    return command


def discharge(command: RunCommand, obligations: Iterable[Obligation]) -> RunCommand:
    """Add what a permission depends on."""
    for obligation in obligations:
        command = command.with_option(obligation.flag, obligation.value)
    return command


def words(value: Value) -> tuple[str, ...]:
    """Return a policy value as docker run's words for it: one, or one for each of a list."""
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, tuple):
        return value
    return (str(value),)
