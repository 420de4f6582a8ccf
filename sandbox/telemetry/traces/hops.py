"""What a span or a record of the proxy's says about a hop: who called whom, and what the mesh did with it. Pure.

The proxy calls the way that a request took by `edge|caller|callee|version|port`, or `undeclared|callee|version|port`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from sandbox.model.flags import joined_flags
from sandbox.model.records import RequestRecord
from sandbox.telemetry.traces.spans import SERVER, StoredSpan

InstanceAt = Callable[[str], str | None]
"""The instance that has an address now."""

UNDECLARED = "undeclared"
"""The caller in the place of one that does not declare the callee."""

_NONE = ("", "-")
_SAMPLED_AWAY = 16


@dataclass(frozen=True, slots=True)
class Way:
    caller: str
    callee: str
    version: str


@lru_cache(maxsize=1024)
def way_of(cluster: str) -> Way | None:
    """None where the request went to no service."""
    match cluster.split("|"):
        case ["edge", caller, callee, version, _]:
            return Way(caller, callee, version)
        case ["undeclared", callee, version, _]:
            return Way(UNDECLARED, callee, version)
    return None


def hop_span(span: StoredSpan, instance_at: InstanceAt) -> StoredSpan:
    """A span of Envoy's in this product's words."""
    raw = span.attributes
    way = way_of(raw.get("upstream_cluster", ""))
    method, (host, path) = raw.get("http.method", ""), _host_and_path(raw.get("http.url", ""))
    upstream = raw.get("upstream_address", "")
    server = span.kind == SERVER
    said = {
        "instance": instance_at(upstream) or "",
        "upstream": upstream,
        "http.method": method,
        "http.path": path,
        "http.host": host,
        "http.status_code": raw.get("http.status_code", ""),
        "response_flags": joined_flags(raw.get("response_flags", ""), raw.get("inbound_flags", "")),
        "reason": raw.get("error.reason", ""),
        "rule": raw.get("rule", ""),
        "request.id": raw.get("guid:x-request-id", ""),
        "attempt": "" if server else str(int(raw.get("retry.count", "0") or 0) + 1),
    }
    return StoredSpan(
        id=span.id,
        parent=span.parent,
        service=way.callee if way else "",
        name=f"{method} {path.partition('?')[0]}" if server else "attempt",
        kind=span.kind,
        start=span.start,
        duration=span.duration,
        error=_failed(raw),
        attributes=_way(way) | {key: value for key, value in said.items() if value not in _NONE},
        proxy=True,
    )


def _host_and_path(url: str) -> tuple[str, str]:
    """The path with its query. A client's Host may be anything, also what is no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        host, slash, path = url.partition("://")[2].partition("/")
        return host, f"{slash}{path}"
    return parts.netloc, f"{parts.path}?{parts.query}" if parts.query else parts.path


def record_span(record: RequestRecord, instance_at: InstanceAt) -> tuple[str, StoredSpan] | None:
    """A request that was not drawn, as a span of its trace; None when it belongs to none. Its id is that of the last
    attempt, which is what the callee knows as its parent."""
    trace, way = record.trace, way_of(record.cluster)
    if trace is None:
        return None
    attributes = {
        **_way(way),
        **_given("instance", instance_at(record.upstream) or ""),
        **_given("upstream", record.upstream),
        "http.method": record.method,
        "http.path": record.path,
        **_given("http.host", record.host),
        "http.status_code": str(record.status),
        **_given("response_flags", record.flags),
        **_given("rule", record.rule),
        "attempts": str(record.attempts),
        "told_by": "log",  # for it was not drawn
    }
    return trace, StoredSpan(
        id=record.traceparent.split("-")[2][:_SAMPLED_AWAY],
        parent="",
        service=way.callee if way else "",
        name=f"{record.method} {record.path.partition('?')[0]}",
        kind=SERVER,
        start=record.at,
        duration=record.duration,
        error=failed_status(record.status),
        attributes=attributes,
        proxy=True,
        record=True,
    )


def other_trace(raw: Mapping[str, str]) -> tuple[str, str] | None:
    """The trace and span that a B3 caller named, where Envoy, which reads W3C only, began a trace of its own."""
    trace, span = raw.get("x-b3-traceid", ""), raw.get("x-b3-spanid", "")
    if not trace and raw.get("b3"):
        trace, _, rest = raw["b3"].partition("-")
        span = rest.partition("-")[0]
    if len(trace) not in (16, 32) or len(span) != 16 or not _is_hex(trace + span):
        return None
    return trace.lower().rjust(32, "0"), span.lower()


def failed_status(status: int) -> bool:
    """A caller that left before the answer saw no success either."""
    return status >= 500 or status == 0


def _failed(raw: Mapping[str, str]) -> bool:
    status = raw.get("http.status_code", "")
    return raw.get("error") == "true" or (status.isdecimal() and failed_status(int(status)))


def _way(way: Way | None) -> dict[str, str]:
    if way is None:
        return {}
    return {"caller": way.caller, "callee": way.callee, "version": way.version}


def _given(key: str, value: str) -> dict[str, str]:
    return {} if value in _NONE else {key: value}


def _is_hex(text: str) -> bool:
    return all(char in "0123456789abcdefABCDEF" for char in text)
