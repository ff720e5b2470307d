"""A container's log as the engine sends it, and the gate's words in it."""

from __future__ import annotations

#: Every line that the gate writes begins like this.
GATE_PREFIX = b"saferun: "
#: Its second line, if there is one, begins like this.
HINT_PREFIX = GATE_PREFIX + b"hint: "
#: Stream type (1 byte), padding (3), length (4, big-endian): moby pkg/stdcopy.
HEADER = 8
STDERR = 2


def stderr_of(log: bytes, *, tty: bool) -> bytes:
    """Return what came on stderr from `GET /containers/ID/logs`; on a TTY there is one stream."""
    if tty:
        return log
    text = b""
    while len(log) >= HEADER:
        size = int.from_bytes(log[4:HEADER], "big")
        if log[0] == STDERR:
            text += log[HEADER : HEADER + size]
        log = log[HEADER + size :]
    return text


def gate_line(log: bytes, *, tty: bool) -> str | None:
    """Return the line with which the gate ended, or None when it did not.

    The gate writes one line and exits, so it can only be the last one; with a hint it is two, which
    are returned with a newline in between.
    """
    lines = stderr_of(log, tty=tty).rstrip().splitlines()
    # Its own bytes are ASCII, so only ours and a terminal's line ends can be here.
    said = lines[-2:] if lines and lines[-1].startswith(HINT_PREFIX) else lines[-1:]
    first = said[0] if said else b""
    if not first.startswith(GATE_PREFIX) or first.startswith(HINT_PREFIX):
        return None
    texts = (line.removeprefix(GATE_PREFIX).decode("utf-8", "surrogateescape") for line in said)
    return "\n".join(text.strip() for text in texts)
