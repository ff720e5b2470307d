"""verify: whether the kernel's own answer may be left unasked."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse a mode of `--verify` that the law does not name."""
    return unlisted(
        law,
        "verify",
        ((f"--verify={spec.verify}", spec.verify),),
        lambda name, asked: name == asked,
        hint='to allow this, a policy has to say [limits] verify = ["on", "off"]',
    )


CONTROL = Control(
    "verify",
    "Without the gate nothing is checked before the command's first instruction, so `--verify=off` "
    "is refused unless a law names it.",
    ("saferun: what is unverified is not taken for verified",),
    check,
    (
        Case("", "--verify=on busybox"),
        Case('[limits]\nverify = ["on", "off"]', "--verify=off busybox"),
    ),
    (
        Case("", "--verify=off busybox"),
        Case('[limits]\nverify = ["on"]', "--verify=off busybox"),
    ),
)
