"""Answers that keep coming: newline-delimited JSON, with blank lines while there is nothing to say.

A stream is pulled: when its reader is slow, its source waits, and nothing else does. What a source loses meanwhile is
counted by whoever bounds it and told in a line of its own (`shapes.Dropped`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, cast

import msgspec
from aiohttp import web

from sandbox.api.connection import connection_of
from sandbox.api.errors import Refused, internal_error, to_answer
from sandbox.api.shapes import KEEP_ALIVE
from sandbox.errors import SandboxError
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

MOST_STREAMS = 64
BUFFER_BYTES = 256 * 1024
"""What a slow reader may leave in our memory, besides the kernel's buffers."""

_FIRST_LINE_WAIT = 0.1


class Pump:
    """Lines between a source, which waits while the buffer is full, and the one who sends them."""

    def __init__(self) -> None:
        self.error: SandboxError | None = None  # why the source ended, when it failed
        self._lines: list[bytes] = []
        self._size = 0
        self._ended = False
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    async def fill(self, items: AsyncIterator[Any]) -> None:
        try:
            async with aclosing(cast("AsyncGenerator[Any, None]", items)):
                async for item in items:
                    await self._put(msgspec.json.encode(item) + b"\n")
        except SandboxError as error:
            self.error = error
        except Exception:
            log.exception("a stream's source failed")
            self.error = internal_error()
        finally:
            self.end()

    async def _put(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        self._filled.set()
        if self._size >= BUFFER_BYTES:
            self._room.clear()
            await self._room.wait()

    def end(self) -> None:
        self._ended = True
        self._filled.set()

    @property
    def empty(self) -> bool:
        return not self._lines

    async def ready(self, seconds: float) -> bool:
        """Whether there is a line, or the end, within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True

    async def take(self, patience: float) -> bytes | None:
        """All lines that wait; a blank one when none came within `patience` seconds; None at the end."""
        if not await self.ready(patience):
            return b"\n"
        taken = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        self._room.set()
        if not self._ended:
            self._filled.clear()
        return taken or None


class Streams:
    """Serves a bounded number of streams, and ends them all together."""

    def __init__(self, *, limit: int = MOST_STREAMS, keep_alive: float = KEEP_ALIVE) -> None:
        self._limit = limit
        self._keep_alive = keep_alive
        self._tasks = Tasks()
        self._open: set[Pump] = set()
        self._closed = False

    async def serve(self, request: web.Request, items: AsyncIterator[Any]) -> web.StreamResponse:
        """An error before the first line is an answer of its own; a later one is the stream's last line."""
        self._admit()
        pump = Pump()
        self._open.add(pump)
        source = self._tasks.spawn(pump.fill(items), name=f"stream {request.path}")
        try:
            with connection_of(request).when_lost(pump.end):
                await pump.ready(_FIRST_LINE_WAIT)
                if pump.error is not None and pump.empty:
                    raise pump.error
                return await self._send(request, pump)
        finally:
            source.cancel()
            self._open.discard(pump)

    def _admit(self) -> None:
        if self._closed:
            raise Refused(503, "closing", "the supervisor is stopping")
        if len(self._open) >= self._limit:
            hint = "close some that follow events or logs"
            raise Refused(503, "too_many_streams", f"{self._limit} streams are open already", hint=hint)

    async def _send(self, request: web.Request, pump: Pump) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/x-ndjson"
        with suppress(ConnectionError):  # the reader has left, as readers of what never ends do
            await response.prepare(request)
            while (lines := await pump.take(self._keep_alive)) is not None:
                await response.write(lines)
            if pump.error is not None:
                await response.write(msgspec.json.encode(to_answer(pump.error)) + b"\n")
            await response.write_eof()
        return response

    def end(self) -> None:
        """End every stream as if its source had ended, and begin no other."""
        self._closed = True
        for pump in self._open:
            pump.end()

    async def close(self) -> None:
        await self._tasks.close()
