"""A bakery with everything going on at once, as fixed data for every part of the control: what pictures are made of.

Six services; steamer's v2 fails one request in ten because of a fault, pantry fails by itself, a change is being
tried, and one alert fires. Times are around `data.NOW`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sandbox.control import (
    Alert,
    AlertState,
    Cause,
    ChangeResult,
    Confidence,
    Diagnosis,
    Edge,
    Finding,
    GoldenSignals,
    Graph,
    GraphEdge,
    GraphNode,
    InstanceUsage,
    LogLine,
    Metric,
    MetricsAnswer,
    MetricsQuery,
    Origin,
    Rerouted,
    Revision,
    Series,
    ServiceStatus,
    Signals,
    Span,
    Status,
    TelemetrySnapshot,
    Trace,
    TraceSummary,
    TrafficState,
    Trial,
)
from sandbox.events import Event, Kind, ReloadReport, Severity
from tests.fakes import data
from tests.fakes.control import FakeControl
from tests.fakes.monitor import FakeMetrics

NOW = data.NOW + 600
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_CALLS = {
    "storefront": ("orders",),
    "orders": ("steamer", "pantry"),
    "steamer": ("kneader",),
    "kneader": ("mill",),
    "mill": ("pantry",),
    "pantry": (),
}


def services() -> tuple[ServiceStatus, ...]:
    found = []
    for name, calls in _CALLS.items():
        versions = ("v1", "v2") if name == "steamer" else ("v1",)
        url = "http://storefront.localhost:8080/" if name == "storefront" else None
        found.append(data.service(name, versions=versions, depends_on=calls, url=url))
    return tuple(found)


def broken() -> tuple[ServiceStatus, ...]:
    """The same with the mill in a crash loop."""
    reason = "mill-v1-1: exit code 1, 3 times within 12 s; the next try is in 4 s"
    ill = data.instance("mill-v1-1", status=Status.BACKOFF)
    mill = data.service(
        "mill",
        status=Status.BACKOFF,
        reason=reason,
        depends_on=("pantry",),
        instances=(replace(ill, restarts=3, reason="exit code 1", address=None),),
    )
    return tuple(mill if one.name == "mill" else one for one in services())


def telemetry() -> TelemetrySnapshot:
    rates = {"storefront": 12.5, "orders": 12.5, "steamer": 11.0, "kneader": 11.0, "mill": 10.9, "pantry": 21.0}
    errors = {"steamer": 1.1, "pantry": 4.2}
    return TelemetrySnapshot(
        at=NOW,
        services={name: data.signals(rate, errors.get(name, 0.0), 3.2, 220.0) for name, rate in rates.items()},
        edges=tuple(
            Edge(caller="orders", callee="steamer", version=version, signals=_signals(rate))
            for version, rate in (("v1", 9.9), ("v2", 1.1))
        ),
    )


def _signals(rate: float) -> Signals:
    return data.signals(rate)


def graph() -> Graph:
    names = [GraphNode(name="gateway", kind="gateway", ready=1, replicas=1)]
    names += [GraphNode(name=name, kind="service", ready=1, replicas=1) for name in _CALLS]
    edges = [_edge("gateway", "storefront", 12.5, p99=230.0)]
    edges += [_edge(caller, callee, 11.0, p99=220.0) for caller, callees in _CALLS.items() for callee in callees]
    special = {
        ("orders", "steamer"): {"error_ratio": 0.1, "versions": {"v1": 9.9, "v2": 1.1}},
        ("mill", "pantry"): {"error_ratio": 0.2},
        ("orders", "pantry"): {"requests_per_second": 0.0, "p50": None, "p99": None},
    }
    edges = [replace(edge, **special.get((edge.caller, edge.callee), {})) for edge in edges]  # type: ignore[arg-type]
    return Graph(at=NOW, nodes=tuple(names), edges=(*edges, _edge("storefront", "pantry", 1.0, declared=False)))


def _edge(caller: str, callee: str, rate: float, *, p99: float = 18.0, declared: bool = True) -> GraphEdge:
    return GraphEdge(
        caller=caller,
        callee=callee,
        declared=declared,
        requests_per_second=rate,
        p50=3.2,
        p99=p99,
        versions={"v1": rate},
    )


def wide_graph(count: int = 30, times: float = 1.0) -> Graph:
    """Layers of six, each service called by one or two of the layer before. times: as many requests."""
    names = [f"service-{number:02}" for number in range(count)]
    nodes = [GraphNode(name="gateway", kind="gateway", ready=1, replicas=1)]
    nodes += [GraphNode(name=name, kind="service", ready=1, replicas=1) for name in names]
    edges = [_edge("gateway", names[0], 20.0 * times), _edge("gateway", names[1], 5.0 * times)]
    for number in range(2, count):
        edges.append(_edge(names[(number - 2) // 2], names[number], times * 20.0 / number))
        if number % 5 == 0:
            edges.append(_edge(names[(number - 3) // 2], names[number], times))
    return Graph(at=NOW, nodes=tuple(nodes), edges=tuple({(one.caller, one.callee): one for one in edges}.values()))


class Waves(FakeMetrics):
    """Answers with gentle curves: as many points as asked for, of the metrics asked for."""

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        self.queries.append(query)
        labels: list[dict[str, str]] = [{}]
        if query.by == ("callee",):
            labels = [{"callee": name} for name in _CALLS]
        elif query.by == ("version",):
            labels = [{"version": "v1"}, {"version": "v2"}] if query.callee == "steamer" else [{"version": "v1"}]
        series = tuple(
            Series(metric=metric, labels=one, values=wave(_TOP[metric], shift))
            for metric in query.metrics
            for shift, one in enumerate(labels)
        )
        return MetricsAnswer(start=NOW - 300, step=300 / POINTS, series=series)


POINTS = 60
_TOP = dict.fromkeys(Metric, 10.0) | {
    Metric.REQUESTS: 12.0,
    Metric.ERROR_RATIO: 0.1,
    Metric.P50: 4.0,
    Metric.P95: 60.0,
    Metric.P99: 220.0,
    Metric.CPU: 0.4,
    Metric.MEMORY: 48 * 1024 * 1024,
}


def wave(top: float, shift: int = 0) -> tuple[float | None, ...]:
    values = [top * (0.6 + 0.4 * math.sin((index + 7 * shift) / 6)) for index in range(POINTS)]
    return (None, None, *values[2:])


def summaries() -> tuple[TraceSummary, ...]:
    return tuple(
        TraceSummary(
            id=TRACE if number == 0 else f"{number:032x}",
            start=NOW - number,
            duration=0.23 if number == 0 else 0.02 * number,
            root="gateway POST /api/buns" if number % 2 == 0 else "gateway GET /api/menu",
            service="storefront",
            status=503 if number % 4 == 0 else 200,
            error=number % 4 == 0,
            spans=7 - number % 3,
            services=("storefront", "orders", "steamer"),
        )
        for number in range(8)
    )


def trace() -> Trace:
    def span(id: int, parent: int | None, service: str, start: float, took: float, **more: object) -> Span:
        given = {"name": "POST /buns", "kind": "server", "error": False} | more
        return Span(
            id=f"{id:016x}",
            parent=f"{parent:016x}" if parent else None,
            service=service,
            start=NOW + start,
            duration=took,
            **given,  # type: ignore[arg-type]
        )

    return Trace(
        id=TRACE,
        complete=True,
        spans=(
            span(1, None, "gateway", 0.0, 0.23, from_proxy=True, error=True, story="route of storefront, v1"),
            span(2, 1, "storefront", 0.002, 0.226, error=True, attributes={"http.status_code": "503"}),
            span(3, 2, "orders", 0.01, 0.2, error=True, name="POST /orders"),
            span(
                4,
                3,
                "steamer",
                0.02,
                0.03,
                from_proxy=True,
                error=True,
                kind="client",
                story="rule 2 sends 10 % to v2; attempt 1 of 2: answered 503 by an injected fault (FI)",
            ),
            span(5, 3, "steamer", 0.08, 0.12, from_proxy=True, kind="client", story="attempt 2 of 2: v1 answered 200"),
            span(6, 5, "kneader", 0.09, 0.1, name="POST /dough", events=((NOW + 0.1, "kneading"),)),
            span(7, 6, "mill", 0.1, 0.07, name="GET /flour", skewed=True),
        ),
    )


def alerts() -> tuple[Alert, ...]:
    return (
        Alert(
            rule="error_ratio",
            subject="pantry",
            state=AlertState.FIRING,
            severity="critical",
            message="20 % of requests fail",
            since=NOW - 95,
            value=0.2,
            threshold=0.05,
            evidence=("4.2 of 21 requests a second are answered 503", "all of them by pantry-v1-1"),
        ),
        Alert(
            rule="p99",
            subject="orders → steamer",
            state=AlertState.PENDING,
            severity="warning",
            message="the slowest requests take 220 ms",
            since=NOW - 12,
            value=220.0,
            threshold=200.0,
        ),
    )


def diagnosis() -> Diagnosis:
    return Diagnosis(
        target="storefront",
        healthy=False,
        summary="one request in ten to storefront fails, because steamer's v2 is told to fail",
        causes=(
            Cause(
                kind="fault_injected",
                service="steamer",
                message="a fault answers 503 to half of the requests to v2",
                facts=("revision 12 put it there, 2 minutes ago", "the errors began at the same moment"),
                command="sandbox traffic clear steamer fault",
                confidence=Confidence.CERTAIN,
                at=NOW - 120,
            ),
            Cause(
                kind="errors",
                service="pantry",
                message="answers 503 by itself to one request in five",
                facts=("its log says: dropped a sack",),
                command="sandbox logs pantry",
                confidence=Confidence.LIKELY,
            ),
        ),
        path=("storefront", "orders", "steamer"),
        looked_at=("states", "edges", "rules", "logs"),
    )


STEAMER = {
    "rules": [
        {"matches": [{"headers": {"x-canary": "true"}}], "backendRefs": [{"version": "v2"}]},
        {
            "backendRefs": [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}],
            "fault": {"abort": {"httpStatus": 503, "percentage": 50}},
            "retry": {"attempts": 2, "codes": [503]},
        },
    ],
    "rateLimit": {"requests": 100, "per": "1s"},
}


def traffic(*, trying: bool = False) -> TrafficState:
    trial = Trial(
        revision=13,
        services=("steamer",),
        began_at=NOW - 36,
        ends_at=NOW + 24,
        before={"steamer": GoldenSignals(seconds=60, requests_per_second=11, error_ratio=0.0, p50=3.0, p99=18.0)},
        now={"steamer": GoldenSignals(seconds=36, requests_per_second=11, error_ratio=0.1, p50=3.2, p99=220.0)},
    )
    return TrafficState(
        revision=12,
        policies={"steamer": STEAMER, "mill": {"rules": [{"timeouts": {"backendRequest": "200ms"}}]}},
        versions={name: ("v1", "v2") if name == "steamer" else ("v1",) for name in _CALLS},
        drift=("steamer",),
        newest=revisions()[-1],
        trial=trial if trying else None,
    )


def revisions() -> list[Revision]:
    """The oldest first."""
    said = (
        (10, Origin.FILE, "", "as in sandbox.yaml"),
        (11, Origin.CLI, "workshop", "steamer: v1 90 %, v2 10 % (was v1 100 %)"),
        (12, Origin.TUI, "", "steamer: 503 for 50 % of requests"),
    )
    return [
        Revision(
            number=number, at=NOW - 600 + number * 40, origin=origin, why=why, summary=summary, services=("steamer",)
        )
        for number, origin, why, summary in said
    ]


def events() -> tuple[Event, ...]:
    report = ReloadReport(
        version="v1", generation=2, files=("app.py",), count=1, seconds={"ready": 0.31, "switched": 0.34}, start="warm"
    )
    return (
        *data.events(),
        Event(
            kind=Kind.SERVICE_RELOADED,
            message="orders reloaded in 0.34 s after app.py was saved",
            service="orders",
            at=NOW - 200,
            reload=report,
        ),
        Event(kind=Kind.POLICY_APPLIED, message="revision 12: steamer: 503 for 50 % of requests", at=NOW - 120),
        Event(
            kind=Kind.ALERT_FIRING,
            message="pantry: 20 % of requests fail",
            service="pantry",
            severity=Severity.ERROR,
            at=NOW - 95,
        ),
    )


def log_lines() -> tuple[LogLine, ...]:
    return (
        *data.log_lines(),
        data.log_line("pantry", "WARNING dropped a sack", NOW - 5),
        data.log_line("pantry", '"GET /wheat HTTP/1.1" 503 -', NOW - 4.9),
        data.log_line("orders", f"INFO bun ordered trace_id={TRACE}", NOW - 4),
        data.log_line("orders", "ERROR no steam: 503 from steamer", NOW - 3),
        data.log_line("storefront", "\x1b[33mserved\x1b[0m in 230 ms", NOW - 2),
    )


def control(*, trying: bool = False, failing: bool = False) -> FakeControl:
    """Everything at once."""
    found = FakeControl(
        data.project(*(broken() if failing else services())), events=events(), lines=log_lines(), telemetry=telemetry()
    )
    waves = Waves()
    waves.now = graph()
    waves.used = tuple(
        InstanceUsage(
            instance=f"{name}-v1-1",
            service=name,
            cpu=0.01 * number,
            memory=(20 + number) * 1024 * 1024,
            memory_limit=None,
            open_files=12,
            restarts=0,
        )
        for number, name in enumerate(_CALLS)
    )
    found._metrics = waves
    found.traces.summaries, found.traces.known = summaries(), {TRACE: trace()}
    found.alerts.standing = alerts()
    found.diagnosis.known = dict.fromkeys((None, *_CALLS), diagnosis())
    found.traffic.now, found.traffic.revisions = traffic(trying=trying), revisions()
    found.traffic.findings = (
        Finding(severity="warning", place="steamer", message="v2 is told to fail", hint="f 6 enter ends it"),
    )
    found.traffic.result = ChangeResult(
        revision=None,
        changed=("pantry",),
        diff=DIFF,
        what_if=Rerouted(requests=400, seconds=60.0, moved=(("steamer v1", "steamer v2", 120),)),
    )
    return found


DIFF = """--- in force
+++ wanted
@@ -1,4 +1,6 @@
 traffic:
   pantry:
     rules:
-    - retry: {attempts: 2}
+    - fault:
+        abort: {httpStatus: 503, percentage: 50}
"""
