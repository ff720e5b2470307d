"""What the documents say is true: every policy in them is one, every test they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saferun import laws

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{name} {number}")
    for name in ("README.md", "docs/policies.md", "docs/receipts.md")
    for number, block in enumerate(BLOCK.findall((ROOT / name).read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_policy_that_is_shown_is_valid(block: str) -> None:
    """Readers copy them."""
    text = block.replace('"./another.toml"', '"baseline"')
    assert len(laws.of_files([("explicit", "/p", text.encode())])) == 2


def test_there_are_some() -> None:
    """The pattern finds them."""
    assert len(BLOCKS) >= 5


NAMED = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/attacks.md").read_text()))
)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_guard_that_is_named_exists(file: str, test: str) -> None:
    """A table of attacks is worth what its tests are."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not test or f"def {test}(" in text


def test_attacks_are_named() -> None:
    """The pattern finds them."""
    assert len(NAMED) >= 40
