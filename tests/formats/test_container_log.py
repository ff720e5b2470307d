"""Container logs: the engine's frames, and the gate's words among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats.container_log import gate_line, stderr_of


def frame(stream: int, text: bytes) -> bytes:
    """One frame of moby's pkg/stdcopy."""
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


FRAMES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)))


@given(FRAMES)
def test_stderr_is_taken_out_of_the_frames(frames: list[tuple[int, bytes]]) -> None:
    """In order, and nothing else."""
    log = b"".join(frame(*one) for one in frames)
    assert stderr_of(log, tty=False) == b"".join(text for stream, text in frames if stream == 2)
    assert stderr_of(log, tty=True) == log


@given(FRAMES, st.integers(0, 60))
def test_a_log_cut_off_anywhere_gives_what_came_before(
    frames: list[tuple[int, bytes]], cut: int
) -> None:
    """Half a frame is no reason to fail."""
    log = b"".join(frame(*one) for one in frames)
    whole = stderr_of(log, tty=False)
    assert whole.startswith(stderr_of(log[:cut], tty=False))


@given(log=st.binary(), tty=st.booleans())
def test_no_log_is_too_strange(*, log: bytes, tty: bool) -> None:
    """A container may have written anything."""
    line = gate_line(log, tty=tty)
    assert line is None or isinstance(line, str)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (frame(2, b"saferun: CapBnd holds SYS_ADMIN\n"), "CapBnd holds SYS_ADMIN"),
        (
            frame(2, b"saferun: exec nosuch: ") + frame(2, b"not found\r\n"),
            "exec nosuch: not found",
        ),
        (frame(2, b"warning\n") + frame(2, b"saferun: x"), "x"),
        (frame(2, b"saferun: exec x: y\nsaferun: hint: z\r\n"), "exec x: y\nhint: z"),
        (frame(2, b"saferun: x\n") + frame(2, b"saferun: hint: z\n"), "x\nhint: z"),
        (frame(2, b"saferun: hint: z\n"), None),
        (frame(2, b"x\nsaferun: hint: z\n"), None),
        (frame(2, b"saferun: hint: y\nsaferun: hint: z\n"), None),
        (frame(1, b"saferun: x\n"), None),
        (frame(2, b"saferun: x\nsomething else\n"), None),
        (frame(2, b" saferun: x\n"), None),
        (frame(2, b"note: saferun: x\n"), None),
        (frame(2, b"\n\n"), None),
        (frame(2, b"saferun: \xff\n"), "\udcff"),
        (b"", None),
    ],
)
def test_the_gates_line(log: bytes, line: str | None) -> None:
    """Only the last line on stderr can be the gate's, or the last two where one is a hint."""
    assert gate_line(log, tty=False) == line


def test_on_a_terminal_there_are_no_frames() -> None:
    """The one stream is read as it is."""
    assert gate_line(b"saferun: exec /x: not found\r\n", tty=True) == "exec /x: not found"
    assert gate_line(b"hello\r\n", tty=True) is None
