"""What a list of traces shows of each, and how a query chooses among them. Pure."""

from __future__ import annotations

from collections.abc import Collection

from sandbox.control.traces import TraceQuery, TraceSummary
from sandbox.telemetry.traces.spans import CLIENT, SERVER, StoredSpan


def summarize(trace: str, spans: Collection[StoredSpan]) -> TraceSummary:
    """Of a trace that has at least one span."""
    root = _root(spans)
    ends = max(span.end for span in spans)
    start = min(span.start for span in spans)
    names = [span.service for span in sorted(spans, key=lambda one: one.start) if span.service]
    return TraceSummary(
        id=trace,
        start=start,
        duration=root.duration if root.proxy else ends - start,
        root=title(root),
        service=root.service,
        status=_status(root),
        error=any(span.error for span in spans if not (span.proxy and span.kind == CLIENT)),
        spans=len(spans),
        services=tuple(dict.fromkeys(names)),
    )


def title(span: StoredSpan) -> str:
    """`gateway POST /api/buns`."""
    return f"{span.attributes.get('caller', '')} {span.name}".strip() if span.proxy else f"{span.service} {span.name}"


def fits(query: TraceQuery, found: TraceSummary) -> bool:
    """All of it but the attribute, which only the spans tell."""
    return (
        (query.service is None or query.service in found.services)
        and (query.route is None or query.route in found.root)
        and (query.status is None or query.status == found.status)
        and (found.error or not query.errors)
        and (query.min_duration is None or found.duration >= query.min_duration)
        and (query.since is None or found.start >= query.since)
        and (query.until is None or found.start <= query.until)
    )


def has_attribute(wanted: str, spans: Collection[StoredSpan]) -> bool:
    """`KEY=VALUE`, or `KEY` for any value."""
    key, given, value = wanted.partition("=")
    return any(key in span.attributes and (not given or span.attributes[key] == value) for span in spans)


def _root(spans: Collection[StoredSpan]) -> StoredSpan:
    known = {span.id for span in spans}
    tops = [span for span in spans if span.parent not in known and not (span.proxy and span.kind == CLIENT)]
    return min(tops or spans, key=lambda one: (one.start, -one.duration, one.kind != SERVER))


def _status(span: StoredSpan) -> int | None:
    for key in ("http.status_code", "http.response.status_code"):
        if (text := span.attributes.get(key, "")).isdecimal():
            return int(text)
    return None
