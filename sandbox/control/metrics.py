"""Numbers over time, as screens ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

LATENCY_BUCKETS: tuple[float, ...] = (
    *(0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80),
    *(100, 120, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1200, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000),
    *(10_000, 15_000, 20_000, 30_000, 60_000, 300_000),
)
"""Upper bounds in milliseconds by which latencies are counted. Envoy keeps two digits of each value, so finer ones
would be of no use."""


class Metric(StrEnum):
    """What can be asked for. Rates are per second, latencies milliseconds, None where there was no traffic."""

    REQUESTS = "requests"
    ERRORS = "errors"  # 5xx and requests without an answer
    ERROR_RATIO = "error_ratio"
    CLIENT_ERRORS = "client_errors"  # 4xx
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    RETRIES = "retries"
    TIMEOUTS = "timeouts"
    EJECTIONS = "ejections"
    OVERFLOWS = "overflows"  # refused by an open circuit
    RATE_LIMITED = "rate_limited"
    FAULTS = "faults"  # injected
    DENIED = "denied"  # by authorization
    BYTES_IN = "bytes_in"
    BYTES_OUT = "bytes_out"
    ACTIVE = "active"  # requests that are open, a gauge
    CONNECTIONS = "connections"  # open, a gauge
    CPU = "cpu"  # cores, of instances
    MEMORY = "memory"  # bytes
    OPEN_FILES = "open_files"
    RESTARTS = "restarts"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsQuery:
    """Of everything that all given names fit; more of a kind are summed (latencies are merged) unless `by` keeps
    them apart."""

    metrics: tuple[Metric, ...]
    callee: str | None = None
    caller: str | None = None  # a service, or "gateway"
    version: str | None = None
    instance: str | None = None  # of CPU, MEMORY, OPEN_FILES, RESTARTS
    by: tuple[str, ...] = ()
    """callee | caller | version | instance | code | flag | route. By code and flag there are REQUESTS only; by route,
    which is a rule of the gateway's by name, also ERRORS, ERROR_RATIO and quantiles."""
    since: float | None = None  # seconds since the epoch; None: 15 minutes ago
    until: float | None = None
    step: float | None = None  # seconds; None: about 120 points
    whole: bool = False  # one value of all the time together, instead of steps, which begin at round times


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    metric: Metric
    labels: Mapping[str, str]  # of `by`
    values: tuple[float | None, ...]  # one for each step


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAnswer:
    start: float  # seconds since the epoch, of the first value
    step: float
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceUsage:
    """Of an instance that runs, with all processes that it started. None: not known, or not yet."""

    instance: str
    service: str
    version: str = ""
    cpu: float  # cores
    cpu_limit: float | None = None
    memory: int  # bytes; what processes share counts in each
    memory_limit: int | None
    open_files: int | None
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    name: str  # a service, "gateway", or an external host
    kind: str  # gateway | service | external
    ready: int
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """Rates of the last seconds."""

    caller: str
    callee: str
    declared: bool
    requests_per_second: float = 0.0
    errors_per_second: float = 0.0
    error_ratio: float = 0.0
    p50: float | None = None
    p99: float | None = None
    versions: Mapping[str, float] = field(default_factory=dict)  # requests per second by version
    reasons: Mapping[str, float] = field(default_factory=dict)
    """Of requests that did not end well, per second: status, Envoy's response flags ("-": none) and details, such as
    "504 UT response_timeout"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The gateway first, then the services in the order of the file, then hosts outside. Declared edges are there
    although nothing uses them; observed ones for as long as the proxy remembers them."""

    at: float  # seconds since the epoch
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


class MetricsControl(Protocol):
    async def query(self, query: MetricsQuery) -> MetricsAnswer: ...

    async def usage(self) -> tuple[InstanceUsage, ...]: ...

    async def graph(self) -> Graph: ...

    async def prometheus(self) -> str:
        """Everything in Prometheus' text format, with Istio's names and labels, counted since the supervisor started.
        The UI's port serves it as `GET /metrics` to whoever has the project's token."""
        ...
