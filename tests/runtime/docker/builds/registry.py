"""An image registry with one image in it: as much of the distribution API as a pull needs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Registry:
    """Engines take registries at 127.0.0.1 without TLS."""

    port: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, bytes] = field(default_factory=dict)  # manifests by "name:tag"
    password: str | None = None  # the Authorization that it asks for
    authorizations: list[str | None] = field(default_factory=list)

    def image(self, name: str) -> str:
        return f"127.0.0.1:{self.port}/{name}"

    def push(self, name: str, text: str) -> None:
        """An image with one file, /text."""
        layer = _tar(text)
        compressed = gzip.compress(layer, mtime=0)
        config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}}
        config["rootfs"] = {"type": "layers", "diff_ids": [_digest(layer)]}
        described = [(_CONFIG, json.dumps(config).encode()), (_LAYER, compressed)]
        entries = [{"mediaType": kind, "size": len(data), "digest": self._keep(data)} for kind, data in described]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": entries[0], "layers": entries[1:]}
        self.tags[name] = json.dumps(manifest).encode()
        self._keep(self.tags[name])

    def _keep(self, data: bytes) -> str:
        self.blobs[_digest(data)] = data
        return _digest(data)

    def answer(self, path: str) -> bytes | None:
        """/v2/<name>/manifests/<tag or digest> and /v2/<name>/blobs/<digest>."""
        if path == "/v2/":
            return b"{}"
        name, _, reference = path.removeprefix("/v2/").rpartition("/")
        name, _, _ = name.rpartition("/")
        return self.tags.get(f"{name}:{reference}") or self.blobs.get(reference)


@contextmanager
def registry() -> Iterator[Registry]:
    found = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.authorizations.append(self.headers.get("Authorization"))
            body = found.answer(self.path)
            if found.password not in (None, self.headers.get("Authorization")):
                body = None
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="bread"')
            else:
                self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", MANIFEST if "/manifests/" in self.path else "application/octet-stream")
            unknown = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
            self.send_header("Content-Length", str(len(unknown if body is None else body)))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if body is not None and "/manifests/" in self.path:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(unknown if body is None else body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _tar(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w", fileobj=buffer) as tar:
        info = tarfile.TarInfo("text")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
