"""Traces and single requests, as screens see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    id: str  # 16 hex digits
    parent: str | None
    service: str
    name: str
    kind: str  # server | client | internal | producer | consumer
    start: float  # seconds since the epoch
    duration: float  # seconds
    error: bool
    attributes: Mapping[str, str] = field(default_factory=dict)
    events: tuple[tuple[float, str], ...] = ()  # when, what
    from_proxy: bool = False  # measured by Envoy
    orphan: bool = False  # its parent never came
    skewed: bool = False  # its clock runs differently: it begins before its parent, or ends after it
    story: str = ""  # what the mesh did with this hop, in plain words: rule, attempt, flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    id: str  # 32 hex digits
    spans: tuple[Span, ...]  # parents before children, children by their start
    complete: bool  # nothing has come for a while


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    id: str
    start: float
    duration: float
    root: str  # "gateway POST /api/buns"
    service: str  # that answered
    status: int | None  # of HTTP
    error: bool
    spans: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    service: str | None = None
    route: str | None = None  # a part of the root's name
    status: int | None = None
    errors: bool = False
    min_duration: float | None = None  # seconds
    attribute: str | None = None  # KEY=VALUE
    since: float | None = None
    until: float | None = None
    limit: int = 50
    slowest: bool = False  # instead of the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    per_second: float | None  # None: everything
    kept: int  # spans
    dropped: int  # spans that came and could not be kept: too many at a time, or not valid
    share: float = 1.0  # of all requests, that is traced at the moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TapQuery:
    """Of live requests. Empty means any."""

    service: str | None = None
    caller: str | None = None
    method: str | None = None
    path: str | None = None  # a part of it
    status: str | None = None  # 503, 5xx, error
    per_second: float = 50.0  # at most


@dataclass(frozen=True, slots=True, kw_only=True)
class TappedRequest:
    at: float
    caller: str
    callee: str
    version: str
    instance: str | None
    method: str
    path: str
    status: int
    flags: str  # Envoy's response flags, "" for none
    duration: float  # seconds, as a span's and a trace's
    trace: str | None
    attempts: int = 1
    dropped: int = 0  # that fitted and were left out before this one


class TracesControl(Protocol):
    async def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]: ...

    async def get(self, trace: str) -> Trace:
        """By its id or the beginning of it. NotFoundError when it is not known."""
        ...

    async def sampling(self, per_second: float | None = None, *, everything: bool = False) -> Sampling:
        """What holds; with arguments, after changing it."""
        ...

    def tap(self, query: TapQuery) -> AsyncIterator[TappedRequest]: ...
