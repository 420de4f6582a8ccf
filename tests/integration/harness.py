"""Running the real product: the command line, the shim, the supervisor, Envoy and small services, all for real."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from sandbox.paths import ProjectPaths
from sandbox.runtime.sweep import sweep

T = TypeVar("T")
Done = subprocess.CompletedProcess[str]

PATIENCE = 60.0

SERVICE = '''
"""Answers with who it is, and passes /via/NAME on to a callee."""
import json, os, signal, sys, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        if parts[0] == "via":
            url = os.environ[parts[1].upper() + "_URL"] + "/" + "/".join(parts[2:])
            body = urllib.request.urlopen(url, timeout=5).read()
        elif parts[0] == "name":
            body = urllib.request.urlopen("http://" + "/".join(parts[1:]), timeout=5).read()
        elif parts[0] == "crash":
            os._exit(7)
        else:
            answer = {"instance": os.environ["SANDBOX_INSTANCE"], "pid": os.getpid(), "path": self.path}
            body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text, *rest):
        print(text % rest, flush=True)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
'''

SHOP = """\
name: {name}
gateway: {{port: {gateway}}}
ui: {{port: {ui}}}
telemetry: {{otlp: {{port: {otlp}}}}}
services:
  web:
    build: ./web
    ports: ["8000"]
    public: true
    depends_on: [stock]
    healthcheck: {{http: /healthz, interval: 500ms}}
  stock:
    build: ./stock
    ports: ["8000"]
    deploy: {{replicas: 2}}
"""


@dataclass
class Sandbox:
    """One user on one machine: a home of their own, and the command line."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()  # a command that runs other commands, such as nice

    @property
    def state(self) -> Path:
        return self.home / "s"

    def env(self) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("SANDBOX_", "XDG_"))},
            "HOME": str(self.home),
            "SANDBOX_HOME": str(self.state),
            "SANDBOX_RUNTIME": "process",
            "NO_COLOR": "1",
            **self.environment,
        }

    def command(self, *words: str | Path) -> list[str]:
        return [*self.through, sys.executable, "-m", "sandbox", *map(str, words)]

    def run(self, *words: str | Path, cwd: Path | None = None, check: int | None = 0, within: float = 150) -> Done:
        """A command to its end. Its exit code must be `check` (None: any). `within`: seconds."""
        done = subprocess.run(
            self.command(*words),
            cwd=cwd or self.home,
            env=self.env(),
            text=True,
            capture_output=True,
            timeout=within,
            stdin=subprocess.DEVNULL,
        )
        assert check is None or done.returncode == check, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done

    @contextmanager
    def started(self, *words: str | Path, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """A command that runs on."""
        process = subprocess.Popen(
            self.command(*words),
            cwd=cwd or self.home,
            env=self.env(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def ps(self, app: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("ps", "-o", "json", cwd=app).stdout)
        return found

    def up(self, app: Path, *words: str) -> Done:
        return self.run("up", app, "-d", *words)

    def down(self, app: Path, *words: str) -> Done:
        return self.run("down", *words, cwd=app)

    def left_running(self) -> list[str]:
        """Every process that belongs to this user's projects, wherever it went."""
        return [
            f"{process.pid} {' '.join(process.cmdline())[:120]}"
            for process in psutil.process_iter()
            if process.pid != os.getpid() and self._owns(process)
        ]

    def _owns(self, process: psutil.Process) -> bool:
        state = str(self.state)
        try:
            return state in " ".join(process.cmdline()) or process.environ().get("SANDBOX_HOME") == state
        except (psutil.Error, OSError):
            return False

    def left_on_disk(self) -> list[str]:
        """Sockets, pid files and temporary files."""
        kept = {"request.json", "state.json", "token"}
        projects = self.state / "projects"
        files = [path for path in projects.rglob("*") if path.is_socket() or path.parent.name == "run"]
        files += [path for path in projects.glob("*/*") if path.name.startswith(".") or path.suffix == ".tmp"]
        return [str(path) for path in files if path.name not in kept]


@contextmanager
def newcomer() -> Iterator[Sandbox]:
    """A user with an empty home. Whatever still runs at the end is ended, and is a failure."""
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))  # Unix sockets need short paths
    user = Sandbox(home)
    try:
        yield user
    finally:
        for folder in (user.state / "projects").glob("*"):
            user.run("down", "--project", folder.name, check=None)
            sweep(ProjectPaths(user.state, folder.name))
        left = user.left_running()
        _remove(home)
    assert left == [], left


def _remove(home: Path) -> None:
    """What is just ending may still remove files of its own."""
    for _ in range(20):
        with suppress(FileNotFoundError):
            shutil.rmtree(home)
        if not home.exists():
            return
        time.sleep(0.05)
    shutil.rmtree(home)


def make_shop(folder: Path, *, name: str = "shop", gateway: int = 0, ui: int = 0, otlp: int = 0) -> Path:
    """An app of two services: `web` is public and calls `stock`, which has two replicas."""
    ports = {"gateway": gateway, "ui": ui, "otlp": otlp}
    chosen = {key: port or free_port() for key, port in ports.items()}
    for service in ("web", "stock"):
        (folder / service).mkdir(parents=True)
        (folder / service / "app.py").write_text(SERVICE)
    (folder / "sandbox.yaml").write_text(SHOP.format(name=name, **chosen))
    return folder


_PORTS = itertools.cycle(random.SystemRandom().sample(range(10_000, 20_000), k=1_000))
"""Below those that outgoing connections take, and those that sandbox does: what is free now is so in a moment."""


def free_port() -> int:
    import socket

    for port in _PORTS:
        with suppress(OSError), socket.socket() as trial:
            trial.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def get(url: str, headers: dict[str, str] | None = None) -> Any:
    """The JSON answer. urllib.error.HTTPError for 4xx and 5xx."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
        return json.loads(answer.read())


def eventually(look: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first truthy result. Errors of connections and HTTP count as "not yet"."""
    deadline, last = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except (OSError, urllib.error.URLError, AssertionError, KeyError) as error:
            last = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {patience} s; last: {last}")


def instances(ps: dict[str, Any], service: str) -> list[dict[str, Any]]:
    return next(one["instances"] for one in ps["services"] if one["name"] == service)


def kill(pid: int) -> None:
    """Ends a process of the project under test, the hardest way."""
    os.kill(pid, signal.SIGKILL)


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Read the output up to a line with `text` in it."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was never said:\n{seen}")


def proxy_pid(sandbox: Sandbox) -> int:
    return _the_process(sandbox, "--disable-hot-restart")


def supervisor_pid(sandbox: Sandbox) -> int:
    return _the_process(sandbox, "'sandbox.daemon'")


def _the_process(sandbox: Sandbox, word: str) -> int:
    def look() -> int:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = " ".join(process.cmdline())
                if word in command and str(sandbox.state) in command:
                    return process.pid
        return 0

    return eventually(look, 10)


class Traffic:
    """One request after the other in the background; every failure is kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers = 0
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                get(self._url)
                self.answers += 1
            except OSError as error:
                self.failures.append(str(error))

    def goes_on(self) -> None:
        """Return once ten more requests were answered."""
        goal = self.answers + 10
        eventually(lambda: self.answers >= goal)
