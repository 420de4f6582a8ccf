"""One client's connection: aiohttp's, with the limits and the error shape it lacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from sandbox.api.encoding import error_response
from sandbox.api.errors import Refused, internal_error
from sandbox.api.security import harden

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 256
FIRST_REQUEST_TIMEOUT = 10.0
_IDLE_TIMEOUT = 60.0


class Connection(web.RequestHandler):
    """Closed when the first request does not arrive in time, or when there are too many others."""

    __slots__ = ("_clients", "_deadline", "_patience", "_when_lost")

    def __init__(self, clients: web.Server, *, patience: float = FIRST_REQUEST_TIMEOUT) -> None:
        super().__init__(
            clients,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to say: none
            keepalive_timeout=_IDLE_TIMEOUT,
            auto_decompress=False,
        )
        self._clients = clients
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._when_lost: list[Callable[[], None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._clients.connections) > MOST_CONNECTIONS:
            self.force_close()
            return
        self._deadline = asyncio.get_running_loop().call_later(self._patience, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.request_arrived()
        super().connection_lost(exc)
        for callback in list(self._when_lost):
            callback()

    def request_arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @contextmanager
    def when_lost(self, callback: Callable[[], None]) -> Iterator[None]:
        """Called if it is lost within the block; what is over is no longer held by a connection that is kept alive."""
        self._when_lost.append(callback)
        try:
            yield
        finally:
            self._when_lost.remove(callback)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """For what can't be read as HTTP, and for failures outside the middlewares."""
        self.request_arrived()
        if status >= 500:
            log.error("request failed: %s %s", request.method, request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was begun already")
        refusal = Refused(status, "bad_request", "this is not HTTP as we speak it")
        response = error_response(internal_error() if status >= 500 else refusal)
        harden(response)
        response.force_close()
        return response


def connection_of(request: web.BaseRequest) -> Connection:
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection
