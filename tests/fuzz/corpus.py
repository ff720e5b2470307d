"""Inputs that are kept: for each target a text file, a line an input, each a JSON string.

What once failed is there, what a person thought of, and what reaches further than all that.
Bytes that are no UTF-8 are lone surrogates there, as in names of files (PEP 383).
"""

from __future__ import annotations

import json
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: The targets, each a module beside this one: its function `run` raises what is wrong, `mutated`
#: changes an input, `WORDS` are its language's.
TARGETS = ("parser", "policy", "body", "http", "image", "users", "proc")


def load(target: str) -> list[bytes]:
    """Return the inputs that are kept for a target."""
    return [_bytes(line) for line in _file(target).read_text(encoding="ascii").splitlines()]


def store(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs, and no others."""
    lines = {shown(data): None for data in sorted(inputs, key=lambda data: (len(data), data))}
    _file(target).write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def shown(data: bytes) -> str:
    """Return an input as the line that it is kept as."""
    return json.dumps(data.decode("utf-8", "surrogateescape"))


def _bytes(line: str) -> bytes:
    return str(json.loads(line)).encode("utf-8", "surrogateescape")


def _file(target: str) -> Path:
    return Path(__file__).parent / "corpus" / f"{target}.txt"
