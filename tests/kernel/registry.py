"""A registry on the engine's own loopback, which engines use without TLS: two images, read only.

Run as a program it is the server; `Registry` starts that inside the engine's network namespace.
Source: OCI distribution-spec, Docker image manifest v2 schema 2.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

KIND = "application/vnd.docker"
MANIFEST = f"{KIND}.distribution.manifest.v2+json"
MANIFEST_LIST = f"{KIND}.distribution.manifest.list.v2+json"
CONFIG = f"{KIND}.container.image.v1+json"
LAYER = f"{KIND}.image.rootfs.diff.tar.gzip"
#: Engines also ask for what they have never been told to be there.
NOTHING = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'


@dataclass(frozen=True)
class Blob:
    """Content under its digest."""

    kind: str
    content: bytes

    @property
    def digest(self) -> str:
        """The name of the content."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        """How a manifest refers to it."""
        return {"mediaType": self.kind, "size": len(self.content), "digest": self.digest}


def document(kind: str, **content: object) -> Blob:
    """Return a JSON document as a blob."""
    return Blob(kind, json.dumps(content).encode())


def image(layer: Blob, architecture: str, **config: object) -> list[Blob]:
    """Return an image of one layer: its manifest, its configuration, and the layer."""
    of = document(
        CONFIG,
        architecture=architecture,
        os="linux",
        config=config,
        rootfs={"type": "layers", "diff_ids": [layer.digest]},
        history=[{"created": "2026-01-01T00:00:00Z", "created_by": "saferun's tests"}],
        created="2026-01-01T00:00:00Z",
    )
    manifest = document(
        MANIFEST,
        schemaVersion=2,
        mediaType=MANIFEST,
        config=of.descriptor,
        layers=[layer.descriptor],
    )
    return [manifest, of, layer]


def images(archive: bytes) -> dict[str, Blob]:
    """Return everything that is served, by path.

    `single:latest` and `single:user` are for the engine's architecture, `multi:latest` is also for
    one for which saferun has no gate.
    """
    # Uncompressed is allowed: engines look at the content, not at its type.
    layer = Blob(LAYER, archive)
    here = image(layer, "amd64", Cmd=["/sets"])
    user = image(layer, "amd64", Cmd=["/sets"], User="3267")
    foreign = image(layer, "s390x", Cmd=["/sets"])
    several = document(
        MANIFEST_LIST,
        schemaVersion=2,
        mediaType=MANIFEST_LIST,
        manifests=[
            {**each[0].descriptor, "platform": {"os": "linux", "architecture": name}}
            for name, each in (("amd64", here), ("s390x", foreign))
        ],
    )
    served = {}
    for name in ("single", "multi"):
        for blob in (*here, *user, *foreign, several):
            place = "blobs" if blob.kind in (CONFIG, LAYER) else "manifests"
            served[f"/v2/{name}/{place}/{blob.digest}"] = blob
    served["/v2/single/manifests/latest"] = here[0]
    served["/v2/single/manifests/user"] = user[0]
    served["/v2/multi/manifests/latest"] = several
    return served


class Registry:
    """The server, in the network namespace of the engine behind a unix socket."""

    def __init__(self, engine: str, archive: bytes, directory: Path) -> None:
        """Start it; `archive` is the one layer, `directory` is for its notes."""
        self.notes = directory / "requests"
        self.notes.touch()
        layer = directory / "layer.tar"
        layer.write_bytes(archive)
        self.process = subprocess.Popen(
            [
                *("nsenter", "--net", "--target", str(dockerd(engine))),
                *(sys.executable, __file__, str(layer), str(self.notes)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.host = f"127.0.0.1:{int(self.process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        with self.process:
            self.process.kill()

    def requests(self) -> list[str]:
        """Return the paths that were asked for since the last time."""
        lines = self.notes.read_text().splitlines()
        self.notes.write_text("")
        return lines


def dockerd(engine: str) -> int:
    """Return the process id of the engine that listens on a socket."""
    path = engine.removeprefix("unix://")
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "dockerd" and (
            f"unix://{path}" in words or path in ("/var/run/docker.sock", "/run/docker.sock")
        ):
            return int(directory.name)
    raise LookupError(engine)


class Handler(BaseHTTPRequestHandler):
    """Answers from a table."""

    protocol_version = "HTTP/1.1"
    served: dict[str, Blob]
    notes: str

    def do_GET(self) -> None:
        """Serve a manifest or a blob, by tag or by digest."""
        with open(self.notes, "a", encoding="utf-8") as notes:
            notes.write(f"{self.path}\n")
        blob = self.served.get(self.path)
        if self.path == "/v2/":
            self.answer(200, Blob("application/json", b"{}"))
        elif blob is None:
            self.answer(404, Blob("application/json", NOTHING))
        else:
            self.answer(200, blob)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def answer(self, status: int, blob: Blob) -> None:
        """Send one answer."""
        self.send_response(status)
        self.send_header("Content-Type", blob.kind)
        self.send_header("Content-Length", str(len(blob.content)))
        self.send_header("Docker-Content-Digest", blob.digest)
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(blob.content)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet: the notes say it all."""


def serve(layer: str, notes: str) -> None:
    """Serve for ever on a port that is printed."""
    Handler.served = images(Path(layer).read_bytes())
    Handler.notes = notes
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - for whoever started it
    server.serve_forever()


if __name__ == "__main__":
    serve(*sys.argv[1:])
