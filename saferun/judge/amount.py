"""What controls over amounts have in common: no more than the law says, and no less than nothing.

An engine takes silence for "without limit", so where the law has a limit and the command line is
silent, the limit itself is added. Asking for no limit is asking for more than any.
"""

from __future__ import annotations

from saferun.judge.decision import Obligation, Violation
from saferun.judge.spec import UNLIMITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from saferun.judge.policy import Law, Value


def at_most(
    law: Law,
    key: str,
    asked: int | None,
    measure: Callable[[Value], int | None],
    show: Callable[[int], str],
) -> Iterator[Violation | Obligation]:
    """Refuse more than the limit on a key; oblige to set the limit where nothing was asked for.

    Where the law only requires that there is some limit, silence is refused: what would be enough
    cannot be guessed. `measure` gives the number that a value of the law stands for, `show` the
    word for docker that stands for a number.
    """
    limit = law.limit(key)
    most, origins = limit.most(measure) if limit else (None, ())
    required = tuple(one.origin for one in law.required(key))
    if asked is None and most is not None:
        yield Obligation(key, key, show(most), f"--{key} is limited", origins)
    elif most is not None and asked is not None and asked > most:
        shown = "no limit" if asked >= UNLIMITED else show(asked)
        yield Violation(
            key,
            f"--{key}: {shown} is more than allowed",
            f"at most {show(most)}",
            origins,
            f"ask for --{key}={show(most)} or less",
            key,
        )
    elif required and (asked is None or asked >= UNLIMITED):
        yield Violation(
            key,
            f"--{key} is required",
            "without it there is no limit",
            required,
            f"give --{key} an amount, or a policy a default for it",
        )
