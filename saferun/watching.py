"""Audits for as long as somebody watches: whenever something happens, and now and then.

What joins a container from the host makes no event, therefore time passes for one as well.
"""

from __future__ import annotations

import time
from contextlib import closing

from saferun import audit
from saferun.errors import EngineError
from saferun.formats import engine_activity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.audit import Asked
    from saferun.host.engine import Following
    from saferun.judge.audit import Report
    from saferun.world import World

#: Only containers' events; which of them matter is engine_activity's business.
EVENTS = '/events?filters={"type":["container"]}'.replace('"', "%22")
#: How long to wait for events that come together: what was started is not there at once.
TOGETHER_SECONDS = 0.3
#: At most one audit in this time, whatever happens.
LEAST_SECONDS = 1.0
#: An audit takes at most this share of the time.
SHARE = 0.2
#: How long to wait before an engine that does not answer is asked again.
RETRY_SECONDS = 1.0


def reports(world: World, asked: Asked, seconds: float) -> Iterator[Report | EngineError]:
    """Yield an audit after every event, and after that many seconds without any; without end.

    While the engine does not answer, why; it is asked again and again. Raises PolicyError when the
    law cannot be read any more.
    """
    while True:
        try:
            with closing(world.engine.follow(EVENTS)) as following:
                yield from _while_it_answers(world, asked, seconds, following)
        except EngineError as error:
            yield error
        time.sleep(RETRY_SECONDS)


def _while_it_answers(
    world: World, asked: Asked, seconds: float, following: Following
) -> Iterator[Report]:
    lately: list[str] = []
    while True:
        began = time.monotonic()
        report = audit.audit(world, asked, lately, patient=True)
        took = time.monotonic() - began
        yield report
        lately = _happened(following, seconds)
        rest = max(LEAST_SECONDS, took / SHARE) - (time.monotonic() - began)
        if rest > 0:
            time.sleep(rest)
            lately += _execs(following.lines(0))


def _happened(following: Following, seconds: float) -> list[str]:
    """Wait until something happens that matters; return the ids of what was exec'd."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        lines = following.lines(left)
        if any(engine_activity.event(line) for line in lines):
            time.sleep(TOGETHER_SECONDS)
            return _execs([*lines, *following.lines(0)])
    return []


def _execs(lines: list[bytes]) -> list[str]:
    found = (engine_activity.event(line) for line in lines)
    return [one.exec for one in found if one is not None and one.exec]
