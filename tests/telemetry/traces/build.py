"""Spans for tests, in few words."""

from __future__ import annotations

from typing import Any

from sandbox.model.records import RequestRecord
from sandbox.telemetry.traces.spans import CLIENT, SERVER, StoredSpan
from sandbox.telemetry.traces.story import Limits

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = 1_800_000_000.0


def hop(id: str, parent: str, caller: str, callee: str, start: float, duration: float, **more: Any) -> StoredSpan:
    """A request that the proxy took; times in seconds after NOW."""
    status = more.pop("status", 200)
    attributes = {"caller": caller, "callee": callee, "version": "v1", "http.status_code": str(status)}
    return StoredSpan(
        id=id,
        parent=parent,
        service=callee,
        name=f"GET /{callee}",
        kind=SERVER,
        start=NOW + start,
        duration=duration,
        error=status >= 500,
        attributes={**attributes, **more.pop("attributes", {})},
        proxy=True,
        **more,
    )


def attempt(id: str, parent: str, start: float, duration: float, number: int = 1, status: int = 200) -> StoredSpan:
    return StoredSpan(
        id=id,
        parent=parent,
        service="pantry",
        name="attempt",
        kind=CLIENT,
        start=NOW + start,
        duration=duration,
        error=status >= 500,
        attributes={"attempt": str(number), "http.status_code": str(status), "instance": f"pantry-v1-{number}"},
        proxy=True,
    )


def inside(id: str, parent: str, service: str, start: float, duration: float, kind: int = 1) -> StoredSpan:
    """Of a service's own."""
    return StoredSpan(id, parent, service, f"work of {service}", kind, NOW + start, duration, False, {})


def record(status: int = 503, duration: float = 0.01, sampled: bool = False, **more: Any) -> RequestRecord:
    given: dict[str, Any] = {
        "at": NOW,
        "method": "GET",
        "host": "pantry",
        "path": "/wheat?kind=rye",
        "flags": "",
        "cluster": "edge|mill|pantry|v1|8000",
        "upstream": "127.0.0.1:4001",
        "rule": "",
        "attempts": 1,
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-0{int(sampled)}",
    }
    return RequestRecord(status=status, duration=duration, **{**given, **more})


def no_limits(_callee: str, _rule: str) -> Limits:
    return Limits()


def nowhere(_address: str) -> None:
    return None
