"""Projects that run for real as far as the command line can tell: a server over a scripted control, in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sandbox.api.server import ApiServer
from sandbox.paths import ProjectPaths, project_id
from tests.fakes import data
from tests.fakes.control import FakeControl


class Place:
    """A home for state and a folder for apps, with names short enough for Unix sockets."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.apps = folder / "apps"
        self.apps.mkdir()
        self._servers = ExitStack()

    def app(self, name: str = "bakery", folder: str | None = None) -> Path:
        """A folder with a sandbox.yaml."""
        root = self.apps / (folder or name)
        root.mkdir(exist_ok=True)
        (root / "sandbox.yaml").write_text(f"name: {name}\n")
        return root

    def started_once(self, name: str = "bakery", folder: str | None = None) -> ProjectPaths:
        """A project's folder as `up` leaves it behind."""
        root = self.app(name, folder)
        paths = ProjectPaths(self.home, project_id(name, root))
        paths.create()
        paths.request.write_text(json.dumps({"files": [str(root / "sandbox.yaml")]}))
        return paths

    def running(
        self, name: str = "bakery", folder: str | None = None, control: FakeControl | None = None
    ) -> FakeControl:
        """A project with a supervisor that answers from `control`."""
        control = control or FakeControl(events=data.events(), lines=data.log_lines())
        self._servers.enter_context(served(control, self.started_once(name, folder)))
        return control

    def close(self) -> None:
        self._servers.close()


@contextmanager
def served(control: FakeControl, paths: ProjectPaths) -> Iterator[None]:
    ready, ended = threading.Event(), threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        server, stop = ApiServer(control, project_paths=paths), asyncio.Event()
        await server.start_unix(paths.api_socket)
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await settle()
        await server.close()
        await settle()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            ready.set()
            ended.set()

    threading.Thread(target=run, name="supervisor", daemon=True).start()
    assert ready.wait(10)
    assert loops, "the server did not start"
    loop, stop = loops[0]
    yield
    loop.call_soon_threadsafe(stop.set)
    assert ended.wait(10)


async def settle() -> None:
    """Let connections that were just accepted or lost come to their end: asyncio forgets to close one that its loop
    does not live to set up, and a command that only looks whether somebody listens leaves one behind."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    place = Place(folder)
    monkeypatch.setenv("SANDBOX_HOME", str(place.home))
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.chdir(folder)
    yield place
    place.close()
    shutil.rmtree(folder)


@pytest.fixture
def bakery(place: Place, monkeypatch: pytest.MonkeyPatch) -> FakeControl:
    """The bakery runs, and this is its folder."""
    control = place.running()
    monkeypatch.chdir(place.apps / "bakery")
    return control


Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def sandbox(place: Place) -> Iterator[Command]:
    """Starts `sandbox …` as a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", *argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
