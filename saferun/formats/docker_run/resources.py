"""Amounts on the command line: bytes, numbers and processors, as the docker CLI reads them.

What cannot be read here counts as an amount without an end, so that no limit lets it pass; docker
itself refuses most of it.
"""

from __future__ import annotations

from saferun.judge.spec import UNLIMITED
from saferun.judge.values.amounts import BILLION, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from saferun.formats.docker_run.command import RunCommand

#: Microseconds of a period of the scheduler, where nothing else is said (cpu.cfs_period_us).
PERIOD = 100_000


def amounts(command: RunCommand) -> Mapping[str, Any]:
    """Return the fields of a ContainerSpec that are amounts, as far as they are spoken of."""
    memory = bytes_of(command.last("memory"))
    return {
        "memory": memory,
        "memory_swap": _swap(command.last("memory-swap"), memory),
        "cpus": _processors(command),
        "pids_limit": _processes(command.last("pids-limit")),
        "shm_size": bytes_of(command.last("shm-size")),
        "ulimits": tuple(ulimits(command.all("ulimit"))),
        "oom_score_adj": whole(command.last("oom-score-adj")),
        "restart": restart(command.last("restart") or ""),
    }


def bytes_of(text: str | None) -> int | None:
    """Return a size in bytes; UNLIMITED for 0, None for silence."""
    if text is None:
        return None
    return size(text.replace(" ", "", 1)) or UNLIMITED


def whole(text: str | None) -> int | None:
    """Return a whole number as Go's strconv.ParseInt with base 0 reads it; None for silence."""
    if text is None:
        return None
    digits = text.lstrip("+-")
    try:
        if digits.startswith("0") and digits.isdigit():
            return int(text, 8)
        return int(text, 0)
    except ValueError:
        return UNLIMITED


def restart(text: str) -> tuple[str, int]:
    """Return a restart policy: its name, and after how many tries it gives up, 0 for never."""
    name, _, count = text.partition(":")
    return name or "no", int(count) if count.isascii() and count.isdigit() else 0


def ulimits(values: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    """Yield each `NAME=SOFT[:HARD]`, the last one of each name; -1 is without an end."""
    last = dict(value.partition("=")[::2] for value in values)
    for name, amount in last.items():
        soft, _, hard = amount.partition(":")
        yield name, _bound(soft), _bound(hard or soft)


def _bound(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else UNLIMITED


def _swap(text: str | None, memory: int | None) -> int | None:
    """Return memory and swap together: twice the memory where nothing is said (moby)."""
    if text is None or size(text) == 0:
        return min(2 * memory, UNLIMITED) if memory is not None else None
    return bytes_of(text)


def _processes(text: str | None) -> int | None:
    count = whole(text)
    return count if count is None or count > 0 else UNLIMITED


def _processors(command: RunCommand) -> int | None:
    """Return billionths of a processor: --cpus, or a quota of each period."""
    text = command.last("cpus")
    if text is not None:
        above, slash, below = text.partition("/")
        if slash:
            # Both are whole numbers, octal ones where they begin with a zero (Go's big.Rat).
            parts = [whole(one) or 0 for one in (above, below)]
            count = parts[0] * BILLION // parts[1] if parts[1] and UNLIMITED not in parts else 0
        else:
            try:
                count = round(float(text) * BILLION)
            except (ValueError, OverflowError):
                count = 0
        return count if count > 0 else UNLIMITED
    quota = whole(command.last("cpu-quota"))
    if quota is None:
        return None
    period = whole(command.last("cpu-period")) or PERIOD
    return quota * BILLION // period if min(quota, period) > 0 and period < UNLIMITED else UNLIMITED
