"""Which request calls which handler, and how a handler's signature reads a request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from aiohttp import web

from sandbox.api.encoding import decode_body, decode_query, json_response
from sandbox.api.etags import if_match, tagged
from sandbox.api.handlers.alerts import AlertsHandlers
from sandbox.api.handlers.cluster import Handlers
from sandbox.api.handlers.load import LoadHandlers
from sandbox.api.handlers.metrics import MetricsHandlers
from sandbox.api.handlers.pictures import PicturesHandlers
from sandbox.api.handlers.traces import TracesHandlers
from sandbox.api.handlers.traffic import TrafficHandlers
from sandbox.api.shapes import LoginLinkRequest
from sandbox.api.streams import Streams
from sandbox.control import Control


@dataclass(frozen=True, slots=True)
class Route:
    """handler: takes the path's names as strings, `query` and `body` as structs; returns JSON, nothing, or a stream."""

    method: str
    path: str
    handler: Callable[..., Any]
    local: bool = False  # only on the Unix socket, never for browsers


def routes(control: Control, login_link: Callable[[LoginLinkRequest], str]) -> tuple[Route, ...]:
    """Everything the API serves. `login_link` makes a link that lets a browser in, once."""
    return (
        *_cluster(Handlers(control, login_link)),
        *_traffic(TrafficHandlers(control.traffic)),
        *_metrics(MetricsHandlers(control.metrics)),
        *_traces(TracesHandlers(control.traces)),
        *_alerts(AlertsHandlers(control.alerts, control.diagnosis)),
        *_load(LoadHandlers(control.load)),
        *_pictures(PicturesHandlers(control)),
    )


def _cluster(handlers: Handlers) -> tuple[Route, ...]:
    """Those that name files or commands are local: a page in a browser must never be able to run something."""
    return (
        Route("GET", "/api/version", handlers.version),
        Route("GET", "/api/status", handlers.status),
        Route("GET", "/api/telemetry", handlers.telemetry),
        Route("GET", "/api/events", handlers.events),
        Route("GET", "/api/logs", handlers.logs),
        Route("GET", "/api/logs/counts", handlers.log_counts),
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


def _traffic(handlers: TrafficHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/traffic", handlers.traffic),
        Route("POST", "/api/traffic/changes", handlers.change_traffic),
        Route("GET", "/api/traffic/revisions", handlers.traffic_revisions),
        Route("GET", "/api/traffic/revisions/{number}/diff", handlers.traffic_diff),
        Route("GET", "/api/traffic/drift", handlers.traffic_drift),
        Route("POST", "/api/traffic/rollback", handlers.rollback_traffic),
        Route("POST", "/api/traffic/trial", handlers.try_traffic),
        Route("POST", "/api/traffic/trial/end", handlers.end_trial),
        Route("POST", "/api/traffic/ramps", handlers.ramp_traffic),
        Route("POST", "/api/traffic/ramps/{service}/end", handlers.end_ramp),
        Route("POST", "/api/traffic/explain", handlers.explain_traffic),
        Route("GET", "/api/traffic/lint", handlers.lint_traffic),
        Route("POST", "/api/traffic/save", handlers.save_traffic, local=True),
    )


def _metrics(handlers: MetricsHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/metrics", handlers.metrics),
        Route("GET", "/api/usage", handlers.usage),
        Route("GET", "/api/graph", handlers.graph),
        Route("GET", "/api/prometheus", handlers.exposition),
    )


def _traces(handlers: TracesHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/traces", handlers.traces),
        Route("GET", "/api/traces/{id}", handlers.trace),
        Route("GET", "/api/sampling", handlers.sampling),
        Route("PUT", "/api/sampling", handlers.set_sampling),
        Route("GET", "/api/tap", handlers.tap),
    )


def _alerts(handlers: AlertsHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/alerts", handlers.alerts),
        Route("POST", "/api/alerts/silence", handlers.silence),
        Route("GET", "/api/why", handlers.why),
    )


def _pictures(handlers: PicturesHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/charts/{service}", handlers.charts),
        Route("GET", "/api/graph.svg", handlers.graph_picture),
    )


def _load(handlers: LoadHandlers) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/trickle", handlers.trickle),
        Route("PUT", "/api/trickle", handlers.set_trickle),
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
            arguments["body"] = if_match(request.headers, await decode_body(request, shape.body))
        if shape.streams:
            return await streams.serve(request, route.handler(**arguments))
        answer = await route.handler(**arguments)
        return web.Response(status=204) if not shape.answers else tagged(json_response(answer), answer)

    return handle
