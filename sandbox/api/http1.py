"""One HTTP/1.1 request on a Unix socket: h11 decides what the bytes mean, asyncio carries them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import h11

_READ_BYTES = 64 * 1024
_CONNECT_TIMEOUT = 5.0

BrokenOff = h11.RemoteProtocolError
"""The other side went away in the middle, or does not speak HTTP."""


class Response:
    """An answer whose head has arrived; its body is read once, within `patience` seconds between two pieces."""

    def __init__(self, exchange: _Exchange, head: h11.Response, patience: float) -> None:
        self._exchange = exchange
        self._patience = patience
        self.status = head.status_code
        self.headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}  # lower case

    async def pieces(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._exchange.receive(self._patience), h11.Data):
            yield bytes(event.data)

    async def lines(self) -> AsyncIterator[bytes]:
        """Without line ends and without blank ones."""
        rest = b""
        async for piece in self.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line:
                    yield line

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])


class _Exchange:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        for event in (
            h11.Request(method=method, target=target, headers=list(headers.items())),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def receive(self, patience: float) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(patience):
                self._http.receive_data(await self._reader.read(_READ_BYTES))
        return event

    async def head(self, patience: float) -> h11.Response:
        while not isinstance(event := await self.receive(patience), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise BrokenOff("there was no answer")
        return event


@asynccontextmanager
async def exchange(
    path: Path, method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"", patience: float
) -> AsyncIterator[Response]:
    """Raises OSError where nobody listens, TimeoutError after `patience` seconds of silence, and BrokenOff."""
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        reader, writer = await asyncio.open_unix_connection(path)
    try:
        this = _Exchange(reader, writer)
        fixed = {"Host": "sandbox", "Connection": "close", "Content-Length": str(len(body))}
        await this.send(method, target, {**fixed, **headers}, body)
        yield Response(this, await this.head(patience), patience)
    finally:
        writer.close()
