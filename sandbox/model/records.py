"""One request as the proxy saw it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header-field-values"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """What is unknown is empty or None; `cluster` is the proxy's name for the way that was taken."""

    at: float  # when it began, in seconds since the epoch
    duration: float  # seconds, until the answer's last byte had left
    method: str
    host: str
    path: str  # with its query
    status: int  # of HTTP; 0: the caller left before any answer
    flags: str  # Envoy's response flags, "UF,URX"; "" for none
    cluster: str
    upstream: str  # address of the instance that answered, "127.0.0.1:43121"
    rule: str  # name of the route
    attempts: int
    traceparent: str  # as it was handed on: its span is the last attempt's
    headers: Mapping[str, str] = field(default_factory=dict)  # of the request, some of them

    @property
    def trace(self) -> str | None:
        """32 hex digits; None when it belongs to none: callers may send anything."""
        found = _TRACEPARENT.fullmatch(self.traceparent)
        return found[1] if found else None

    @property
    def sampled(self) -> bool:
        return self.traceparent.endswith("-01")
