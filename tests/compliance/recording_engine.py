"""A docker engine that runs nothing and remembers everything it is asked.

It answers on a unix socket what `docker run` of CLI 20.10 to 29 wants to hear, so that a command
line can be judged by what reaches the engine: the request line and body of every call. Containers
that it "runs" end at once with status 0 and print nothing.

    with RecordingEngine(directory / "engine.sock") as engine:
        subprocess.run(["docker", "--host", engine.address, "run", "-d", "busybox"])
    [create] = engine.creates
"""

from __future__ import annotations

import base64
import io
import json
import socket
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

#: The id of every container; a second one never exists beside it.
CONTAINER = "c0de" * 16
IMAGE = "sha256:" + "1ace" * 16


@dataclass(frozen=True)
class Request:
    """One call: path without the API version, query as pairs in the order given.

    Header names are in lower case; two calls that differ in headers only are equal.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)

    def json(self) -> Any:  # noqa: ANN401 - JSON is whatever it is
        """Return the body, which must be JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Image:
    """What an image says about itself; `pulled` is False until somebody pulls it.

    Whoever asks for another platform of it is given that one: every image is there for all.
    """

    config: Mapping[str, Any] = field(default_factory=lambda: {"Cmd": ["sh"]})
    os: str = "linux"
    architecture: str = "amd64"
    pulled: bool = True


class RecordingEngine:
    """The engine, while it is entered as a context manager.

    What it says can be set up, also while it runs. `images` by reference as the client writes it,
    `any_image` being behind any other name; `volumes` by name, as the API shows them; `state`, the
    state of the container; `files`, what can be read in containers, by path; `answers`, status and
    JSON for a "METHOD /path" instead of all that. `requests` is everything that was asked, in order
    of arrival.
    """

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self.api_version = "1.51"
        self.images: dict[str, Image] = {}
        self.any_image = Image()
        self.volumes: dict[str, Mapping[str, Any]] = {}
        self.state: dict[str, Any] = {
            "Status": "exited",
            "Running": False,
            "Pid": 0,
            "ExitCode": 0,
            "StartedAt": "2026-01-01T00:00:00Z",
        }
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, object]] = {}
        self.requests: list[Request] = []
        self.started = threading.Event()
        self._server = _Server(str(path), self)
        # Closing takes as long as a poll.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    @property
    def creates(self) -> list[Request]:
        """Every request to create a container."""
        return [one for one in self.requests if one.path == "/containers/create"]

    def image(self, name: str) -> Image:
        """Return the image of a name."""
        return self.images.get(name, self.any_image)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.started.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, path: str, engine: RecordingEngine) -> None:
        self.engine = engine
        super().__init__(path, _Handler)

    def handle_error(self, _request: object, _address: object) -> None:
        """Say nothing: a client that is killed leaves its connection half-read."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, with as many requests as the client likes, also ahead of the answers."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.engine = self.server.engine

    def address_string(self) -> str:
        return "client"

    def log_message(self, _format: str, *_args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        version, _, rest = path.removeprefix("/").partition("/")
        if version.startswith("v1."):
            path = "/" + rest
        request = Request(
            self.command,
            path,
            tuple(parse_qsl(url.query, keep_blank_values=True)),
            self._read_body(),
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.engine.requests.append(request)
        if replaced := self.engine.answers.get(f"{request.method} {path}"):
            self._answer(*replaced)
            return
        kind, _, what = path.removeprefix("/").partition("/")
        resources: dict[str, Callable[[Request, str], None]] = {
            "_ping": self._ping,
            "version": self._version,
            "info": self._info,
            "images": self._images,
            "volumes": self._volumes,
            "networks": self._networks,
            "containers": self._containers,
        }
        resources.get(kind, self._unknown)(request, what)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, value: object = None) -> None:
        """Answer with JSON, or with nothing."""
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Api-Version", self.engine.api_version)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _unknown(self, request: Request, _what: str) -> None:
        self._answer(404, {"message": f"the recording engine has no {request.path}"})

    def _ping(self, _request: Request, _what: str) -> None:
        self.send_response(200)
        self.send_header("Api-Version", self.engine.api_version)
        self.send_header("Ostype", "linux")
        self.send_header("Builder-Version", "2")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"OK")

    def _version(self, _request: Request, _what: str) -> None:
        version = {"ApiVersion": self.engine.api_version, "MinAPIVersion": "1.24"}
        self._answer(200, {"Version": "28.0.0", "Os": "linux", "Arch": "amd64", **version})

    def _info(self, _request: Request, _what: str) -> None:
        registry = {"IndexServerAddress": "https://index.docker.io/v1/"}
        self._answer(200, {"OSType": "linux", "Architecture": "x86_64", **registry})

    def _images(self, request: Request, what: str) -> None:
        if request.method == "POST" and what == "create":
            # CLI 28 asks for the whole name of what it knows by a short one.
            name = dict(request.query).get("fromImage", "")
            self.engine.images.pop(name.removeprefix("docker.io/library/"), None)
            self._answer(200, {"status": f"Pulling from {name}"})
            return
        if what == "json":
            self._answer(200, [])
            return
        name = what.removesuffix("/json")
        repository = name.rpartition("/")[2].partition("@")[0].partition(":")[0]
        if repository != repository.lower():
            why = "invalid reference format: repository name must be lowercase"
            self._answer(400, {"message": f"no such image: {name}: {why}"})
            return
        image = self.engine.image(name)
        if not image.pulled:
            self._answer(404, {"message": f"No such image: {name}"})
            return
        platform = json.loads(dict(request.query).get("platform", "{}"))
        facts = {
            "Os": platform.get("os") or image.os,
            "Architecture": platform.get("architecture") or image.architecture,
            "RepoTags": [name],
        }
        self._answer(200, {"Id": IMAGE, "Config": image.config, **facts})

    def _volumes(self, _request: Request, name: str) -> None:
        if name in self.engine.volumes:
            self._answer(200, {"Name": name, **self.engine.volumes[name]})
        else:
            self._answer(404, {"message": f"get {name}: no such volume"})

    def _networks(self, request: Request, what: str) -> None:
        self._answer(200, {"Name": what, "Id": what} if request.method == "GET" else None)

    def _containers(self, request: Request, what: str) -> None:
        _, _, action = what.partition("/")
        if what == "create":
            self._create(request)
        elif action == "start":
            self.engine.started.set()
            self._answer(204)
        elif action == "wait":
            self._wait()
        elif action == "attach":
            self._attach()
        elif action == "logs":
            self._answer(200)
        elif action == "json":
            self._inspect()
        elif action == "archive":
            self._archive(dict(request.query).get("path", ""))
        elif action in ("kill", "resize") or request.method == "DELETE":
            self._answer(204 if request.method == "DELETE" else 200)
        else:
            self._unknown(request, what)

    def _create(self, request: Request) -> None:
        name = request.json().get("Image", "")
        if self.engine.image(name).pulled:
            self._answer(201, {"Id": CONTAINER, "Warnings": []})
        else:
            self._answer(404, {"message": f"No such image: {name}"})

    def _inspect(self) -> None:
        creates = self.engine.creates
        if not creates:
            self._answer(404, {"message": "No such container"})
            return
        body = creates[-1].json()
        host = body.pop("HostConfig", {})
        body["User"] = body.get("User") or self.engine.image(body["Image"]).config.get("User", "")
        record = {"Id": CONTAINER, "State": self.engine.state}
        self._answer(200, {**record, "Config": body, "HostConfig": host})

    def _archive(self, path: str) -> None:
        """Answer with a tar of the file, and with what the client would rather know first."""
        content = self.engine.files.get(path)
        if content is None:
            self._answer(404, {"message": f"Could not find the file {path} in container"})
            return
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(path.rpartition("/")[2])
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        stat = {"name": member.name, "size": member.size, "mode": 0o644, "linkTarget": ""}
        self.send_response(200)
        self.send_header("X-Docker-Container-Path-Stat", _base64(stat))
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Content-Length", str(len(archive.getvalue())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(archive.getvalue())

    def _wait(self) -> None:
        """Answer in two parts: the client takes the first as a sign that it may go on."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.engine.started.wait(30)
        self.wfile.write(b'{"StatusCode": 0}\n')
        self.close_connection = True

    def _attach(self) -> None:
        """Turn the connection into the container's streams, which end with it."""
        self.send_response(101, "UPGRADED")
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "tcp")
        self.end_headers()
        self.wfile.flush()
        self.engine.started.wait(30)
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True


def _base64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()
