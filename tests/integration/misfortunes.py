"""A street where everything is broken, each service in a way of its own, and people who call them all."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.api.client import Client
from sandbox.control import Cause, Diagnosis, TraceQuery
from sandbox.paths import ProjectPaths
from tests.integration.harness import Sandbox, eventually, free_port

PEER = '''
"""Answers, or does what HOW says; /via/NAME is passed on, and given up after a second."""
import os, signal, socket, sys, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

how = os.environ.get("HOW", "")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, parts = 200, self.path.strip("/").split("/")
        if parts[0] == "via":
            try:
                urllib.request.urlopen(os.environ[parts[1].upper() + "_URL"], timeout=1).read()
            except (OSError, urllib.error.URLError) as error:
                status = getattr(error, "code", 502)
        elif self.path == "/healthz":
            status = 500 if how == "sick" else 200
        elif how == "fails":
            print("ValueError: no flour", flush=True)
            status = 503
        elif how == "slow":
            time.sleep(0.3)
        elif how == "hangs":
            time.sleep(5)
        elif how == "cuts":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 64

    def handle_error(self, *who):
        pass

def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = os.environ["HOST"], int(os.environ["PORT"])
    if how == "crashes":
        {}["stones"]
    if how == "greedy":
        print(len(bytearray(256 << 20)))
    if how == "another port":
        port = 0
    if how == "another address":
        host = "127.0.0.1" if host != "127.0.0.1" else "127.0.0.2"
    Server((host, port), Handler).serve_forever()

main()
'''

MISFORTUNES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "failing": ("fails", {}),
    "cutting": ("cuts", {}),
    "hanging": ("hangs", {}),
    "elsewhere": ("another port", {}),
    "deaf": ("another address", {}),
    "crashing": ("crashes", {}),
    "waiting": ("", {"depends_on": {"crashing": {"condition": "service_healthy"}}}),
    "sick": ("sick", {"healthcheck": {"http": "/healthz", "interval": "200ms", "retries": 2, "start_period": "0s"}}),
    "stopped": ("", {}),
    "faulty": ("", {}),
    "secret": ("", {}),
    "limited": ("", {}),
    "narrow": ("slow", {}),
    "hurried": ("slow", {}),
    "retried": ("slow", {}),
    "storming": ("fails", {}),
    "slow": ("slow", {}),
    "split": ("", {"versions": {"v1": {}, "v2": {"deploy": {"replicas": 0}}}}),
    "saved": ("", {}),
}
"""Service → what it does, and what more is said of it. `POLICIES` break the others."""

POLICIES: Mapping[str, dict[str, Any]] = {
    "faulty": {"rules": [{"fault": {"abort": {"httpStatus": 503, "percentage": 60}}}]},
    "secret": {"authorization": [{"action": "DENY", "from": ["web"]}]},
    "limited": {"rateLimit": {"requests": 1, "per": "1s"}},
    "narrow": {"connectionPool": {"maxConnections": 1, "maxPendingRequests": 1}},
    "hurried": {"rules": [{"timeouts": {"request": "100ms"}}]},
    "retried": {
        "rules": [
            {"timeouts": {"request": "350ms", "backendRequest": "200ms"}, "retry": {"attempts": 3, "codes": [504]}}
        ]
    },
    "storming": {"rules": [{"retry": {"attempts": 3, "codes": [503]}}]},
    "split": {"rules": [{"backendRefs": [{"version": "v2"}]}]},
}

SEVERAL = {"narrow": 4}
"""People who call at a time; one of all others."""


class People:
    """Each calls one service through `web`, again and again, and it fails as it fails."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._end = threading.Event()
        names = [name for name in MISFORTUNES if name != "waiting" for _ in range(SEVERAL.get(name, 1))]
        self._threads = [threading.Thread(target=self._call, args=(name,), daemon=True) for name in names]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _call(self, name: str) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._end.wait(0.1):
            try:
                opener.open(f"{self._gateway}/via/{name}", timeout=10).close()
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                continue


class Street:
    """The project, in one runtime. `greedy` is only there where memory is limited."""

    def __init__(self, user: Sandbox, *, containers: bool) -> None:
        self._user = user
        self.containers = containers
        self.app = user.home / "street"
        (self.app / "peer").mkdir(parents=True)
        (self.app / "saved").mkdir()
        for folder in ("peer", "saved"):
            (self.app / folder / "app.py").write_text(PEER)
        (self.app / "sandbox.yaml").write_text(yaml.safe_dump(self._document(), sort_keys=False))
        with user.started("up", self.app, "-d", "--timeout", "1s") as up:
            up.communicate()  # it fails, and shows a service's traceback
        status = user.ps(self.app)
        self.gateway: str = status["gateway"]
        self._socket = ProjectPaths(user.state, status["id"]).api_socket
        self.run("stop", "stopped")
        self.run("wait", "web", "saved", "--timeout", "140s")

    def _document(self) -> dict[str, Any]:
        services = {name: self._service(how, more) for name, (how, more) in MISFORTUNES.items()}
        if self.containers:
            services["greedy"] = self._service("greedy", {"deploy": {"resources": {"limits": {"memory": "32M"}}}})
        services["saved"] = {"build": "./saved", "ports": ["8000"]}
        web = self._service("", {"public": True, "depends_on": [name for name in services if name != "waiting"]})
        return {
            "name": "street",
            "gateway": {"port": free_port()},
            "ui": {"port": free_port()},
            "telemetry": {"otlp": {"port": free_port()}},
            "services": {"web": web, **services},
            "traffic": dict(POLICIES),
        }

    def _service(self, how: str, more: dict[str, Any]) -> dict[str, Any]:
        """No image is built for it: it is the same file for all of them."""
        where: dict[str, Any] = {"build": "./peer", "command": "python app.py"}
        if self.containers:
            where = {
                "image": "${SANDBOX_IMAGE_PYTHON}",
                "command": ["python3", "-u", "/peer/app.py"],
                "volumes": ["./peer:/peer:ro"],
            }
        return {**where, "ports": ["8000"], "environment": {"HOW": how}, **more}

    def run(self, *words: str) -> str:
        return self._user.run(*words, cwd=self.app).stdout

    @property
    def saved_file(self) -> Path:
        return self.app / "saved" / "app.py"

    def why(self, target: str | None) -> Diagnosis:
        async def ask() -> Diagnosis:
            async with Client(self._socket) as control:
                return await control.diagnosis.why(target)

        return asyncio.run(ask())

    def named(self, target: str, kind: str, words: str = "") -> Cause:
        """The cause of that kind that says these words, as soon as the numbers tell."""
        found: list[Diagnosis] = []

        def look() -> Cause | None:
            found[:] = [self.why(target)]
            return next((cause for cause in found[0].causes if cause.kind == kind and words in cause.message), None)

        try:
            cause = eventually(look)
        except AssertionError:
            raise AssertionError(f"{kind} of {target} ({words}) is not among {found}") from None
        assert cause is not None
        return cause

    def failed_trace(self, service: str) -> str:
        """The newest in which the service has part."""

        async def search() -> list[str]:
            async with Client(self._socket) as control:
                found = await control.traces.search(TraceQuery(errors=True, since=time.time() - 30))
                return [one.id for one in found if service in one.services]

        return eventually(lambda: asyncio.run(search()))[0]
