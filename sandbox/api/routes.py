"""Which request calls which handler, and how a handler's signature reads a request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from aiohttp import web

from sandbox.api.encoding import decode_body, decode_query, json_response
from sandbox.api.handlers import Handlers
from sandbox.api.streams import Streams


@dataclass(frozen=True, slots=True)
class Route:
    """handler: takes the path's names as strings, `query` and `body` as structs; returns JSON, nothing, or a stream."""

    method: str
    path: str
    handler: Callable[..., Any]
    local: bool = False  # only on the Unix socket, never for browsers


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Those that name files or commands are local: a page in a browser must never be able to run something."""
    return (
        Route("GET", "/api/version", handlers.version),
        Route("GET", "/api/status", handlers.status),
        Route("GET", "/api/telemetry", handlers.telemetry),
        Route("GET", "/api/events", handlers.events),
        Route("GET", "/api/logs", handlers.logs),
        Route("POST", "/api/services/{name}/start", handlers.start_service),
        Route("POST", "/api/services/{name}/stop", handlers.stop_service),
        Route("POST", "/api/services/{name}/restart", handlers.restart_service),
        Route("POST", "/api/services/{name}/reload", handlers.reload),
        Route("PUT", "/api/services/{name}/scale", handlers.scale),
        Route("PUT", "/api/watch", handlers.watch),
        Route("POST", "/api/start", handlers.start),
        Route("POST", "/api/stop", handlers.stop),
        Route("POST", "/api/restart", handlers.restart),
        Route("POST", "/api/down", handlers.down),
        Route("PUT", "/api/project", handlers.apply, local=True),
        Route("POST", "/api/exec", handlers.exec_spec, local=True),
        Route("POST", "/api/login-link", handlers.login_link, local=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a route takes and gives. answers: what the JSON, or an item of a stream, may be; empty for no content."""

    path: tuple[str, ...]
    query: Any
    body: Any
    answers: tuple[Any, ...]
    streams: bool


def signature(route: Route) -> Signature:
    hints = get_type_hints(route.handler)
    answer = hints["return"]
    streams = get_origin(answer) is AsyncIterator
    return Signature(
        path=tuple(re.findall(r"{(\w+)}", route.path)),
        query=hints.get("query"),
        body=hints.get("body"),
        answers=_alternatives(get_args(answer)[0] if streams else answer),
        streams=streams,
    )


def _alternatives(answer: Any) -> tuple[Any, ...]:
    if answer is type(None):
        return ()
    return get_args(answer) if isinstance(answer, UnionType) else (answer,)


def endpoint(route: Route, streams: Streams) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The route's handler as aiohttp calls one."""
    shape = signature(route)

    async def handle(request: web.Request) -> web.StreamResponse:
        arguments = {name: request.match_info[name] for name in shape.path}
        if shape.query is not None:
            arguments["query"] = decode_query(request.query, shape.query)
        if shape.body is not None:
            arguments["body"] = await decode_body(request, shape.body)
        if shape.streams:
            return await streams.serve(request, route.handler(**arguments))
        answer = await route.handler(**arguments)
        return web.Response(status=204) if not shape.answers else json_response(answer)

    return handle
