from __future__ import annotations

import socket
import stat

import pytest

from sandbox.api.listeners import listen_unix
from sandbox.api.server import ApiServer
from sandbox.errors import SandboxError
from sandbox.paths import ProjectPaths
from tests.api.doors import Doors
from tests.fakes.control import FakeControl


async def test_only_the_user_can_open_the_socket(doors: Doors) -> None:
    found = doors.paths.api_socket.lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


async def test_nothing_is_left_after_close(paths: ProjectPaths) -> None:
    server = ApiServer(FakeControl(), project_paths=paths)
    await server.start_unix(paths.api_socket)
    await server.close()
    assert list(paths.run.iterdir()) == []


def test_a_socket_that_nobody_serves_is_replaced(paths: ProjectPaths) -> None:
    listen_unix(paths.api_socket).socket.close()
    (paths.run / "api.new").touch()  # left by one that died between two steps
    listener = listen_unix(paths.api_socket)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(paths.api_socket))
    listener.socket.close()
    assert [path.name for path in paths.run.iterdir()] == ["api.sock"]


async def test_a_socket_that_is_served_is_left_alone(doors: Doors) -> None:
    with pytest.raises(SandboxError, match="another supervisor answers there"):
        listen_unix(doors.paths.api_socket)
    assert (await doors.locally("GET", "/api/version")).status == 200


def test_a_file_in_the_way_is_not_ours_to_remove(paths: ProjectPaths) -> None:
    paths.api_socket.write_text("notes")
    with pytest.raises(SandboxError, match="is not a socket of yours"):
        listen_unix(paths.api_socket)
    assert paths.api_socket.read_text() == "notes"


def test_a_successors_socket_is_not_removed(paths: ProjectPaths) -> None:
    first = listen_unix(paths.api_socket)
    first.socket.close()
    second = listen_unix(paths.api_socket)
    first.remove()
    assert paths.api_socket.exists()
    second.socket.close()
    second.remove()
    assert not paths.api_socket.exists()


def test_a_folder_that_cannot_be_written_is_named(paths: ProjectPaths) -> None:
    place = paths.run / "missing" / "api.sock"
    with pytest.raises(SandboxError, match="can't listen there: No such file"):
        listen_unix(place)
    assert list(paths.run.iterdir()) == []
