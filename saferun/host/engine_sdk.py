"""The docker SDK, talking over saferun's own connection to the engine.

For everything that changes something on the engine outside of `docker run` itself. The SDK resolves
contexts, TLS and ssh differently from the docker CLI, so it is handed a connection instead of an
address. Importing it costs 130 ms and more: only rare paths do.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

import docker
import urllib3.connection
import urllib3.connectionpool
from docker.transport.basehttpadapter import BaseHTTPAdapter

from saferun.host.engine import SECONDS

if TYPE_CHECKING:
    import requests

    from saferun.host.endpoint import Connection, Endpoint


def client(endpoint: Endpoint, version: str, seconds: int | None = None) -> docker.APIClient:
    """Return an SDK client for this engine; `version` is its API version, as it told itself.

    `seconds` is how long one answer may take, SECONDS if nothing is said.
    """
    longest = SECONDS if seconds is None else seconds
    # The address is never used: the adapter mounted below opens every connection.
    made = docker.APIClient(base_url="unix:///nowhere", version=version, timeout=longest)
    made.mount("http+docker://", _Adapter(endpoint, longest))
    return made


class _Socket(socket.socket):
    """A socket whose timeout is for a whole answer: what trickles comes to its end as well.

    It is set anew for every request; where the SDK sets none, `longest` is.
    """

    longest: int = SECONDS

    def settimeout(self, value: float | None, /) -> None:
        self._end = monotonic() + (self.longest if value is None else value)
        super().settimeout(value)

    def recv_into(self, *arguments: Any) -> int:  # noqa: ANN401 - the socket's own
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        super().settimeout(left)
        return super().recv_into(*arguments)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, endpoint: Endpoint, opened: list[Connection], longest: int) -> None:
        super().__init__("localhost", timeout=longest)
        self._longest = longest
        self._endpoint = endpoint
        self._opened = opened

    def connect(self) -> None:
        connection = self._endpoint.connect()
        self._opened.append(connection)
        # http.client wants a full socket object, with makefile().
        self.sock = _Socket(fileno=connection.stream.detach())
        self.sock.longest = self._longest
        self.sock.settimeout(self._longest)


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, endpoint: Endpoint, longest: int) -> None:
        super().__init__("localhost", timeout=longest, maxsize=1)
        self._endpoint = endpoint
        self._longest = longest
        self._opened: list[Connection] = []

    def _new_conn(self) -> _Connection:
        return _Connection(self._endpoint, self._opened, self._longest)

    def close(self) -> None:
        super().close()
        # Not when a single connection is closed: http.client does that while it still reads.
        while self._opened:
            self._opened.pop().close()


class _Adapter(BaseHTTPAdapter):
    def __init__(self, endpoint: Endpoint, longest: int) -> None:
        super().__init__()
        self._pool = _Pool(endpoint, longest)

    def get_connection(self, _url: object, _proxies: object = None) -> _Pool:
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _proxies: object) -> str:
        return request.path_url

    def close(self) -> None:
        super().close()
        self._pool.close()
