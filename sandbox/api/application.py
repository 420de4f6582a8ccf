"""An aiohttp application out of routes and a guard: requests guarded, answers hardened, errors in our shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox import __version__
from sandbox.api.connection import connection_of
from sandbox.api.encoding import BODY_LIMIT, error_response
from sandbox.api.errors import Refused, internal_error
from sandbox.api.routes import Route, endpoint
from sandbox.api.security import Guard, Handler, harden
from sandbox.api.shapes import VERSION_HEADER
from sandbox.api.streams import Streams
from sandbox.errors import SandboxError

log = logging.getLogger(__name__)

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def build(
    routes: Sequence[Route],
    streams: Streams,
    guard: Guard,
    *,
    pages: Sequence[web.AbstractRouteDef] = (),
    tells_version: bool = False,
) -> web.Application:
    """tells_version: for clients of ours; a stranger need not know."""
    app = web.Application(middlewares=[_errors, _guarded(guard)], client_max_size=BODY_LIMIT)
    for route in routes:
        app.router.add_route(route.method, route.path, endpoint(route, streams))
    app.add_routes(pages)

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        harden(response)
        if tells_version:
            response.headers[VERSION_HEADER] = __version__

    app.on_response_prepare.append(prepare)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    connection_of(request).request_arrived()
    try:
        return await handler(request)
    except SandboxError as error:
        return error_response(error)
    except web.HTTPException as error:
        return _from_aiohttp(request, error)
    except ConnectionError:
        raise  # the client left; nobody reads an answer
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return error_response(internal_error())


def _guarded(guard: Guard) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard(request)
        return await handler(request)

    return middleware


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals: no such route, no such method, too large a body."""
    message = {
        404: f"there is nothing at {request.path}",
        405: f"{request.method} can't be used here",
        413: f"the body is larger than {BODY_LIMIT // 1024} KiB",
    }.get(error.status, error.reason)
    response = error_response(Refused(error.status, _CODES.get(error.status, "bad_request"), message))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
