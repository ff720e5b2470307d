"""Tables for people: drawn by rich on a terminal, plain columns anywhere else.

Text that comes from containers, images or files is made visible first, so that nothing in it can
talk to the terminal.
"""

from __future__ import annotations

import sys

from saferun.formats.terminal import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: How a cell that tells good from bad is shown on a terminal.
STYLES = {
    "pass": "green",
    "fail": "bold red",
    "fails": "bold red",
    "regains": "red",
    "clean": "green",
    "findings": "bold red",
    "unverified": "yellow",
    "cannot tell": "yellow",
    "CRITICAL": "bold red",
    "HIGH": "red",
    "MODERATE": "yellow",
    "LOW": "green",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as text that ends in a newline; wrapped to the terminal when there is one."""
    shown = [[visible(cell) for cell in row] for row in rows]
    return _drawn(heads, shown) if sys.stdout.isatty() else _plain(heads, shown)


def _plain(heads: Sequence[str], rows: list[list[str]]) -> str:
    lines = [[head.upper() for head in heads], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def _drawn(heads: Sequence[str], rows: list[list[str]]) -> str:
    from rich.console import Console  # only people on a terminal wait for it
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for head in heads:
        drawn.add_column(head.upper(), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console = Console()
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()
