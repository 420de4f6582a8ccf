"""Services as plain processes, wired by environment variables alone, with every call between them overheard.

This is what any process manager could do for them: it shows that the sample apps need nothing of ours.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from sandbox.shipped import SAMPLE_APPS, shipped
from tests.integration.harness import eventually, free_port

BAKERY = Path(str(shipped(SAMPLE_APPS))) / "bakery"
HELLO = Path(str(shipped(SAMPLE_APPS))) / "hello"
BY_NAME = "(by name)"


@dataclass(frozen=True, slots=True)
class Call:
    caller: str
    callee: str
    path: str
    headers: Mapping[str, str]  # lower-case names


@dataclass
class Switchboard:
    """Stands between all services. Callers reach `/edge/CALLER/CALLEE/…`, or `http://CALLEE/…` as their HTTP proxy."""

    ports: dict[str, int] = field(default_factory=dict)  # by service; a version of its own as "steamer v2"
    calls: list[Call] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)  # callee → what the network says in its place
    port: int = 0

    def edge(self, caller: str, callee: str) -> str:
        return f"http://127.0.0.1:{self.port}/edge/{caller}/{callee}"

    def connect(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        call = overheard(target, headers)
        self.calls.append(call)
        if call.callee in self.refuse:
            status, text = self.refuse[call.callee]
            return status, text.encode()
        version = f"{call.callee} v2" if headers.get("x-canary") == "true" else call.callee
        return send(self.ports.get(version, self.ports[call.callee]), method, call.path, headers)


def overheard(target: str, headers: Mapping[str, str]) -> Call:
    url = urlsplit(target)
    if url.hostname:
        return Call(BY_NAME, url.hostname, url.path, headers)
    _, _, caller, callee, path = target.split("/", 4)
    return Call(caller, callee, f"/{path}", headers)


def send(port: int, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def switchboard() -> Iterator[Switchboard]:
    board = Switchboard()

    class Plug(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = board.connect(self.command, self.path, headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Plug) as server:
        board.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield board
        server.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True)
class Service:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
        """Status and JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, body = send(self.port, method, path, named)
        return status, json.loads(body)

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


def running(python: Path, folder: Path, log: Path, **environment: str) -> AbstractContextManager[Service]:
    """One service in Python, once it answers /healthz."""
    return started((python, "app.py"), folder, log, **environment)


@contextmanager
def started(argv: Sequence[str | Path], folder: Path, log: Path, **environment: str) -> Iterator[Service]:
    """One service, once it answers /healthz."""
    port = free_port()
    inherited = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port)}
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=folder, env=inherited | environment, stdout=out, stderr=subprocess.STDOUT)
    service = Service(port, process, log)
    try:
        eventually(lambda: answers(service), 20)
        yield service
    finally:
        process.kill()
        process.wait()


def answers(service: Service) -> bool:
    assert service.process.poll() is None, service.log.read_text()
    return send(service.port, "GET", "/healthz", {})[0] == 200


@dataclass(frozen=True, slots=True)
class Bakery:
    services: dict[str, Service]
    board: Switchboard

    def buy(self, **headers: str) -> tuple[int, Any]:
        return self.services["storefront"].ask("/api/buns", "POST", **headers)

    def buy_one(self, **headers: str) -> Any:
        """Asks again when the pantry drops a sack, as a person would."""
        for _ in range(3):
            status, story = self.buy(**headers)
            if status == 200:
                return story
        raise AssertionError(story)


def declared() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BAKERY / "sandbox.yaml").read_text())["services"]
    return found


@contextmanager
def open_bakery(python: Path, logs: Path) -> Iterator[Bakery]:
    """All services and versions of sandbox.yaml, wired along its `depends_on`."""
    with ExitStack() as stack:
        board = stack.enter_context(switchboard())
        services: dict[str, Service] = {}
        for name, keys in reversed(declared().items()):
            proxy = {"HTTP_PROXY": f"http://127.0.0.1:{board.port}", "NO_PROXY": "127.0.0.1"}
            callees = {f"{callee.upper()}_URL": board.edge(name, callee) for callee in keys.get("depends_on", [])}
            for version, variant in keys.get("versions", {"v1": keys}).items():
                who = name if version == "v1" else f"{name} {version}"
                me = {"SANDBOX_SERVICE": name, "SANDBOX_VERSION": version, "SANDBOX_INSTANCE": f"{name}-{version}-1"}
                running_one = running(python, BAKERY / variant["build"], logs / f"{who}.log", **proxy, **callees, **me)
                services[who] = stack.enter_context(running_one)
                board.ports[who] = services[who].port
        yield Bakery(services, board)
