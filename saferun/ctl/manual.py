"""The manual page of saferunctl, made from its commands (man(7))."""

from __future__ import annotations

import click

from saferun.ctl import saferunctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
.\\" Made from the code by script/generate.
.TH SAFERUNCTL 1 "" saferun "User Commands"
.SH NAME
saferunctl \\- look after saferun: the law, what runs, and the engine
.SH SYNOPSIS
.B saferunctl
.I COMMAND
.RI [ OPTIONS ]
.RI [ ARG .\\|.\\|.]
.SH DESCRIPTION
Everything around
.BR saferun (1)
but running a container.
.SH COMMANDS
"""
TAIL = """\
.SH EXIT STATUS
.TP
.B 0
Clean.
.TP
.B 1
There are findings.
.TP
.B 2
It could not be told, or the command line is wrong.
.SH SEE ALSO
.BR saferun (1),
.BR docker (1),
.BR capabilities (7)
"""


def page() -> str:
    """Return the page as roff."""
    return HEAD + "".join(f"{line}\n" for line in _commands(saferunctl, "saferunctl")) + TAIL


def _commands(group: click.Group, path: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
            continue
        its = click.Context(command, info_name=name)
        usage = " ".join(command.collect_usage_pieces(its))
        yield f".SS {_text(path)} {_text(name)} {_text(usage)}"
        for paragraph in (command.help or "").split("\n\n"):
            yield from (".PP", _text(" ".join(paragraph.replace("\b", "").split())))
        for parameter in command.get_params(its):
            record = parameter.get_help_record(its)
            if record and isinstance(parameter, click.Option) and parameter.name != "help":
                yield from (".TP", f".B {_text(record[0])}", _text(record[1]))


def _text(text: str) -> str:
    """Return text as roff: no letter of it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
