"""What `why` asks of the numbers."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Metric, MetricsAnswer, MetricsQuery, Series
from sandbox.daemon.diagnosing import Diagnosing, Sources
from sandbox.events import Bus, Event, Kind
from sandbox.model import Project
from tests.fakes import data
from tests.fakes.monitor import FakeMetrics

PROJECT = Project(name="p", root=Path("/p"), files=(), services={})


class Mended(FakeMetrics):
    """Half of the requests failed within the minute, and none of those since the change."""

    def __init__(self, requests: float) -> None:
        super().__init__()
        self.requests = requests

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        self.queries.append(query)
        errors = 0.0 if query.whole else self.requests / 2
        known = {Metric.REQUESTS: self.requests, Metric.ERRORS: errors}
        labels = {"caller": "gateway", "callee": "storefront"}
        series = [Series(metric=one, labels=labels, values=(known.get(one, 0.0),)) for one in query.metrics]
        assert query.since is not None
        return MetricsAnswer(start=query.since, step=query.step or 1.0, series=tuple(series))


def diagnosing(metrics: FakeMetrics, bus: Bus) -> Diagnosing:
    return Diagnosing(
        Sources(
            bus=bus,
            status=lambda: data.project(replace(data.service("storefront"), url="http://storefront.localhost/")),
            project=lambda: PROJECT,
            policies=dict,
            metrics=lambda: metrics,
            traces=lambda: pytest.fail("nobody asks for traces"),
            printed=lambda *_: (),
        )
    )


@pytest.mark.parametrize(
    ("ago", "requests", "healthy"),
    [(20, 10.0, True), (2, 10.0, False), (90, 10.0, False), (20, 0.5, False)],
)
async def test_after_a_change_it_is_judged_by_what_came_since_once_that_is_enough(
    ago: float, requests: float, healthy: bool
) -> None:
    bus = Bus()
    bus.publish(Event(kind=Kind.POLICY_APPLIED, message="x", at=time.time() - ago))

    assert (await diagnosing(Mended(requests), bus).why()).healthy is healthy
