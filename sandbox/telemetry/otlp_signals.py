"""OTLP's three kinds of signal: reading a request, how much it holds, and the answers to it. Pure.

Protobuf takes a while to import, so it waits for the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_INVALID_ARGUMENT = 3  # google.rpc.Code
_KINDS_OF_POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


@dataclass(frozen=True, slots=True)
class Signal:
    """message: its name in the protocol, as in `ExportTraceServiceRequest`.

    items: what is counted in a request.
    rejected: the field of the answer that says how many were not kept.
    """

    name: str
    message: str
    items: Callable[[Any], int]
    rejected: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of OTLP. message: as parsed, of `otlp_schema`."""

    signal: Signal
    message: Any
    items: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many items of a request are not kept, and why."""

    rejected: int = 0
    why: str = ""


def count_only(arrival: Arrival) -> Verdict:
    """Where there is nothing to keep it."""
    return Verdict(arrival.items, f"{arrival.signal.name} are counted here, but not kept")


def read(signal: Signal, body: bytes, content_type: str) -> Arrival:
    """ValueError when the body is no such request."""
    from google.protobuf import json_format
    from google.protobuf.message import DecodeError

    from sandbox.telemetry import otlp_schema

    request = otlp_schema.new(f"{signal.message}Request")
    try:
        if content_type == JSON:
            json_format.Parse(body, request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    return Arrival(signal, request, signal.items(request), body, content_type)


def answer(signal: Signal, verdict: Verdict, content_type: str) -> bytes:
    from sandbox.telemetry import otlp_schema

    response = otlp_schema.new(f"{signal.message}Response")
    if verdict.rejected:
        setattr(response.partial_success, signal.rejected, verdict.rejected)
        response.partial_success.error_message = verdict.why
    return _encoded(response, content_type)


def failure(message: str, content_type: str) -> bytes:
    """The body of an error's answer."""
    from sandbox.telemetry import otlp_schema

    status = otlp_schema.new("Status")
    status.code, status.message = _INVALID_ARGUMENT, message
    return _encoded(status, content_type)


def _encoded(message: Any, content_type: str) -> bytes:
    from google.protobuf import json_format

    if content_type == JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    data: bytes = message.SerializeToString()
    return data


def _spans(request: Any) -> int:
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def _records(request: Any) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _points(request: Any) -> int:
    return sum(len(getattr(metric, kind).data_points) for metric in _metrics(request) for kind in _KINDS_OF_POINTS)


def _metrics(request: Any) -> Iterator[Any]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


SIGNALS = {
    "traces": Signal("traces", "Trace", _spans, "rejected_spans"),
    "metrics": Signal("metrics", "Metrics", _points, "rejected_data_points"),
    "logs": Signal("logs", "Logs", _records, "rejected_log_records"),
}
