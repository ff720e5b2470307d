"""The /etc/passwd of an image, read without running anything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saferun.host.scratch_container import read_file, scratch, sdk

if TYPE_CHECKING:
    from saferun.host.endpoint import Endpoint


def read(endpoint: Endpoint, version: str, image: str, path: str) -> bytes | None:
    """Return the file's content, or None when the image has none; raises EngineError."""
    with sdk(endpoint, version) as client, scratch(client, image, "passwd") as container:
        return read_file(client, container, path)
