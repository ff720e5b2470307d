"""Policy files: a law that says what TOML says, or mistakes; and no law allows by accident."""

from __future__ import annotations

from contextlib import suppress

import tomli

from saferun.formats.policy_toml import SELECTORS, Parsed, parse
from saferun.judge.capabilities import canonical, mask_of
from saferun.judge.evaluate import evaluate
from saferun.judge.keys import KEYS, ROOT_OR_NOT, VERBS
from saferun.judge.policy import BUILT_IN, Layer, conflicts
from saferun.judge.rules import Asking, Image, in_force
from saferun.judge.spec import ContainerSpec
from tests.formats.test_plain_toml import agrees
from tests.formats.test_policy_toml_fuzz import assert_law_or_mistakes
from tests.fuzz import mutating

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

BUSYBOX = Image((("docker.io/library/busybox", "latest"),), "sha256:" + "1" * 64)
ASKING = Asking(BUSYBOX, 1000, frozenset((1000,)), "2026-06-01")
#: What is not allowed unless a law says so, or at all.
ONE = ContainerSpec(uid=3267, user="3267", image=BUSYBOX, cap_add=("NET_RAW",))
HOPELESS = (
    ONE.replace(cap_add=("ALL",)),
    ONE.replace(cap_add=(), privileged=True),
    ONE.replace(cap_add=("SYS_BOOT",), privileged=True),
)


def run(data: bytes) -> None:
    """Hold one file against what must be true of all."""
    assert_law_or_mistakes(data)
    with suppress(UnicodeDecodeError):
        # Line ends are the policy reader's business.
        agrees(data.decode().replace("\r\n", "\n"))
    judging(parse(data, "/p"), data)


def judging(parsed: Parsed, data: bytes) -> None:
    """A law gives only what it names, and never takes the drop away."""
    if parsed.mistakes:
        return
    system = Layer("system", parsed.statements, parsed.rules)
    conflicts(system)
    layers = in_force((BUILT_IN, system), ASKING)
    decision = evaluate(ONE, layers)
    assert not (decision.masks.root | decision.masks.other) & ~mask_of(ONE.cap_add)
    assert [one.value for one in decision.obligations if one.flag == "cap-drop"] == ["ALL"]
    if decision.allowed:
        text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
        assert {"NET_RAW", "ALL"} & {canonical(one) for one in texts(tomli.loads(text))}
    for request in HOPELESS:
        assert not evaluate(request, layers).allowed


def texts(value: object) -> Iterator[str]:
    """Yield every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


#: What laws are made of.
WORDS = (
    *KEYS,
    *(f"[{verb}]\n" for verb in VERBS),
    *(f"[{whom}.{verb}]\n" for whom in ROOT_OR_NOT for verb in VERBS),
    *("[[allow]]\n", "[[deny]]\n", "schema = 1\n", "extends = [", *SELECTORS, 'reason = "x"\n'),
    *(' = ["', '"]\n', '", "', ' = "', " = true\n", " = 1\n", "2027-01-31", '"""', "\\u0041"),
    *('"NET_RAW"', '"ALL"', '"CHOWN"', '"private"', '"host"', '"no-new-privileges"', '"512m"'),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.pieces(data, (b"\n", b"\n", b" = ", b", "), WORDS, random)
