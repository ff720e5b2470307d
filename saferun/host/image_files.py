"""Files of an image, read without running anything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saferun.host.scratch_container import read_file, scratch, sdk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saferun.host.endpoint import Endpoint


def read(
    endpoint: Endpoint, version: str, image: str, paths: Sequence[str]
) -> tuple[bytes | None, ...]:
    """Return each file's content; raises EngineError.

    It is empty where the image has no such file, None where it has something else there.
    """
    with sdk(endpoint, version) as client, scratch(client, image, "passwd") as container:
        return tuple(read_file(client, container, path, b"") for path in paths)
