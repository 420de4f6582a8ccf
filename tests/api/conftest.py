"""A real server over a scripted control, with both doors open, and ways to knock at each."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.api.client import Client
from sandbox.api.server import ApiServer
from sandbox.paths import ProjectPaths
from tests.api.doors import Clock, Doors
from tests.fakes import data
from tests.fakes.control import FakeControl


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    """In a folder with a name short enough for a Unix socket."""
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    found = ProjectPaths(home, "bakery-1a2b3c")
    found.create()
    yield found
    shutil.rmtree(home)


@pytest.fixture
def control() -> FakeControl:
    return FakeControl(events=data.events(), lines=data.log_lines())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def doors(paths: ProjectPaths, control: FakeControl, clock: Clock) -> AsyncIterator[Doors]:
    server = ApiServer(control, project_paths=paths, clock=clock, most_streams=3, keep_alive=0.05)
    await server.start_unix(paths.api_socket)
    bound = socket.create_server(("127.0.0.1", 0))
    await server.start_loopback(bound)
    async with Doors(server, paths, port=bound.getsockname()[1]) as doors:
        yield doors
    await server.close()


@pytest.fixture
def client(doors: Doors) -> Client:
    return Client(doors.paths.api_socket)
