"""Numbers, traces, alerts and causes with scripted answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from sandbox.control import (
    Alert,
    AlertsControl,
    Diagnosis,
    DiagnosisControl,
    Graph,
    InstanceUsage,
    LoadControl,
    MetricsAnswer,
    MetricsControl,
    MetricsQuery,
    Sampling,
    TappedRequest,
    TapQuery,
    Trace,
    TraceQuery,
    TracesControl,
    TraceSummary,
    Trickle,
    TrickleWish,
)
from sandbox.errors import NotFoundError


class FakeMetrics(MetricsControl):
    def __init__(self) -> None:
        self.queries: list[MetricsQuery] = []
        self.answer = MetricsAnswer(start=1767268800.0, step=1.0, series=())
        self.used: tuple[InstanceUsage, ...] = ()
        self.now = Graph(at=1767268800.0, nodes=(), edges=())
        self.exposition = ""

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        self.queries.append(query)
        return self.answer

    async def usage(self) -> tuple[InstanceUsage, ...]:
        return self.used

    async def graph(self) -> Graph:
        return self.now

    async def prometheus(self) -> str:
        return self.exposition


class FakeTraces(TracesControl):
    def __init__(self) -> None:
        self.queries: list[TraceQuery | TapQuery] = []
        self.summaries: tuple[TraceSummary, ...] = ()
        self.known: dict[str, Trace] = {}
        self.rate = Sampling(per_second=20.0, kept=0, dropped=0)
        self.tapped: tuple[TappedRequest, ...] = ()

    async def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        self.queries.append(query)
        return self.summaries

    async def get(self, trace: str) -> Trace:
        for id, known in self.known.items():
            if id.startswith(trace):
                return known
        raise NotFoundError("no such trace", place=trace, hint="see: sandbox trace")

    async def sampling(self, per_second: float | None = None, *, everything: bool = False) -> Sampling:
        if everything or per_second is not None:
            self.rate = Sampling(per_second=None if everything else per_second, kept=0, dropped=0)
        return self.rate

    async def tap(self, query: TapQuery) -> AsyncIterator[TappedRequest]:
        self.queries.append(query)
        for one in self.tapped:
            yield one


class FakeAlerts(AlertsControl):
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.standing: tuple[Alert, ...] = ()

    async def alerts(self, *, resolved: bool = False) -> tuple[Alert, ...]:
        return self.standing

    async def silence(self, rule: str, subject: str | None, seconds: float) -> None:
        self.calls.append(("silence", rule, subject, seconds))


class FakeDiagnosis(DiagnosisControl):
    def __init__(self) -> None:
        self.known: dict[str | None, Diagnosis] = {}

    async def why(self, target: str | None = None) -> Diagnosis:
        if target in self.known:
            return self.known[target]
        return Diagnosis(target=target or "project", healthy=True, summary="nothing is wrong", causes=())


class FakeLoad(LoadControl):
    def __init__(self) -> None:
        self.wishes: list[TrickleWish] = []
        self.now = Trickle(on=False, per_second=1.0, targets=("GET http://storefront.localhost:8080/",))

    async def trickle(self, wish: TrickleWish | None = None) -> Trickle:
        if wish is not None:
            self.wishes.append(wish)
            self.now = replace(self.now, on=wish.on)
        return self.now
