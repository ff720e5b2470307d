"""Delivering the gates to an engine: one named volume, filled once, read back before it is trusted.

A tiny image that holds the gates is imported, a container of it is created with the volume mounted
over their directory, and the engine copies them up into the volume, as it does for every empty one
(moby daemon populateVolume). The same container is then used to read them back. Filling a volume
that is already filled changes nothing, so doing all this twice, or two of us at once, is harmless.

Podman copies up only when a container starts, and takes no labels with a container's mounts: there
the volume is made beforehand and the gates are put into it.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saferun.errors import EngineError, GateError
from saferun.host.scratch_container import LABEL as SCRATCH
from saferun.host.scratch_container import read_file, removed_afterwards, scratch, sdk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import docker

    from saferun.host.endpoint import Endpoint

#: Another saferun may be half-way through the same work: how often to look, and how far apart.
ATTEMPTS = 6
PAUSE_SECONDS = 0.3


def gates() -> dict[str, bytes]:
    """Return the gates that this installation carries, by file name."""
    directory = os.path.join(os.path.dirname(os.path.dirname(__file__)), "gate")
    found = {}
    for name in sorted(os.listdir(directory)):
        if name.startswith("gate-"):
            with open(os.path.join(directory, name), "rb") as file:
                found[name] = file.read()
    return found


def fill(  # noqa: PLR0913 - one thing, in its parts
    endpoint: Endpoint,
    version: str,
    volume: str,
    label: tuple[str, str],
    directory: str,
    *,
    copied_up: bool = True,
) -> None:
    """Fill the volume and read it back; raise GateError when it holds anything else.

    `label` is put on the volume if the engine has to make it; `directory` is where it is mounted;
    `copied_up` tells whether the engine fills a volume when a container is made.
    """
    files = gates()
    with sdk(endpoint, version) as client, imported(client, directory, files) as image:
        if not copied_up:
            client.create_volume(volume, labels=dict([label]))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = _fill_once(
                    client, image, volume, label, directory, files, copied_up=copied_up
                )
            except EngineError:
                raise
            except Exception:
                # Two of us copying into one volume get in each other's way.
                if attempt == ATTEMPTS:
                    raise
                found = None
            if found == files:
                return
            time.sleep(PAUSE_SECONDS)
    message = f"the volume {volume} does not hold saferun's gates"
    raise GateError(
        message,
        f"somebody else filled it, or it is damaged: remove it with `docker volume rm {volume}`",
    )


@contextmanager
def imported(client: docker.APIClient, directory: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the id of an image that holds nothing but these files, and remove it afterwards."""
    with removed_afterwards(
        lambda: _image_id(
            client.import_image_from_data(_tar(directory, files), changes=[f"LABEL {SCRATCH}=gate"])
        ),
        lambda image: client.remove_image(image, force=True),
    ) as image:
        yield image


def content(
    client: docker.APIClient, image: str, volume: str, directory: str
) -> dict[str, bytes | None]:
    """Return the gates as they are in a volume that is there, changing nothing in it."""
    mount = {
        "Type": "volume",
        "Source": volume,
        "Target": directory,
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True},
    }
    return _read(client, image, mount, directory, gates())


def _fill_once(  # noqa: PLR0913 - one thing, in its parts
    client: docker.APIClient,
    image: str,
    volume: str,
    label: tuple[str, str],
    directory: str,
    files: Mapping[str, bytes],
    *,
    copied_up: bool,
) -> dict[str, bytes | None]:
    mount = {
        "Type": "volume",
        "Source": volume,
        "Target": directory,
        "VolumeOptions": {"Labels": dict([label])},
    }
    if not copied_up and not any(_read(client, image, mount, directory, files).values()):
        with scratch(client, image, "gate", [mount]) as container:
            client.put_archive(container, "/", _tar(directory, files))
    return _read(client, image, mount, directory, files)


def _read(
    client: docker.APIClient,
    image: str,
    mount: Mapping[str, object],
    directory: str,
    files: Mapping[str, bytes],
) -> dict[str, bytes | None]:
    with scratch(client, image, "gate", [mount]) as container:
        return {name: read_file(client, container, f"{directory}/{name}") for name in files}


def _tar(directory: str, files: Mapping[str, bytes]) -> bytes:
    # Uncompressed: engines before 29.5.1 ran decompressors from places they should not
    # (CVE-2026-41567).
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        top = tarfile.TarInfo(directory.strip("/"))
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for name, content in files.items():
            member = tarfile.TarInfo(f"{directory.strip('/')}/{name}")
            member.size, member.mode = len(content), 0o555
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _image_id(answer: str) -> str:
    # A stream of JSON objects, the last of which has the id as its status.
    import json

    for line in reversed(answer.strip().splitlines()):
        try:
            status = json.loads(line)["status"]
        except (KeyError, TypeError, ValueError):
            continue
        if isinstance(status, str) and status.startswith("sha256:"):
            return status
    message = f"the docker engine did not import the gates: {answer.strip()[:200]}"
    raise EngineError(message)
