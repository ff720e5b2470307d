"""Files of an image, read without running anything in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from saferun.host.scratch_container import read_file, scratch, sdk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from saferun.host.endpoint import Endpoint


#: As large as a pipe, so that no more than this is ever held of an archive.
PIECE = 1 << 16
#: How long all files of an image may take: some have gigabytes of them.
EXPORT_SECONDS = 3600


def read(
    endpoint: Endpoint, version: str, image: str, paths: Sequence[str]
) -> tuple[bytes | None, ...]:
    """Return each file's content; raises EngineError.

    It is empty where the image has no such file, None where it has something else there.
    """
    with sdk(endpoint, version) as client, scratch(client, image, "passwd") as container:
        return tuple(read_file(client, container, path, b"") for path in paths)


@contextmanager
def exported(endpoint: Endpoint, version: str, image: str) -> Iterator[Iterator[bytes]]:
    """Yield a tar archive of all files of an image, in pieces; raises EngineError.

    It is what the engine would give a container, layers merged, with owners, modes and attributes.
    """
    with (
        sdk(endpoint, version, EXPORT_SECONDS) as client,
        scratch(client, image, "inspect") as container,
    ):
        yield client.export(container, PIECE)
