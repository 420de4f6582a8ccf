"""A small street of services to steer: shop (public) → orders (v1, v2) → pantry. They answer with who they are."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.harness import Done, Sandbox, free_port

APP = '''
"""Answers with who it is; /via/NAME/… is passed on, /flaky fails every second time, /slow takes 300 ms."""
import json, os, signal, sys, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = f"{os.environ['SANDBOX_SERVICE']}-{os.environ['SANDBOX_VERSION']}"
lock, seen = threading.Lock(), {"all": 0, "flaky": 0}

def lower(headers):
    return {name.lower(): value for name, value in headers.items()}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "healthz":
            return self.reply(200, {})
        if parts[0] == "seen":
            return self.reply(200, dict(seen, me=ME))
        with lock:
            seen["all"] += 1
            seen["flaky"] += parts[0] == "flaky"
            fails = parts[0] == "flaky" and seen["flaky"] % 2 == 1
        if parts[0] == "via":
            return self.reply(*self.passed_on(parts[1], "/".join(parts[2:])))
        if parts[0] == "slow":
            time.sleep(0.3)
        broken = os.path.exists("broken-" + os.environ["SANDBOX_VERSION"])
        self.reply(503 if fails or broken else 200, {"me": ME, "path": self.path, "headers": lower(self.headers)})

    do_POST = do_GET

    def passed_on(self, name, path):
        mine = {k: v for k, v in self.headers.items() if k.lower().startswith("x-") and k.lower() != "x-forwarded-for"}
        request = urllib.request.Request(os.environ[name.upper() + "_URL"] + "/" + path, headers=mine)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {"error": error.read().decode(), "headers": lower(error.headers)}
        except OSError as error:
            return 502, {"error": repr(error)}

    def reply(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
'''

FILE = """\
name: street
gateway: {{port: {gateway}}}
ui: {{port: {ui}}}
telemetry: {{otlp: {{port: {otlp}}}, interval: 200ms}}
services:
  shop:
    build: ./app
    ports: ["8000"]
    public: true
    depends_on: [orders, pantry]
    healthcheck: {{http: /healthz, interval: 500ms}}
  orders:
    ports: ["8000"]
    depends_on: [pantry]
    healthcheck: {{http: /healthz, interval: 500ms}}
    versions:
      v1: {{build: ./app}}
      v2: {{build: ./app}}
  pantry:
    build: ./app
    ports: ["8000"]
    healthcheck: {{http: /healthz, interval: 500ms}}
# how requests travel
traffic:
  orders:
    rules:
      - backendRefs: [{{version: v1}}]   # for now
"""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def me(self) -> str:
        return str(self.body.get("me", self.status))


@dataclass
class Street:
    sandbox: Sandbox
    folder: Path
    gateway: int
    host: str = ""  # that requests name; none: the first public service

    def traffic(self, *words: str, check: int | None = 0) -> Done:
        return self.sandbox.run("traffic", *words, cwd=self.folder, check=check)

    def state(self) -> Any:
        return json.loads(self.traffic("get", "-o", "json").stdout)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Through the gateway to the shop. Names of headers with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Host": self.host} if self.host else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.gateway}{path}", method=method, headers=sent)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return Answer(answer.status, json.load(answer), dict(answer.headers.items()))
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
                body = json.loads(text) if text.startswith("{") else {"error": text}
                return Answer(error.code, body, dict(error.headers.items()))

    def answers(self, path: str, count: int, **headers: str) -> Counter[str]:
        """Who answered, or the status of what failed."""
        found = [self.get(path, **headers) for _ in range(count)]
        return Counter(one.me if one.status == 200 else str(one.status) for one in found)

    def seen(self, version: str) -> int:
        """Requests that orders of that version has seen."""
        answer = self.get("/via/orders/seen", x_to=version)
        assert answer.body["me"] == f"orders-{version}", answer
        return int(answer.body["all"])


def make_street(sandbox: Sandbox) -> Street:
    folder = sandbox.home / "street"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "app.py").write_text(APP)
    gateway = free_port()
    (folder / "sandbox.yaml").write_text(FILE.format(gateway=gateway, ui=free_port(), otlp=free_port()))
    return Street(sandbox, folder, gateway)
