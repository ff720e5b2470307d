"""What the documents show is true: every policy in them is one."""

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
