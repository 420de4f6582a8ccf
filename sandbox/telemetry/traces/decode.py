"""OTLP's messages -> spans. Pure. https://opentelemetry.io/docs/specs/otel/protocol/ says what the fields mean.

What a sender may write is bounded here: names, attributes and events beyond the limits are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.telemetry import otlp_schema
from sandbox.telemetry.otlp_values import (
    LONGEST,
    MOST_ATTRIBUTES,
    attributes,
    line,
    service_name,
    span_id,
    text,
    trace_id,
)
from sandbox.telemetry.traces.hops import InstanceAt, hop_span, other_trace
from sandbox.telemetry.traces.spans import SERVER, Batch, StoredSpan

MOST_EVENTS = 32

_SHORT = 128
"""Bytes of an attribute that may be worth remembering."""

_ERROR = 2  # StatusCode
_NANO = 1e-9


@dataclass(frozen=True, slots=True)
class Decoded:
    """joins: the traces of other ids that some of Envoy's belong to, as (their id, the span above) by trace."""

    spans: Batch
    invalid: int  # without an id, or with times that can't be
    joins: dict[str, tuple[str, str]]


def decode(request: Any, instance_at: InstanceAt, *, from_proxy: bool) -> Decoded:
    """Of a parsed ExportTraceServiceRequest."""
    found: Batch = []
    joins: dict[str, tuple[str, str]] = {}
    invalid = 0
    for resource in request.resource_spans:
        service = service_name(resource.resource)
        for scope in resource.scope_spans:
            for message in scope.spans:
                trace, span = _span(message, service, _texts if from_proxy else attributes)
                if not trace or not span.id or not _sane(span):
                    invalid += 1
                    continue
                if from_proxy:
                    if span.kind == SERVER and not span.parent and (other := other_trace(span.attributes)):
                        joins[trace] = other
                    span = hop_span(span, instance_at)
                found.append((trace, span))
    return Decoded(found, invalid, joins)


def _span(message: Any, service: str, read: Callable[[Sequence[Any]], dict[str, str]]) -> tuple[str, StoredSpan]:
    start = message.start_time_unix_nano
    said = read(message.attributes)
    if message.status.message:
        said["status.message"] = text(message.status.message)
    return trace_id(message.trace_id), StoredSpan(
        id=span_id(message.span_id),
        parent=span_id(message.parent_span_id),
        service=service,
        name=line(message.name)[:LONGEST],
        kind=message.kind if 0 <= message.kind <= 5 else 0,
        start=start * _NANO,
        duration=(message.end_time_unix_nano - start) * _NANO,
        error=message.status.code == _ERROR,
        attributes=said,
        events=[(event.time_unix_nano * _NANO, _event(event)) for event in message.events[:MOST_EVENTS]],
    )


def _sane(span: StoredSpan) -> bool:
    return span.start > 0 and span.duration >= 0


def _texts(pairs: Sequence[bytes]) -> dict[str, str]:
    """Of Envoy, which writes nothing but text, and the same over and over: it is read once."""
    return dict([_known_pair(one) if len(one) < _SHORT else _pair(one) for one in pairs[:MOST_ATTRIBUTES]])


def _pair(raw: bytes) -> tuple[str, str]:
    """Of a KeyValue; without a name when it is none."""
    pair = otlp_schema.new("KeyValue", lenient=True)
    try:
        pair.ParseFromString(raw)
    except DecodeError:
        return "", ""
    return text(pair.key)[:LONGEST], text(pair.value.string_value)[:LONGEST]


_known_pair = lru_cache(maxsize=4096)(_pair)


def _event(event: Any) -> str:
    """`exception: ValueError: no flour`, for people."""
    said = attributes(event.attributes)
    kind, message = said.get("exception.type"), said.get("exception.message")
    more = ": ".join(filter(None, (kind, message))) or ", ".join(f"{key}={value}" for key, value in said.items())
    return f"{line(event.name)}: {more}"[:LONGEST] if more else line(event.name)[:LONGEST]


def batches(spans: Batch) -> Iterator[tuple[str, list[StoredSpan]]]:
    """By trace, in the order of their first spans."""
    by_trace: dict[str, list[StoredSpan]] = {}
    for trace, span in spans:
        by_trace.setdefault(trace, []).append(span)
    yield from by_trace.items()
