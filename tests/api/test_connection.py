from __future__ import annotations

import asyncio

import pytest

from sandbox.api import connection, encoding
from sandbox.api.server import ApiServer
from sandbox.paths import ProjectPaths
from tests.api.doors import Doors
from tests.fakes.control import FakeControl


@pytest.mark.parametrize(
    "garbage",
    [b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n"],
    ids=["words", "a TLS hello", "a huge header"],
)
async def test_what_is_not_http_gets_the_error_shape(doors: Doors, garbage: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
    writer.write(garbage)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 400 " in head.splitlines()[0]
    assert b"default-src 'self'; frame-ancestors 'none'" in head
    assert b'"code":"bad_request"' in body


async def test_a_silent_client_is_let_go(paths: ProjectPaths) -> None:
    server = ApiServer(FakeControl(), project_paths=paths, first_request_timeout=0.05)
    await server.start_unix(paths.api_socket)
    reader, writer = await asyncio.open_unix_connection(paths.api_socket)
    writer.write(b"GET /api/status HTTP/1.1\r\nHost: sand")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await server.close()


async def test_a_slow_body_is_refused(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BODY_TIMEOUT", 0.05)
    reader, writer = await doors.connect()
    writer.write(b"POST /api/restart HTTP/1.1\r\nHost: a\r\nX-Sandbox: 1\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_too_many_clients_are_turned_away(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    clients = [await doors.connect() for _ in range(3)]
    async with asyncio.timeout(5):
        assert await clients[2][0].read() == b""
    for _, writer in clients:
        writer.close()
