"""One request as the proxy saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
        """32 hex digits; None when it belongs to none."""
        parts = self.traceparent.split("-")
        return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None

    @property
    def sampled(self) -> bool:
        return self.traceparent.endswith("-01")
