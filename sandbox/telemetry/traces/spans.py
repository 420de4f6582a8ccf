"""A span as it is kept."""

from __future__ import annotations

import msgspec

KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
"""OTLP's numbers; 0 is "unspecified"."""

SERVER, CLIENT = 2, 3


class StoredSpan(msgspec.Struct, frozen=True, array_like=True):
    """Ids are hex digits, times are seconds. A span of the proxy's is a request it took, or (CLIENT) one attempt at an
    instance."""

    id: str
    parent: str  # "" for none
    service: str
    name: str
    kind: int
    start: float
    duration: float
    error: bool
    attributes: dict[str, str]
    events: list[tuple[float, str]] = []
    proxy: bool = False
    record: bool = False  # made of an access log's record: its parent is not known

    @property
    def end(self) -> float:
        return self.start + self.duration

    @property
    def key(self) -> tuple[str, int]:
        """Where client and server share an id, as with B3, they are still two."""
        return self.id, self.kind


Batch = list[tuple[str, StoredSpan]]
"""Spans, each with its trace's id (32 hex digits)."""
