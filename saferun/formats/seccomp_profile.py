"""Which seccomp profile it is: a hash of what it says, however it is laid out.

The docker CLI sends a profile's file without its white space, other clients write it as they like.
"""

from __future__ import annotations

from saferun.formats.json_text import once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def identity(content: bytes) -> str | None:
    """Return `sha256:…` of a profile in one canonical form; None when it is no profile.

    What engines might read in more than one way has no identity: names that are there twice, and
    numbers that are not whole.
    """
    import json  # only for those who bring a profile
    from hashlib import sha256

    try:
        profile = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=once,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
        canonical = json.dumps(profile, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(profile, dict):
        return None
    return f"sha256:{sha256(canonical.encode()).hexdigest()}"


def _refuse(text: str) -> NoReturn:
    message = f"no whole number: {text}"
    raise ValueError(message)
