"""Where Envoy sends its spans (OTLP) and its records of requests, over gRPC, beside its source of configuration.

Spans are handed on as they came: OTLP's requests are the same bytes over gRPC and over HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from sandbox.model.records import RequestRecord
from sandbox.proxy.records import read_records

log = logging.getLogger(__name__)

Check = Callable[[Any], Any]

_TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
_REQUESTS = "envoy.service.accesslog.v3.AccessLogService"
_ACCEPTED = b""  # an empty ExportTraceServiceResponse, or StreamAccessLogsResponse: all was taken


def _ignore(_what: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Who hears of them. Called on the loop; neither may take long nor raise."""

    spans: Callable[[bytes], None] = _ignore  # an ExportTraceServiceRequest
    requests: Callable[[tuple[RequestRecord, ...]], None] = _ignore


def handlers(reports: Reports, check: Check) -> tuple[Any, ...]:
    """For a server of gRPC. `check` ends calls that have no right to be made."""

    async def spans(body: bytes, context: Any) -> bytes:
        await check(context)
        reports.spans(body)
        return _ACCEPTED

    async def requests(_messages: Any, context: Any) -> bytes:
        await check(context)
        while (body := await context.read()) is not grpc.aio.EOF:
            _tell(reports, body)
        return _ACCEPTED

    return (
        grpc.method_handlers_generic_handler(_TRACES, {"Export": grpc.unary_unary_rpc_method_handler(spans)}),
        grpc.method_handlers_generic_handler(
            _REQUESTS, {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(requests)}
        ),
    )


def _tell(reports: Reports, body: bytes) -> None:
    try:
        reports.requests(read_records(body))
    except ValueError as error:
        log.warning("Envoy told of requests in a way that can't be read: %s", error)
