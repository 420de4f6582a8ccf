"""OTLP's messages -> spans. Pure. https://opentelemetry.io/docs/specs/otel/protocol/ says what the fields mean.

What a sender may write is bounded here: names, attributes and events beyond the limits are cut.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.telemetry.traces.hops import InstanceAt, hop_span, other_trace
from sandbox.telemetry.traces.spans import SERVER, Batch, StoredSpan

MOST_ATTRIBUTES = 64
MOST_EVENTS = 32
LONGEST = 1024
"""Characters of a name or a value."""

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_JSON_TRACE_BYTES, _JSON_SPAN_BYTES = 24, 12  # hex digits, which protobuf's JSON took for base64
_ERROR = 2  # StatusCode
_NANO = 1e-9
_DEPTH = 4  # of nested values


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
        service = _service(resource.resource)
        for scope in resource.scope_spans:
            for message in scope.spans:
                trace, span = _span(message, service)
                if not trace or not span.id or not _sane(span):
                    invalid += 1
                    continue
                if from_proxy:
                    if span.kind == SERVER and not span.parent and (other := other_trace(span.attributes)):
                        joins[trace] = other
                    span = hop_span(span, instance_at)
                found.append((trace, span))
    return Decoded(found, invalid, joins)


def _span(message: Any, service: str) -> tuple[str, StoredSpan]:
    start = message.start_time_unix_nano
    attributes = _attributes(message.attributes)
    if message.status.message:
        attributes["status.message"] = _text(message.status.message)
    return _id(message.trace_id, _TRACE_BYTES, _JSON_TRACE_BYTES), StoredSpan(
        id=_id(message.span_id, _SPAN_BYTES, _JSON_SPAN_BYTES),
        parent=_id(message.parent_span_id, _SPAN_BYTES, _JSON_SPAN_BYTES),
        service=service,
        name=_text(message.name)[:LONGEST],
        kind=message.kind if 0 <= message.kind <= 5 else 0,
        start=start * _NANO,
        duration=(message.end_time_unix_nano - start) * _NANO,
        error=message.status.code == _ERROR,
        attributes=attributes,
        events=[(event.time_unix_nano * _NANO, _event(event)) for event in message.events[:MOST_EVENTS]],
    )


def _sane(span: StoredSpan) -> bool:
    return span.start > 0 and span.duration >= 0


def _id(raw: bytes, plain: int, json: int) -> str:
    if len(raw) == plain:
        return raw.hex() if any(raw) else ""
    if len(raw) == json:
        text = base64.b64encode(raw).decode().lower()
        return text if text.strip("0") and not text.strip("0123456789abcdef") else ""
    return ""


def _service(resource: Any) -> str:
    names = (_text(one.value.string_value) for one in resource.attributes if _text(one.key) == "service.name")
    return next(names, "unknown")[:LONGEST]


def _attributes(pairs: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        if len(found) == MOST_ATTRIBUTES:
            break
        found[_text(pair.key)[:LONGEST]] = _value(pair.value)[:LONGEST]
    return found


def _event(event: Any) -> str:
    """`exception: ValueError: no flour`, for people."""
    said = _attributes(event.attributes)
    kind, message = said.get("exception.type"), said.get("exception.message")
    more = ": ".join(filter(None, (kind, message))) or ", ".join(f"{key}={value}" for key, value in said.items())
    return f"{_text(event.name)}: {more}"[:LONGEST] if more else _text(event.name)[:LONGEST]


def _value(value: Any, depth: int = 0) -> str:
    kind = value.WhichOneof("value")
    if kind is None or depth > _DEPTH:
        return ""
    return _READERS[kind](getattr(value, kind), depth)


def _array(array: Any, depth: int) -> str:
    return f"[{', '.join(_value(one, depth + 1) for one in array.values[:MOST_ATTRIBUTES])}]"


def _map(pairs: Any, depth: int) -> str:
    inner = (f"{_text(one.key)}: {_value(one.value, depth + 1)}" for one in pairs.values[:MOST_ATTRIBUTES])
    return f"{{{', '.join(inner)}}}"


_READERS: dict[str, Callable[[Any, int], str]] = {
    "string_value": lambda value, _: _text(value),
    "bool_value": lambda value, _: "true" if value else "false",
    "int_value": lambda value, _: str(value),
    "double_value": lambda value, _: f"{value:g}",
    "bytes_value": lambda value, _: value.hex(),
    "array_value": _array,
    "kvlist_value": _map,
}


def _text(value: str | bytes) -> str:
    """Envoy hands on what a client wrote, which need not be UTF-8."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def batches(spans: Batch) -> Iterator[tuple[str, list[StoredSpan]]]:
    """By trace, in the order of their first spans."""
    by_trace: dict[str, list[StoredSpan]] = {}
    for trace, span in spans:
        by_trace.setdefault(trace, []).append(span)
    yield from by_trace.items()
