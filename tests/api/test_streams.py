"""Answers that keep coming: alive, bounded, ended cleanly, and told about what they missed."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from sandbox import __version__
from sandbox.api import server as server_module
from sandbox.api.client import Client
from sandbox.api.server import ApiServer
from sandbox.api.streams import BUFFER_BYTES, Pump
from sandbox.control import LogQuery
from sandbox.errors import NotRunningError, RuntimeFailure, SandboxError
from sandbox.events import Event, Kind
from sandbox.paths import ProjectPaths
from tests.api.doors import Doors, impostor, until
from tests.fakes import data
from tests.fakes.control import FakeControl

FOLLOW = b"GET /api/events?follow=1 HTTP/1.1\r\nHost: sandbox\r\n\r\n"


def event(message: str = "something happened") -> Event:
    return Event(kind=Kind.NOTICE, message=message)


async def test_followers_get_what_was_and_what_comes(client: Client, control: FakeControl) -> None:
    async with aclosing(client.events(after=2, follow=True)) as events:
        assert (await anext(events)).sequence == 3
        control.publish(event("the fourth"))
        assert (await anext(events)).message == "the fourth"


async def test_logs_are_followed(client: Client, control: FakeControl) -> None:
    async with aclosing(client.logs(LogQuery(services=("orders",), tail=0, follow=True))) as lines:
        waiting = asyncio.ensure_future(anext(lines))
        await until(lambda: control.following)
        control.write(data.log_line("steamer", "not for us"))
        control.write(data.log_line("orders", "tab\tsnow ☃ \u2028 \x1b[31mred"))
        assert (await waiting).text == "tab\tsnow ☃ \u2028 \x1b[31mred"


async def test_a_quiet_stream_stays_alive_by_blank_lines(doors: Doors) -> None:
    reader, writer = await doors.connect()
    writer.write(b"GET /api/events?after=3&follow=1 HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(3):
            assert await reader.readexactly(6) == b"1\r\n\n\r\n"  # a chunk of one line end
    writer.close()


async def test_a_stream_ends_cleanly_with_the_server(paths: ProjectPaths, control: FakeControl) -> None:
    server = ApiServer(control, project_paths=paths)
    await server.start_unix(paths.api_socket)
    events = Client(paths.api_socket).events(follow=True)
    messages = asyncio.ensure_future(_messages(events))
    await until(lambda: control.following)
    async with asyncio.timeout(1):
        await server.close()
    assert await messages == [one.message for one in data.events()]
    assert control.following == 0


async def test_a_reader_that_never_reads_does_not_hold_up_the_end(
    paths: ProjectPaths, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_SHUTDOWN_TIMEOUT", 0.05)
    server = ApiServer(control, project_paths=paths)
    await server.start_unix(paths.api_socket)
    _, writer = await asyncio.open_unix_connection(paths.api_socket, limit=1)
    writer.write(FOLLOW)
    await until(lambda: control.following)
    for _ in range(1000):
        control.publish(event("x" * 10_000))
    async with asyncio.timeout(2):
        await server.close()
    await until(lambda: control.following == 0)
    writer.close()


async def test_a_client_that_leaves_is_noticed_at_once(paths: ProjectPaths, control: FakeControl) -> None:
    server = ApiServer(control, project_paths=paths, keep_alive=3600)
    await server.start_unix(paths.api_socket)
    _, writer = await asyncio.open_unix_connection(paths.api_socket)
    writer.write(FOLLOW)
    await until(lambda: control.following)
    writer.close()
    await until(lambda: control.following == 0)
    await server.close()


async def test_nobody_is_told_of_a_client_that_leaves(
    paths: ProjectPaths, control: FakeControl, caplog: pytest.LogCaptureFixture
) -> None:
    server = ApiServer(control, project_paths=paths, keep_alive=3600)
    await server.start_unix(paths.api_socket)
    reader, writer = await asyncio.open_unix_connection(paths.api_socket)
    writer.write(FOLLOW)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    await until(lambda: control.following == 0)
    async with asyncio.timeout(5):
        await server.close()

    assert caplog.messages == []


async def test_there_is_a_limit_to_streams(doors: Doors, control: FakeControl) -> None:
    writers = []
    for number in range(3):  # the limit of these doors
        _, writer = await doors.connect()
        writer.write(FOLLOW)
        await until(lambda: control.following == number + 1)  # noqa: B023 (awaited here)
        writers.append(writer)
    answer = await doors.ask("GET", "/api/events?follow=1")
    assert (answer.status, answer.code) == (503, "too_many_streams")
    assert (await doors.ask("GET", "/api/status")).status == 200
    writers.pop().close()
    await until(lambda: control.following == 2)
    assert (await doors.ask("GET", "/api/events")).status == 200
    for writer in writers:
        writer.close()


async def test_a_slow_reader_blocks_nobody_and_learns_what_it_missed(doors: Doors, control: FakeControl) -> None:
    total = 20_000
    reader, writer = await doors.connect()
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(FOLLOW)
    await until(lambda: control.following)
    for number in range(total - 3):
        control.publish(event("x" * 200))
        if number % 500 == 0:
            await asyncio.sleep(0)
    assert (await doors.ask("GET", "/api/status")).status == 200

    writer.transport.resume_reading()  # type: ignore[attr-defined]
    seen = dropped = last = 0
    async with asyncio.timeout(10):
        while last < total:
            line = await reader.readline()
            if line.startswith(b'{"dropped"'):
                dropped += json.loads(line)["dropped"]
            elif line.startswith(b'{"kind"'):
                seen += 1
                last = json.loads(line)["sequence"]
    writer.close()
    assert dropped > 0
    assert seen + dropped == total


async def test_the_client_tells_a_gap_as_a_notice(client: Client, control: FakeControl) -> None:
    """And one that starts where it left off learns what was forgotten meanwhile."""
    async with aclosing(client.events(after=3, follow=True)) as events:
        waiting = asyncio.ensure_future(anext(events))
        await until(lambda: control.following)
        control.publish(event("the fourth"))
        assert (await waiting).sequence == 4
        for _ in range(1500):  # more than the bus keeps for one subscriber, in one go
            control.publish(event())
        notice = await anext(events)
    assert (notice.kind, notice.sequence) == (Kind.NOTICE, 4)
    assert notice.message == "500 events were missed here: this reader was too slow"
    first = await anext(client.events(after=4))
    assert first.message == "500 events were missed here: this reader was too slow"


async def test_a_failure_in_the_middle_arrives_after_the_lines(
    doors: Doors, client: Client, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaking(**_: object) -> AsyncIterator[Event]:
        yield event("the first")
        raise RuntimeFailure("the source went dry", place="orders")

    monkeypatch.setattr(control, "events", breaking)
    async with aclosing(client.events()) as events:
        assert (await anext(events)).message == "the first"
        with pytest.raises(RuntimeFailure, match="orders: the source went dry"):
            await anext(events)


async def test_a_supervisor_that_dies_in_the_middle_is_told_from_an_end(paths: ProjectPaths) -> None:
    head = f"HTTP/1.1 200 OK\r\nX-Sandbox-Version: {__version__}\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with impostor(paths.api_socket, head.encode() + b"1\r\n\n\r\n"):
        with pytest.raises(NotRunningError, match="went away"):
            await _messages(Client(paths.api_socket).events(follow=True))


async def test_a_connection_that_is_kept_alive_holds_no_stream_that_is_over(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    pumps: weakref.WeakSet[Pump] = weakref.WeakSet()

    class Watched(Pump):
        def __init__(self) -> None:
            super().__init__()
            pumps.add(self)

    monkeypatch.setattr("sandbox.api.streams.Pump", Watched)
    for _ in range(3):
        assert (await doors.locally("GET", "/api/logs?tail=1")).status == 200

    async with asyncio.timeout(10):
        while pumps:
            gc.collect()
            await asyncio.sleep(0.01)


async def test_a_full_pump_makes_its_source_wait() -> None:
    given = 0

    async def source() -> AsyncIterator[str]:
        nonlocal given
        while True:
            given += 1
            yield "x" * 1000

    pump = Pump()
    filling = asyncio.ensure_future(pump.fill(source()))
    taken = await pump.take(1.0)
    assert taken is not None
    assert BUFFER_BYTES <= len(taken) < BUFFER_BYTES + 2000
    before = given
    assert await pump.ready(1.0)
    assert given < 3 * before
    filling.cancel()
    await asyncio.wait([filling])


async def test_a_pump_gives_out_everything_before_its_end() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise SandboxError("enough")

    pump = Pump()
    await pump.fill(source())
    assert [await pump.take(1.0), await pump.take(1.0)] == [b"1\n2\n", None]
    assert str(pump.error) == "enough"


async def _messages(events: AsyncIterator[Event]) -> list[str]:
    return [one.message async for one in events]
