"""What controls over lists have in common: everything that is asked for must be on the list."""

from __future__ import annotations

from saferun.judge.decision import Violation
from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from saferun.judge.policy import Law, Limit

    T = TypeVar("T")


def unlisted(  # noqa: PLR0913 - what differs between lists
    law: Law,
    key: str,
    asked: Iterable[tuple[str, T]],
    covers: Callable[[str, T], bool],
    touches: Callable[[str, T], bool] | None = None,
    *,
    hint: str = "",
) -> Iterator[Violation]:
    """Yield a violation for everything asked for that the limit on a key does not permit.

    `asked` are pairs of what to call it, such as `--pid=host`, and what `covers` takes it as; one
    item of the list has to cover all of it. An item of a denied list that `touches` it is enough.
    """
    limit = law.limit(key)
    if limit is None:
        return
    for shown, value in dict.fromkeys(asked):
        against = limit.against(
            lambda names, value=value: any(covers(name, value) for name in names),  # type: ignore[misc]
            lambda names, value=value: any((touches or covers)(name, value) for name in names),  # type: ignore[misc]
        )
        if against:
            yield Violation(
                key, f"{shown} is not allowed", f"allowed: {permitted(limit)}", against, hint, key
            )


def words(law: Law, key: str, asked: Iterable[str], hint: str = "") -> Iterator[Violation]:
    """Yield a violation for each word that no glob of the limit on a key matches."""
    shown = ((f"--{key}={word}", word) for word in asked)
    return unlisted(law, key, shown, globs.covers, hint=hint)


def named(law: Law, key: str, name: str | None) -> Iterator[Violation]:
    """Yield a violation for a name that no glob of the limit on a key matches.

    None, or nothing, is a default of the engine that could not be found out: nothing permits it.
    """
    if name:
        yield from words(law, key, (name,))
        return
    limit = law.limit(key)
    if limit is not None:
        detail = f"allowed: {permitted(limit)}"
        hint = f"name one with --{key}"
        yield Violation(key, f"the engine's own {key} is not known", detail, limit.origins, hint)


def permitted(limit: Limit) -> str:
    """Return what a limit's lists permit, layer by layer, in words."""
    lists = []
    for bound in limit.bounds:
        shown = [" ".join(one.names) or "none" for one in bound.base]
        extra = [" ".join(one.names) for one in bound.allow]
        if shown:
            lists.append(" or ".join([" and ".join(shown), *extra]))
    return "; and ".join(dict.fromkeys(lists)) or "anything that is not denied"
