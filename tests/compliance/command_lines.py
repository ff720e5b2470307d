"""The argument lists of command_lines.txt, by section."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from urllib.parse import unquote_to_bytes

FILE = Path(__file__).with_suffix(".txt")


def read(text: str) -> dict[str, list[list[str]]]:
    """Return the argument lists under each heading."""
    sections: dict[str, list[list[str]]] = {}
    lists: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("["):
            lists = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            quoted = shlex.split(line) if line != "%" else []
            lists.append([os.fsdecode(unquote_to_bytes(word)) for word in quoted])
    return sections


SECTIONS = read(FILE.read_text())
