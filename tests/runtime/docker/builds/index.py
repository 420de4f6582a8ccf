"""A package index as a company has one: behind its own certificate authority, and with a password."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

USER, PASSWORD = "jo", "open se/same"


def wheel(name: str, says: str) -> bytes:
    buffer = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": f"SAYS = {says!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        record = "".join(f"{path},sha256={_hash(text)},{len(text)}\n" for path, text in files.items())
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return buffer.getvalue()


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def tarball(says: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer) as tar:
        files = {"package.json": '{"name": "crumb", "version": "1.0.0"}', "index.js": f"module.exports = {says!r}\n"}
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@dataclass
class PackageIndex:
    """Of Python packages at /simple, and of Node packages at /npm."""

    url: str  # with its password in it
    address: str  # host and port
    bundle: Path  # the authority's certificate
    served: list[str] = field(default_factory=list)  # names of files that were fetched


@contextmanager
def package_index(folder: Path, **packages: str) -> Iterator[PackageIndex]:
    """`packages`: what the module of each says."""
    certificate, key = _certificates(folder)
    wheels = {name: wheel(name, says) for name, says in packages.items()}
    index = PackageIndex(url="", address="", bundle=folder / "ca.pem")
    credentials = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            last = self.path.rstrip("/").rpartition("/")[2]
            name = last.partition("-")[0]
            if self.headers.get("Authorization") != credentials:
                self._answer(401, b"")
            elif self.path == "/npm/crumb":
                version = {"name": "crumb", "version": "1.0.0"}
                dist = {"tarball": f"https://{index.address}/npm/crumb/-/crumb-1.0.0.tgz"}
                packument = {"name": "crumb", "versions": {"1.0.0": {**version, "dist": dist}}}
                self._answer(200, json.dumps({**packument, "dist-tags": {"latest": "1.0.0"}}).encode())
            elif last.endswith(".tgz"):
                index.served.append(last)
                self._answer(200, tarball(packages["crumb"]))
            elif name not in wheels:
                self._answer(404, b"")
            elif last.endswith(".whl"):
                index.served.append(last)
                self._answer(200, wheels[name])
            else:
                file = f"{name}-1.0-py3-none-any.whl"
                self._answer(200, f'<!DOCTYPE html><html><body><a href="{file}">{file}</a></body></html>'.encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Type", "text/html" if b"<html" in body else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        index.address = f"127.0.0.1:{server.server_address[1]}"
        index.url = f"https://{USER}:{quote(PASSWORD, safe='')}@{index.address}/simple"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


def _certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate of its for 127.0.0.1."""
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Kitchen-Authority "
        "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=packages",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile extensions",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / "server.pem", folder / "server.key"
