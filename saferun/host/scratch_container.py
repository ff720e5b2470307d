"""Containers that are made to look into, never started, and removed again."""

from __future__ import annotations

import io
import tarfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests.exceptions

from saferun.errors import EngineError
from saferun.host import engine_sdk
from saferun.host.signals import Deferred, Raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from saferun.host.endpoint import Endpoint

#: Tells what the container is for, to whoever sees it while it is there.
LABEL = "saferun.scratch"
#: What such a container would execute if anybody started it: nothing that there is.
NEVER = "/saferun-never-starts-this"
#: How old what nobody has removed must be before it counts as left behind by a killed saferun.
ABANDONED_SECONDS = 3600
#: What the SDK, and what reads an archive, raise for an answer that has not the shape it should.
NONSENSE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    tarfile.TarError,
)
#: The bit of Go's fs.FileMode, in which the engine tells a file's kind, that means a directory.
GO_MODE_DIR = 1 << 31
#: Larger than any passwd or gate; an image could hold a file of any size there.
LARGEST_FILE = 4 << 20
#: What an archive of one file has besides its content.
LARGEST_HEADERS = 1 << 20
#: How many links the engine would follow before it gives up (Linux MAXSYMLINKS).
MOST_LINKS = 40


@contextmanager
def sdk(endpoint: Endpoint, version: str, seconds: int | None = None) -> Iterator[docker.APIClient]:
    """Yield an SDK client; raise EngineError for whatever the SDK or the connection raises.

    `seconds` is how long one answer may take. An ending signal raises Interrupted inside, so that
    everything made here is removed again.
    """
    client = engine_sdk.client(endpoint, version, seconds)
    try:
        with Raised():
            yield client
    except docker.errors.APIError as error:
        raise EngineError(f"the docker engine refused: {error.explanation}") from error
    except (requests.exceptions.InvalidJSONError, *NONSENSE) as error:
        raise EngineError(f"the docker engine's answer makes no sense: {error}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        why = f"it took longer than {client.timeout:g} seconds" if _is_late(error) else str(error)
        raise EngineError(f"the docker engine did not answer: {why}") from error
    finally:
        client.close()


def _is_late(error: Exception) -> bool:
    """Tell whether a timeout is what began it: the SDK has several wrappings for that."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, TimeoutError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


@contextmanager
def scratch(
    client: docker.APIClient, image: str, purpose: str, mounts: Sequence[Mapping[str, Any]] = ()
) -> Iterator[str]:
    """Yield the id of a container of this image that is never started, and remove it."""
    config = {
        "Image": image,
        # The image's may be nobody whom the engine can find, and Podman looks at once.
        "User": "0",
        "Labels": {LABEL: purpose},
        # Never executed; an image may have no command of its own, and then it has to be said.
        "Entrypoint": [NEVER],
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none", "Mounts": list(mounts)},
    }
    with container(client, config) as made:
        _sweep(client, made)
        yield made


def _sweep(client: docker.APIClient, made: str) -> None:
    """Remove what a killed saferun could not: scratch containers and images of another hour.

    By the engine's own clock: `made` is a scratch container of this moment. Nobody is kept from
    his work when that fails.
    """
    with suppress(docker.errors.APIError, requests.exceptions.RequestException, *NONSENSE):
        found = client.containers(all=True, filters={"label": LABEL})
        (now,) = (each["Created"] for each in found if each["Id"] == made)
        for each in found:
            never = each["State"] == "created" and each["Command"].strip('"') == NEVER
            if never and now - each["Created"] > ABANDONED_SECONDS:
                client.remove_container(each["Id"], v=True)
        for each in client.images(filters={"label": LABEL, "dangling": True}):
            if now - each["Created"] > ABANDONED_SECONDS:
                client.remove_image(each["Id"])


@contextmanager
def container(client: docker.APIClient, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the id of a new container with this create body; kill and remove it afterwards."""
    with removed_afterwards(
        lambda: text_of(client.create_container_from_config(config), "Id"),  # type: ignore[no-untyped-call]  # types-docker
        lambda made: client.remove_container(made, v=True, force=True),
    ) as made:
        yield made


def text_of(answer: object, name: str) -> str:
    """Return a field of an engine's answer that has to be text; raises EngineError otherwise."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, str) or not value:
        message = f"the docker engine's answer makes no sense: it has no {name}"
        raise EngineError(message)
    return value


@contextmanager
def removed_afterwards(make: Callable[[], str], remove: Callable[[str], object]) -> Iterator[str]:
    """Yield what was made on the engine, and remove it, also when a signal comes at any moment."""
    with Deferred() as signals:
        made = make()
    try:
        signals.deliver()
        yield made
    finally:
        with Deferred() as late:
            remove(made)
        late.deliver()


def _bounded(pieces: Iterable[bytes]) -> bytes:
    archive = b""
    for piece in pieces:
        archive += piece
        if len(archive) > LARGEST_FILE + LARGEST_HEADERS:
            message = "the docker engine's answer makes no sense: an archive without end"
            raise EngineError(message)
    return archive


def read_file(
    client: docker.APIClient, container: str, path: str, missing: bytes | None = None
) -> bytes | None:
    """Return a file from inside a container, links followed there.

    `missing` when nothing is there, None when it is no regular file, or too large.
    """
    for _ in range(MOST_LINKS):
        try:
            stream, found = client.get_archive(container, path)
        except docker.errors.NotFound:
            return missing
        if not found or found.get("size", 0) > LARGEST_FILE or found.get("mode", 0) & GO_MODE_DIR:
            return None
        archive = _bounded(stream)
        # Podman names a target for what is no link, too: the path itself.
        target = found.get("linkTarget")
        if target and target != path:
            path = target
            continue
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            for member in members:
                content = members.extractfile(member) if member.isfile() else None
                return content.read() if content is not None else None
    return None
