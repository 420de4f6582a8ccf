"""Envoy's `/stats?format=json&histogram_buckets=cumulative` -> what was counted of each edge. Pure.

Of a cluster Envoy counts (measured with 1.40.0):
`upstream_rq_completed`  requests whose answer began, a retried one once: what its caller would count;
`upstream_rq_5xx`        of those, the failed ones, with answers that Envoy gave itself: no healthy endpoint, refused or
                         broken connection, time-out;
`upstream_rq_time`       whole milliseconds until the upstream's answer was complete; not of Envoy's own answers, so
                         that requests which ran into a time limit are added from what `told` reads.
Not among them are requests whose caller left before any answer, and an answer that broke off after a good status
counts as good: none of a cluster's statistics tells such a caller from one that left an endless stream.

A TCP cluster counts connections only, each attempt to an instance among them, so `upstream_cx_total` is of no use:
`upstream_rq_total`                      connections of callers that an instance accepted;
`upstream_cx_connect_attempts_exceeded`  those that none accepted, however often it was tried;
`upstream_cx_none_healthy`               those for which there was no instance.

What the proxy counts request by request is read by `told`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from sandbox.telemetry import columns
from sandbox.telemetry.columns import CLIENT_ERRORS, CODE, ERRORS, REQUESTS, EdgeKey
from sandbox.telemetry.told import tell

FILTER = (
    r"^(cluster\.edge\|.*\.("
    r"upstream_rq_(completed|[45]xx|\d\d\d|time|active|retry|retry_success|retry_limit_exceeded|retry_overflow"
    r"|timeout|per_try_timeout|pending_overflow|active_overflow|rx_reset|total)"
    r"|upstream_cx_(active|overflow|connect_fail|connect_timeout|none_healthy|connect_attempts_exceeded"
    r"|destroy_remote_with_active_rq|[rt]x_bytes_total)"
    r"|outlier_detection\.(ejections_enforced_total|ejections_active))"
    r"|cluster\.undeclared\|[^|]*\|\*\|\d+\.upstream_(rq_total|cx_connect_attempts_exceeded|cx_none_healthy)"
    r"|cluster\.inbound\|.*\.(upstream_rq_rx_reset|upstream_cx_(connect_fail|connect_timeout|none_healthy"
    r"|destroy_remote_with_active_rq)|outlier_detection\.(ejections_enforced_total|ejections_active))"
    r"|http\.inbound\.fault\..*\.delays_injected|outcome\.n\..*"
    r"|outcome\.t\.f\.([^.]*,)?(UT|DT|SI)[,.].*|(call|route)\..*)$"
)
"""The regular expression that chooses these statistics (and no others: Envoy has hundreds for each cluster)."""

UNDECLARED = "undeclared"
"""The caller's name in edges of TCP callers that do not declare the callee: Envoy counts them together."""

EVERYBODY = ""
"""The caller's name where all callers count together: of what happens behind the inbound listener."""

ALL_VERSIONS = "*"

_HTTP: Mapping[str, str] = {
    "upstream_rq_completed": REQUESTS,
    "upstream_rq_5xx": ERRORS,
    "upstream_rq_4xx": CLIENT_ERRORS,
    "upstream_rq_retry": "retries",
    "upstream_rq_retry_success": "retries_good",
    "upstream_rq_retry_limit_exceeded": "retries_spent",
    "upstream_rq_retry_overflow": "retries_refused",
    "upstream_rq_timeout": "timeouts",
    "upstream_rq_per_try_timeout": "try_timeouts",
    "upstream_rq_pending_overflow": "overflows",
    "upstream_rq_active_overflow": "overflows",
    "upstream_rq_rx_reset": "resets",
    "upstream_rq_active": columns.ACTIVE,
    "upstream_cx_active": columns.CONNECTIONS,
    "upstream_cx_overflow": "connection_overflows",
    "upstream_cx_connect_fail": "connect_failures",
    "upstream_cx_connect_timeout": "connect_timeouts",
    "upstream_cx_none_healthy": "no_healthy",
    "upstream_cx_destroy_remote_with_active_rq": "broken",
    "upstream_cx_tx_bytes_total": "bytes_in",
    "upstream_cx_rx_bytes_total": "bytes_out",
    "outlier_detection.ejections_enforced_total": "ejections",
    "outlier_detection.ejections_active": columns.EJECTED,
}
_TCP: Mapping[str, tuple[str, ...]] = {
    "upstream_rq_total": (REQUESTS,),
    "upstream_cx_connect_attempts_exceeded": (REQUESTS, ERRORS, "connect_failures"),
    "upstream_cx_none_healthy": (REQUESTS, ERRORS, "no_healthy"),
    "upstream_cx_active": (columns.CONNECTIONS,),
    "upstream_cx_tx_bytes_total": ("bytes_in",),
    "upstream_cx_rx_bytes_total": ("bytes_out",),
}

Amounts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """counters: since Envoy's start. gauges: now."""

    counters: Mapping[EdgeKey, Mapping[str, int]]
    gauges: Mapping[EdgeKey, Mapping[str, int]]


class _Bucket(msgspec.Struct):
    upper_bound: float
    cumulative: int


class _Histogram(msgspec.Struct):
    name: str
    buckets: list[_Bucket]


class _Entry(msgspec.Struct):
    """Either a counter or, once, all histograms."""

    name: str = ""
    value: int = 0
    histograms: list[_Histogram] = []


class _Stats(msgspec.Struct):
    stats: list[_Entry]


_decoder = msgspec.json.Decoder(_Stats)

Callers = Callable[[], Mapping[str, str]]


def read_stats(answer: bytes, callers: Mapping[str, str]) -> Reading:
    """callers: by the port of their HTTP proxy. ValueError when it is not what Envoy answers."""
    try:
        stats = _decoder.decode(answer)
    except msgspec.DecodeError as error:
        raise ValueError(f"these are not Envoy's statistics: {error}") from error
    counters: dict[EdgeKey, Amounts] = {}
    gauges: dict[EdgeKey, Amounts] = {}
    for key, column, amount in _amounts(stats, callers):
        into = gauges if column in columns.GAUGES else counters
        found = into.setdefault(key, {})
        found[column] = found.get(column, 0) + amount
    return Reading(counters, gauges)


@lru_cache(maxsize=8192)
def edge_of(cluster: str) -> EdgeKey | None:
    """`cluster.edge|store|orders|v1` as an edge; the ports of a callee count together."""
    match cluster.removeprefix("cluster.").split("|"):
        case ["edge", caller, callee, version]:
            return EdgeKey(caller, callee, version)
        case ["undeclared", callee, version]:
            return EdgeKey(UNDECLARED, callee, version)
        case ["inbound", callee, version]:
            return EdgeKey(EVERYBODY, callee, version)
    return None


def _amounts(stats: _Stats, callers: Mapping[str, str]) -> Iterator[tuple[EdgeKey, str, int]]:
    for entry in stats.stats:
        if entry.name.startswith("cluster."):
            yield from _of_cluster(entry)
        elif entry.name and (told := tell(entry.name, callers)) is not None:
            for column in told.columns:
                yield told.edge, column, entry.value
        for histogram in entry.histograms:
            yield from _of_histogram(histogram, callers)


def _of_cluster(entry: _Entry) -> Iterator[tuple[EdgeKey, str, int]]:
    cluster, _, tail = entry.name.rpartition("|")
    edge = edge_of(cluster)
    if edge is None:
        return
    metric = tail.partition(".")[2]
    if edge.version == ALL_VERSIONS:
        for column in _TCP.get(metric, ()):
            yield edge, column, entry.value
    elif metric in _HTTP:
        yield edge, _HTTP[metric], entry.value
    elif (code := metric.removeprefix("upstream_rq_")).isdigit():
        yield edge, f"{CODE}{code}", entry.value


def _of_histogram(histogram: _Histogram, callers: Mapping[str, str]) -> Iterator[tuple[EdgeKey, str, int]]:
    edge, route = _timed(histogram.name, callers)
    if edge is not None:
        for bound, count in _buckets(histogram.buckets):
            yield edge, columns.bucket(bound, route), count


def _timed(name: str, callers: Mapping[str, str]) -> tuple[EdgeKey | None, str]:
    """Of which edge, and of which route of the gateway or of all requests, the durations are."""
    if name.startswith("cluster."):
        return edge_of(name.rpartition("|")[0]), ""
    told = tell(name, callers)
    return (told.edge, told.durations_of) if told is not None else (None, "")


def _buckets(buckets: list[_Bucket]) -> Iterator[tuple[float, int]]:
    below = 0
    for bucket in buckets:
        if bucket.cumulative != below:
            yield bucket.upper_bound, bucket.cumulative - below
            below = bucket.cumulative
