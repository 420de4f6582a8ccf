"""A package index as a company has one: behind its own certificate authority, and with a password."""

from __future__ import annotations

import base64
import hashlib
import io
import ssl
import subprocess
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


@dataclass
class PackageIndex:
    url: str  # with its password in it
    bundle: Path  # the authority's certificate
    served: list[str] = field(default_factory=list)  # names of files that were fetched


@contextmanager
def package_index(folder: Path, **packages: str) -> Iterator[PackageIndex]:
    """`packages`: what the module of each says."""
    certificate, key = _certificates(folder)
    wheels = {name: wheel(name, says) for name, says in packages.items()}
    index = PackageIndex(url="", bundle=folder / "ca.pem")
    credentials = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            last = self.path.rstrip("/").rpartition("/")[2]
            name = last.partition("-")[0]
            if self.headers.get("Authorization") != credentials:
                self._answer(401, b"")
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
        index.url = f"https://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.server_address[1]}/simple"
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
