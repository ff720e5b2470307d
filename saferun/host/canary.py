"""Canary containers, through the docker SDK: started, executed in, restarted, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
import docker.errors
from docker.utils.socket import SocketError

from saferun.host.scratch_container import container, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack


def started(
    client: docker.APIClient, stack: ExitStack, config: Mapping[str, Any]
) -> tuple[str, str]:
    """Start a new container, to be removed with the stack; return its id and what went wrong.

    The id is empty where the engine would not even create it.
    """
    try:
        made = stack.enter_context(container(client, config))
    except docker.errors.APIError as error:
        return "", f"it could not be created: {error.explanation}"
    return made, start(client, made)


def start(client: docker.APIClient, made: str) -> str:
    """Start a container, also one that has ended; return the engine's complaint, or nothing."""
    try:
        client.start(made)
    except docker.errors.APIError as error:
        return f"it could not be started: {error.explanation}"
    return ""


def restart(client: docker.APIClient, made: str) -> str:
    """Kill a container and start it again; return the engine's complaint, or nothing."""
    try:
        client.restart(made, timeout=0)
    except docker.errors.APIError as error:
        return f"it could not be restarted: {error.explanation}"
    return ""


def execute(
    client: docker.APIClient, made: str, words: Sequence[str], user: str
) -> tuple[bytes, str]:
    """Execute a program in a running container; return what came out of it, or a complaint."""
    try:
        id_ = text_of(client.exec_create(made, list(words), user=user), "Id")
        # One stream after the other: what the engine has to say comes on stdout.
        out, stderr = client.exec_start(id_, demux=True)
    except docker.errors.APIError as error:
        return b"", f"nothing could be executed in it: {error.explanation}"
    except (SocketError, ValueError) as error:
        # What came back is no stream of the engine's (moby pkg/stdcopy).
        return b"", f"what was executed in it cannot be heard: {error}"
    return (out or b"") + (stderr or b""), ""
