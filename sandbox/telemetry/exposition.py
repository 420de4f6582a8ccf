"""Totals -> Prometheus' text format, with the names and labels of Istio's standard metrics. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://istio.io/latest/docs/reference/config/metrics/ are the sources. Of a request that failed the response flags are
exact; of the others there are none ("-").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control.metrics import LATENCY_BUCKETS, InstanceUsage
from sandbox.model import GATEWAY
from sandbox.telemetry.columns import (
    ACTIVE,
    BUCKET,
    CODE,
    CONNECTIONS,
    DETAIL,
    ERRORS,
    REQUESTS,
    Amounts,
    EdgeKey,
    of_routes,
)
from sandbox.telemetry.told import EXTERNAL

Labels = Mapping[str, str]

_EDGE_COUNTERS = {
    "sandbox_retries_total": ("retries", "Requests that were sent again"),
    "sandbox_timeouts_total": ("timeouts", "Requests that took too long"),
    "sandbox_ejections_total": ("ejections", "Instances that were left out for a while"),
    "sandbox_overflows_total": ("overflows", "Requests that an open circuit refused"),
    "sandbox_rate_limited_total": ("rate_limited", "Requests beyond a rate limit"),
    "sandbox_faults_total": ("faults", "Requests that a fault was injected into"),
    "sandbox_denied_total": ("denied", "Requests that authorization refused"),
    "istio_request_bytes_sum": ("bytes_in", "Bytes sent to the destination"),
    "istio_response_bytes_sum": ("bytes_out", "Bytes sent by the destination"),
}
_GAUGES = {
    "sandbox_active_requests": (ACTIVE, "Requests that are open"),
    "sandbox_connections": (CONNECTIONS, "Connections that are open"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """counted: since the supervisor started. gauges: now."""

    project: str
    counted: Mapping[EdgeKey, Amounts]
    gauges: Mapping[EdgeKey, Amounts]
    usage: tuple[InstanceUsage, ...] = ()


def exposition(totals: Totals) -> str:
    return "".join(f"{line}\n" for line in _lines(totals))


def _lines(totals: Totals) -> Iterator[str]:
    edges = [(edge, _of_edge(edge, totals.project), totals.counted[edge]) for edge in sorted(totals.counted)]
    yield from _head("istio_requests_total", "counter", "Requests by status and response flags")
    for _, labels, amounts in edges:
        for (code, flags), count in sorted(_by_outcome(amounts).items()):
            more = {"response_code": code, "response_flags": flags, "connection_security_policy": "none"}
            yield _sample("istio_requests_total", {**labels, **more}, count)
    yield from _head("istio_request_duration_milliseconds", "histogram", "Time until the answer was complete")
    for _, labels, amounts in edges:
        yield from _durations("istio_request_duration_milliseconds", labels, amounts)
    for name, (column, words) in _EDGE_COUNTERS.items():
        yield from _family(name, "counter", words, ((labels, amounts.get(column, 0)) for _, labels, amounts in edges))
    for name, (column, words) in _GAUGES.items():
        values = ((_of_edge(edge, totals.project), one.get(column, 0)) for edge, one in sorted(totals.gauges.items()))
        yield from _family(name, "gauge", words, values)
    yield from _routes(edges)
    yield from _instances(totals)


def _routes(edges: Sequence[tuple[EdgeKey, Labels, Amounts]]) -> Iterator[str]:
    """Of the gateway, for which Istio has no names."""
    found = [
        ({"route": route, "destination_service": edge.callee or "unknown", "destination_version": edge.version}, one)
        for edge, _, amounts in edges
        for route, one in sorted(of_routes(amounts).items())
    ]
    for name, column, words in (
        ("sandbox_route_requests_total", REQUESTS, "Requests from outside by the rule that led them on"),
        ("sandbox_route_errors_total", ERRORS, "Those of them that failed"),
    ):
        yield from _family(name, "counter", words, ((labels, one.get(column, 0)) for labels, one in found))
    name = "sandbox_route_duration_milliseconds"
    yield from _head(name, "histogram", "Time from the first byte of such a request to the last of its answer")
    for labels, one in found:
        yield from _durations(name, labels, one)


def _by_outcome(amounts: Amounts) -> dict[tuple[str, str], int]:
    """By status and flags. What is not told apart by its flags had none."""
    found: dict[tuple[str, str], int] = {}
    for column, count in amounts.items():
        if column.startswith(DETAIL):
            code, flags, _ = column.removeprefix(DETAIL).split(".", 2)
            if flags not in ("", "-"):
                found[(code, flags)] = found.get((code, flags), 0) + count
    for column, count in amounts.items():
        if column.startswith(CODE):
            code = column.removeprefix(CODE)
            flagged = sum(one for (other, _), one in found.items() if other == code)
            if count > flagged:
                found[(code, "-")] = count - flagged
    return found


def _durations(name: str, labels: Labels, amounts: Amounts) -> Iterator[str]:
    """The sum is that of the buckets' middles: Envoy's statistics have none."""
    below, total, weighted = 0.0, 0, 0.0
    if not any(column.startswith(BUCKET) for column in amounts):
        return
    for bound in LATENCY_BUCKETS:
        count = amounts.get(f"{BUCKET}{bound:g}", 0)
        total, weighted = total + count, weighted + count * (below + bound) / 2
        below = bound
        yield _sample(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, total)
    yield _sample(f"{name}_bucket", {**labels, "le": "+Inf"}, total)
    yield _sample(f"{name}_sum", labels, weighted)
    yield _sample(f"{name}_count", labels, total)


def _instances(totals: Totals) -> Iterator[str]:
    def labelled() -> Iterator[tuple[Labels, InstanceUsage]]:
        for one in totals.usage:
            yield {"service": one.service, "instance_id": one.instance, "project": totals.project}, one

    yield from _family("sandbox_cpu_cores", "gauge", "Cores in use", ((a, b.cpu) for a, b in labelled()))
    yield from _family("sandbox_memory_bytes", "gauge", "Memory in use", ((a, b.memory) for a, b in labelled()))
    files = ((a, b.open_files) for a, b in labelled() if b.open_files is not None)
    yield from _family("sandbox_open_files", "gauge", "Open file descriptors", files)
    yield from _family("sandbox_restarts_total", "counter", "Restarts", ((a, b.restarts) for a, b in labelled()))


def _of_edge(edge: EdgeKey, project: str) -> Labels:
    """Istio's labels. A destination that no route led to is unknown, as there."""
    callee = edge.callee or "unknown"
    outside = edge.version == EXTERNAL
    source = "sandbox-gateway" if edge.caller == GATEWAY else edge.caller
    return {
        "reporter": "source",
        "source_workload": source,
        "source_workload_namespace": project,
        "source_app": source,
        "source_canonical_service": source,
        "destination_workload": "unknown" if outside else callee,
        "destination_workload_namespace": "unknown" if outside else project,
        "destination_app": callee,
        "destination_service": callee,
        "destination_service_name": callee,
        "destination_service_namespace": "unknown" if outside else project,
        "destination_canonical_service": callee,
        "destination_version": edge.version or "unknown",
        "request_protocol": "tcp" if edge.version == "*" else "http",
    }


def _family(name: str, kind: str, words: str, values: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    yield from _head(name, kind, words)
    for labels, value in values:
        yield _sample(name, labels, value)


def _head(name: str, kind: str, words: str) -> tuple[str, str]:
    return f"# HELP {name} {words}", f"# TYPE {name} {kind}"


def _sample(name: str, labels: Labels, value: float) -> str:
    given = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{given}}} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
