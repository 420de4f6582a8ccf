"""Traces that were made of the proxy's records, for a collector of the user's: OTLP's messages again. Pure.

A record does not know its parent, so a trace is held until it is quiet, put together as it is shown, and handed on
once. Its spans have Envoy's resource, as those that Envoy sends itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.control.traces import Span
from sandbox.telemetry import otlp_schema
from sandbox.telemetry.traces.assemble import assemble
from sandbox.telemetry.traces.decode import batches
from sandbox.telemetry.traces.spans import SERVER, Batch, StoredSpan

QUIET = 3.0
"""Seconds without anything new after which a trace is handed on."""

MOST_SPANS = 4000
"""That are held: forty seconds of as many as the proxy tells of. More are dropped and counted."""

_ERROR = 2  # StatusCode
_NANO = 1e9


@dataclass(slots=True)
class _Held:
    seen: float
    spans: list[StoredSpan] = field(default_factory=list)


class Rebuilt:
    """Times are of a monotonic clock. dropped: spans."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._spans = 0
        self.dropped = 0

    def take(self, spans: Batch, now: float) -> None:
        for trace, more in batches(spans):
            fit = more[: max(0, MOST_SPANS - self._spans)]
            self.dropped += len(more) - len(fit)
            if fit:
                held = self._held.setdefault(trace, _Held(now))
                held.seen = now
                held.spans += fit
                self._spans += len(fit)

    def ready(self, now: float) -> bytes | None:
        """An ExportTraceServiceRequest of all traces that are quiet by now; None when there are none."""
        quiet = [trace for trace, held in self._held.items() if now - held.seen >= QUIET]
        if not quiet:
            return None
        request = otlp_schema.new("TraceRequest")
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "envoy"
        scope = resource.scope_spans.add()
        for trace in quiet:
            spans = self._held.pop(trace).spans
            self._spans -= len(spans)
            for span in assemble(trace, spans, _untold, complete=True).spans:
                _write(scope.spans.add(), trace, span)
        body: bytes = request.SerializeToString()
        return body


def _untold(_hop: StoredSpan, _attempts: tuple[StoredSpan, ...]) -> str:
    return ""


def _write(message: Any, trace: str, span: Span) -> None:
    message.trace_id, message.span_id = bytes.fromhex(trace), bytes.fromhex(span.id)
    message.parent_span_id = bytes.fromhex(span.parent or "")
    message.name, message.kind = span.name, SERVER
    message.start_time_unix_nano = round(span.start * _NANO)
    message.end_time_unix_nano = round((span.start + span.duration) * _NANO)
    if span.error:
        message.status.code = _ERROR
    for key, value in span.attributes.items():
        message.attributes.add(key=key).value.string_value = value
