"""Where services send their own telemetry: OTLP over HTTP.

What can be read is counted and handed on to who keeps it; what is not kept is answered as rejected, so that no sender
believes that it was. https://opentelemetry.io/docs/specs/otlp/#otlphttp is the protocol.
"""

from __future__ import annotations

import hmac
import logging
import socket
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from aiohttp import web

from sandbox.telemetry.otlp_signals import (
    JSON,
    PROTOBUF,
    SIGNALS,
    Arrival,
    Signal,
    Verdict,
    answer,
    count_only,
    failure,
    read,
)

log = logging.getLogger(__name__)

KEY_HEADER = "x-sandbox-key"
MOST_BYTES = 4 * 1024 * 1024
"""Of a body, as sent and again when unpacked."""

_UNPACK = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_TYPES = (PROTOBUF, JSON)
_LINGERING = 0.5


@dataclass(slots=True)
class Counts:
    """Of one kind of signal, since the receiver started."""

    items: int = 0  # spans, data points or log records that were read
    refused: int = 0  # requests that were not: no key, too large, not to be decoded


class Refused(Exception):
    """A request that gets no further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class OtlpReceiver:
    """Serves on a bound loopback socket. Only requests with the project's key are read.

    counts: what arrived, by `traces`, `metrics` and `logs`. names: host names by which it is called from elsewhere.
    keep: takes what arrived, on the loop, at once.
    """

    def __init__(self, key: str, names: Collection[str] = (), keep: Callable[[Arrival], Verdict] = count_only) -> None:
        self._names = frozenset(names)
        self._keep = keep
        self.counts = {name: Counts() for name in SIGNALS}
        self._key = key
        self._hosts: frozenset[str] = frozenset()
        self._runner: web.AppRunner | None = None

    async def start(self, bound: socket.socket, *more: socket.socket) -> None:
        """Serve on sockets that are bound to one port number; the first is the loopback one."""
        port = bound.getsockname()[1]
        self._hosts = frozenset(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))
        app = web.Application(client_max_size=MOST_BYTES)
        for name in SIGNALS:
            app.router.add_post(f"/v1/{name}", self._receive)
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, lingering_time=_LINGERING, shutdown_timeout=1
        )
        await self._runner.setup()
        for one in (bound, *more):
            await web.SockSite(self._runner, one).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _receive(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        content_type = request.content_type if request.content_type in _TYPES else PROTOBUF
        try:
            body = await self._read(request)
            arrival = _read(SIGNALS[name], body, content_type)
        except Refused as refused:
            self.counts[name].refused += 1
            body = failure(refused.message, content_type)
            return web.Response(status=refused.status, body=body, content_type=content_type)
        self.counts[name].items += arrival.items
        body = answer(SIGNALS[name], self._keep(arrival), content_type)
        return web.Response(body=body, content_type=content_type)

    async def _read(self, request: web.Request) -> bytes:
        """The unpacked body of a request that may be read."""
        host = request.headers.get("Host", "")
        if host not in self._hosts and host.partition(":")[0] not in self._names:
            raise Refused(403, "this address answers to localhost only")
        if not self._knows(request.headers.get(KEY_HEADER, "")):
            raise Refused(401, f"the header {KEY_HEADER} is missing or wrong; see OTEL_EXPORTER_OTLP_HEADERS")
        if request.content_type not in _TYPES:
            raise Refused(415, f"send {PROTOBUF} or {JSON}")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise _too_large() from None
        return _unpacked(body, request.headers.get("Content-Encoding", "identity").strip().lower())

    def _knows(self, key: str) -> bool:
        """In a time that does not tell how much of it was right; a header may hold any bytes."""
        return hmac.compare_digest(key.encode(errors="surrogateescape"), self._key.encode())


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in ("identity", ""):
        return body
    if encoding not in _UNPACK:
        raise Refused(415, "send the body as it is, or packed with gzip or deflate")
    unpacker = zlib.decompressobj(_UNPACK[encoding])
    try:
        data = unpacker.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise Refused(400, f"the body is not {encoding}: {error}") from None
    if unpacker.unconsumed_tail:
        raise _too_large()
    if not unpacker.eof:
        raise Refused(400, f"the {encoding} body ends too early")
    if unpacker.unused_data:
        raise Refused(400, f"something follows the {encoding} body")
    return data


def _read(signal: Signal, body: bytes, content_type: str) -> Arrival:
    try:
        return read(signal, body, content_type)
    except ValueError as error:
        raise Refused(400, f"the body can't be read: {error}") from None


def _too_large() -> Refused:
    return Refused(413, f"more than {MOST_BYTES >> 20} MiB; send smaller batches")
