"""Envoy's `/stats?format=json&histogram_buckets=cumulative` -> counters of edges. Pure.

Of a cluster Envoy counts (measured with 1.40.0):
`upstream_rq_completed`  requests whose answer began, a retried one once: what its caller would count;
`upstream_rq_5xx`        of those, the failed ones, with answers that Envoy gave itself: no healthy endpoint, refused or
                         broken connection, time-out;
`upstream_rq_time`       whole milliseconds until the upstream's answer was complete; not of Envoy's own answers.
Not among them are requests whose caller left before any answer, and an answer that broke off after a good status
counts as good: none of a cluster's statistics tells such a caller from one that left an endless stream.

A TCP cluster counts connections only, each attempt to an instance among them, so `upstream_cx_total` is of no use:
`upstream_rq_total`                      connections of callers that an instance accepted;
`upstream_cx_connect_attempts_exceeded`  those that none accepted, however often it was tried;
`upstream_cx_none_healthy`               those for which there was no instance.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sandbox.telemetry.histogram import Histogram
from sandbox.telemetry.signals import UNDECLARED, Counters, EdgeKey, Readings, summed

FILTER = (
    r"^cluster\.(edge|undeclared)\|.*"
    r"(\.upstream_rq_(completed|5xx|time)|\|\*\|\d+\.upstream_(rq_total|cx_connect_attempts_exceeded|cx_none_healthy))$"
)
"""The regular expression that chooses these statistics (and no others: Envoy has hundreds for each cluster)."""

_REFUSED_CONNECTIONS = frozenset({"upstream_cx_connect_attempts_exceeded", "upstream_cx_none_healthy"})
_REQUESTS = _REFUSED_CONNECTIONS | {"upstream_rq_completed", "upstream_rq_total"}
_ERRORS = _REFUSED_CONNECTIONS | {"upstream_rq_5xx"}


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


def read_stats(answer: bytes) -> Readings:
    """ValueError when it is not what Envoy answers."""
    try:
        return summed(_readings(_decoder.decode(answer)))
    except msgspec.DecodeError as error:
        raise ValueError(f"these are not Envoy's statistics: {error}") from error


def edge_of(stat: str) -> tuple[EdgeKey, str] | None:
    """`cluster.edge|store|orders|v1|8000.upstream_rq_time` in its parts; None for a statistic of anything else."""
    cluster, _, metric = stat.removeprefix("cluster.").rpartition(".")
    match cluster.split("|"):
        case ["edge", caller, callee, version, _]:
            return EdgeKey(caller, callee, version), metric
        case ["undeclared", callee, version, _]:
            return EdgeKey(UNDECLARED, callee, version), metric
    return None


def _readings(stats: _Stats) -> Iterator[tuple[EdgeKey, Counters]]:
    for entry in stats.stats:
        if found := edge_of(entry.name):
            key, metric = found
            yield key, Counters(entry.value * (metric in _REQUESTS), entry.value * (metric in _ERRORS))
        for histogram in entry.histograms:
            if found := edge_of(histogram.name):
                yield found[0], Counters(latency=_histogram(histogram.buckets))


def _histogram(buckets: list[_Bucket]) -> Histogram:
    return Histogram(tuple(bucket.upper_bound for bucket in buckets), tuple(bucket.cumulative for bucket in buckets))
