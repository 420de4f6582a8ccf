"""An HTTPS server that is no service, at an address that containers and this machine reach."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

from tests.docker_engine import RealEngine


@dataclass(frozen=True, slots=True)
class Outside:
    url: str
    bundle: Path  # to trust it by


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"me": "outside", "path": self.path, "host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def outside(engine: RealEngine, folder: Path) -> Iterator[Outside]:
    (network,) = engine.api.inspect_network("bridge")["IPAM"]["Config"]
    address = str(network["Gateway"])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(address).configure_cert(context)
    with ThreadingHTTPServer((address, 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Outside(f"https://{address}:{server.server_address[1]}", folder / "authority.pem")
        finally:
            server.shutdown()
            thread.join()
