"""What is counted of an edge or an instance, as columns of whole numbers that can be added up. Pure.

Everything adds: counters as what was counted in a time, latencies as counts by bucket, gauges as the sum of their
readings beside the number of readings (`READINGS`). So longer times and groups of edges are plain sums, a quantile is
that of the merged buckets, and a mean that of all readings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sandbox.control.metrics import LATENCY_BUCKETS, Metric
from sandbox.telemetry.histogram import Histogram

T = TypeVar("T")

Amounts = Mapping[str, int]
"""Column → amount. What is not there is 0."""

REQUESTS, ERRORS, CLIENT_ERRORS, CANCELLED = "requests", "errors", "client_errors", "cancelled"
READINGS = "readings"

BUCKET = "le."
"""`le.25`: answers that took up to 25 ms and longer than the bucket before."""
CODE = "code."
FLAG = "flag."
"""`flag.UT`: requests that ended with these response flags, as Envoy spells them."""
DETAIL = "out."
"""`out.503.UF.upstream_reset…`: by status, response flags and Envoy's details."""

ROUTE, ROUTE_ERRORS, ROUTE_BUCKET = "route.", "route_errors.", "route_le."
"""`route.web rule 1`: requests from outside that this rule led on, those of them that failed, and, as
`route_le.25|web rule 1`, those by how long they took."""

ACTIVE, CONNECTIONS, EJECTED = "active", "connections", "ejected"
CPU, MEMORY, OPEN_FILES = "cpu", "memory", "open_files"
GAUGES = frozenset({ACTIVE, CONNECTIONS, EJECTED, CPU, MEMORY, OPEN_FILES})
CPU_UNIT = 1000
"""CPU is kept in thousandths of a core."""

QUANTILES: Mapping[Metric, float] = {Metric.P50: 0.5, Metric.P90: 0.9, Metric.P95: 0.95, Metric.P99: 0.99}

SUMS: Mapping[Metric, tuple[str, ...]] = {
    Metric.REQUESTS: (REQUESTS,),
    Metric.ERRORS: (ERRORS,),
    Metric.CLIENT_ERRORS: (CLIENT_ERRORS,),
    Metric.RETRIES: ("retries",),
    Metric.TIMEOUTS: ("timeouts", "try_timeouts"),
    Metric.EJECTIONS: ("ejections",),
    Metric.OVERFLOWS: ("overflows", "retries_refused"),
    Metric.RATE_LIMITED: ("rate_limited",),
    Metric.FAULTS: ("faults",),
    Metric.DENIED: ("denied",),
    Metric.BYTES_IN: ("bytes_in",),
    Metric.BYTES_OUT: ("bytes_out",),
    Metric.RESTARTS: ("restarts",),
}
"""Metrics that are rates, and the columns that are added up for each. RESTARTS is a count, not a rate."""

MEANS: Mapping[Metric, str] = {
    Metric.ACTIVE: ACTIVE,
    Metric.CONNECTIONS: CONNECTIONS,
    Metric.CPU: CPU,
    Metric.MEMORY: MEMORY,
    Metric.OPEN_FILES: OPEN_FILES,
}

OF_INSTANCES = frozenset({Metric.CPU, Metric.MEMORY, Metric.OPEN_FILES, Metric.RESTARTS})


@dataclass(frozen=True, slots=True, order=True)
class EdgeKey:
    caller: str
    callee: str
    version: str


@dataclass(frozen=True, slots=True, order=True)
class InstanceKey:
    service: str
    version: str
    instance: str


SeriesKey = EdgeKey | InstanceKey


def wanted_by(metric: Metric) -> tuple[tuple[str, ...], str | None]:
    """The columns that a metric is made of, and the prefix of more of them."""
    if metric in QUANTILES:
        return (), BUCKET
    if metric is Metric.ERROR_RATIO:
        return (REQUESTS, ERRORS), None
    if metric in MEANS:
        return (MEANS[metric], READINGS), None
    return SUMS[metric], None


def added(parts: Iterable[Amounts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for column, amount in part.items():
            total[column] = total.get(column, 0) + amount
    return total


def grown(now: Amounts, before: Amounts) -> dict[str, int]:
    """What was counted between two readings. A lower number means that the counting began anew in between."""
    if now == before:
        return {}
    if any(amount < before.get(column, 0) for column, amount in now.items()):
        return {column: amount for column, amount in now.items() if amount}
    return {column: grew for column, amount in now.items() if (grew := amount - before.get(column, 0))}


def histogram(amounts: Amounts) -> Histogram:
    cumulative, total = [], 0
    for column in _BUCKETS:
        total += amounts.get(column, 0)
        cumulative.append(total)
    return Histogram(LATENCY_BUCKETS, tuple(cumulative))


def of_routes(columns: Mapping[str, T]) -> Mapping[str, Mapping[str, T]]:
    """By route: `REQUESTS`, `ERRORS` and buckets, as they are called of an edge."""
    found: dict[str, dict[str, T]] = {}
    for column, amount in columns.items():
        if column.startswith(ROUTE_BUCKET):
            bound, _, route = column.removeprefix(ROUTE_BUCKET).partition(_OF_ROUTE)
            found.setdefault(route, {})[f"{BUCKET}{bound}"] = amount
        elif column.startswith(ROUTE_ERRORS):
            found.setdefault(column.removeprefix(ROUTE_ERRORS), {})[ERRORS] = amount
        elif column.startswith(ROUTE):
            found.setdefault(column.removeprefix(ROUTE), {})[REQUESTS] = amount
    return found


def bucket(bound: float, route: str = "") -> str:
    """The column of a bucket, of a route's durations or all; of one that nobody expects, the next larger one's."""
    column = _BUCKETS[min(bisect_left(LATENCY_BUCKETS, bound), len(_BUCKETS) - 1)]
    return f"{ROUTE_BUCKET}{column.removeprefix(BUCKET)}{_OF_ROUTE}{route}" if route else column


_OF_ROUTE = "|"
_BUCKETS = tuple(f"{BUCKET}{bound:g}" for bound in LATENCY_BUCKETS)
