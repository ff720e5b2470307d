"""A container's log as the engine sends it, and the gate's words in it."""

from __future__ import annotations

#: Every line that the gate writes begins like this.
GATE_PREFIX = b"saferun: "
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

    The gate writes one line and exits, so it can only be the last one.
    """
    lines = stderr_of(log, tty=tty).rstrip().splitlines()
    if not lines or not lines[-1].startswith(GATE_PREFIX):
        return None
    return lines[-1].removeprefix(GATE_PREFIX).decode("utf-8", "surrogateescape").strip()
