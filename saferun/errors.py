"""What stops saferun from judging; a denial is a value, not an error.

Every class carries the exit status that the run door ends with. 125 is docker's own status for
"nothing was started".
"""

from __future__ import annotations


class SaferunError(Exception):
    """saferun could not do its work, and therefore started nothing.

    `str(error)` is one or more lines, lower case, without a full stop; `hints` say what to do.
    """

    status = 125

    def __init__(self, message: str, *hints: str) -> None:
        """Take the message and any number of hints."""
        super().__init__(message)
        self.hints = hints


class PolicyError(SaferunError):
    """A policy layer exists but cannot be trusted, read or understood."""


class EngineError(SaferunError):
    """The engine cannot be reached, or answered something unusable."""


class KernelError(SaferunError):
    """/proc could not be read for want of files or memory: that says nothing of any process."""


class DockerCliError(SaferunError):
    """No docker CLI can be used."""


class GateError(SaferunError):
    """The gate cannot be delivered to this engine, image or architecture."""


class ImageError(SaferunError):
    """The image is missing, or its facts cannot be read."""


class Interrupted(BaseException):
    """A signal asked saferun to end while it was at work on the engine; `number` is which."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(number)
        self.number = number
