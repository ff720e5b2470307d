"""What a control is: a rule in words, where it comes from, the function that judges, and cases."""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from saferun.judge.decision import Obligation, Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec

    Finding: TypeAlias = Violation | Obligation
    Check: TypeAlias = Callable[[ContainerSpec, Law], Iterator[Finding]]


class Case(Record):
    """A law as TOML, and words for `docker run`: an example for readers, and a test.

    The words may name what the tests' engine has: the images `busybox` (no USER), `nonroot` (USER
    1000), `named` (USER appuser, uid 1000) and `sneaky` (USER sneaky, uid 0); the containers
    `pidhost` (host PID namespace), `nethost`, `ipchost` and `etc` (a bind of the host's /etc); the
    volumes `data`, `etcvol` (a bind of /etc in disguise) and `nfsvol`; the network `corp`.
    """

    law: str
    words: str


class Control(Record):
    """One control.

    `id` is the name in reports and the anchor in the reference; `rule` says what is refused or
    added, in words for a reviewer; `sources` name the standards and the code it comes from. `check`
    yields what it finds, and sees no other control's answer. A law that is silent on every one of
    the control's keys (`checks.CONTROLS`) never reaches it.
    """

    id: str
    rule: str
    sources: tuple[str, ...]
    check: Check
    passes: tuple[Case, ...]
    refuses: tuple[Case, ...]
