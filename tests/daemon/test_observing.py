"""What alerts ask of the numbers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.control import Metric, MetricsAnswer, MetricsQuery, Series
from sandbox.daemon import numbers
from sandbox.daemon.observing import Observer, wanted
from sandbox.errors import SandboxError
from sandbox.events import Bus, Event, Kind
from sandbox.model import (
    AlertCondition,
    AlertRule,
    AlertSettings,
    Healthcheck,
    NoProbe,
    Objectives,
    Project,
    Service,
    Version,
)
from tests.fakes import data
from tests.fakes.monitor import FakeMetrics


class Counted(FakeMetrics):
    """Two callers of the pantry; each value is there in two of the store's steps."""

    def __init__(self, requests: float = 10.0) -> None:
        super().__init__()
        self.requests = requests

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        self.queries.append(query)
        callers = ("mill", "orders") if "caller" in query.by else ("",)
        series = [self._series(metric, caller, query) for metric in query.metrics for caller in callers]
        assert query.since is not None
        return MetricsAnswer(start=query.since, step=query.step or 1.0, series=tuple(series))

    def _series(self, metric: Metric, caller: str, query: MetricsQuery) -> Series:
        value = {Metric.REQUESTS: self.requests, Metric.ERRORS: self.requests / 4, Metric.P99: 40.0}.get(metric, 0.0)
        labels = {"callee": "pantry", **({"caller": caller} if caller else {})}
        return Series(metric=metric, labels=labels, values=(value,) if query.whole else (None, value, value))


def project(*rules: AlertRule, promised: Objectives | None = None) -> Project:
    version = Version(name="v1", build=None, image="x", healthcheck=Healthcheck(probe=NoProbe()))
    pantry = Service(name="pantry", versions=(version,), objectives=promised or Objectives())
    return Project(name="p", root=Path("/p"), files=(), services={"pantry": pantry}, alerts=AlertSettings(rules=rules))


def observer(metrics: FakeMetrics, of: Project, state: Path, bus: Bus | None = None) -> Observer:
    async def no_certificate() -> None:
        return None

    return Observer(state, bus or Bus(), data.project, lambda: of, lambda: metrics, no_certificate)


async def test_callers_are_added_up(tmp_path: Path) -> None:
    seen = await observer(Counted(), project(), tmp_path)()

    assert seen.edges["mill", "pantry"][Metric.ERROR_RATIO] == 0.25
    assert seen.numbers["pantry"][Metric.REQUESTS] == 20.0
    assert seen.disk_size


async def test_no_times_are_asked_for_that_no_alert_speaks_of_or_that_nobody_made(tmp_path: Path) -> None:
    promised = project(promised=Objectives(latency={"p99": 0.3}))
    for metrics, of, count in ((Counted(), project(), 1), (Counted(0.0), promised, 1), (Counted(), promised, 3)):
        await observer(metrics, of, tmp_path)()
        assert len(metrics.queries) == count


async def test_error_budgets_are_looked_at_now_and_then(tmp_path: Path) -> None:
    metrics = Counted()
    look = observer(metrics, project(promised=Objectives(availability=0.99)), tmp_path)
    seen = await look()
    asked = len(metrics.queries)
    await look()

    assert seen.windows["pantry"][300.0].ratio == 0.25
    assert len(metrics.queries) == asked + 1


async def test_a_request_of_the_first_minute_is_one_of_the_hour_and_not_sixty() -> None:
    now, unknown = 10_000.0, (None,) * 354

    class Young(FakeMetrics):
        async def query(self, query: MetricsQuery) -> MetricsAnswer:
            assert query.step == 10
            values = (
                *unknown,
                0.0,
                0.0,
                0.1,
                0.0,
                0.0,
                0.2,
            )  # watched since a minute ago
            series = Series(metric=Metric.REQUESTS, labels={"callee": "pantry"}, values=values)
            return MetricsAnswer(start=now - 3595, step=10, series=(series,))

    asked = await numbers.counts(Young(), ("callee",), now=now, seconds=3600, wanted=(Metric.REQUESTS,))
    assert asked["pantry",][Metric.REQUESTS] == pytest.approx(1 + 0.2 * 5)


async def test_without_numbers_the_rest_is_judged(tmp_path: Path) -> None:
    class Broken(FakeMetrics):
        async def query(self, query: MetricsQuery) -> MetricsAnswer:
            raise SandboxError("the store is away")

    seen = await observer(Broken(), project(), tmp_path)()

    assert (seen.numbers, seen.edges) == ({}, {})
    assert seen.services


async def test_after_a_change_it_is_asked_what_came_since(tmp_path: Path) -> None:
    metrics, bus = Counted(), Bus()
    bus.publish(Event(kind=Kind.POLICY_APPLIED, message="x", service="pantry", at=time.time() - 20))
    seen = await observer(metrics, project(), tmp_path, bus)()

    assert seen.fresh is not None
    assert seen.fresh.numbers["pantry"][Metric.ERROR_RATIO] == 0.25
    [of_edges, of_services] = metrics.queries[-2:]
    assert (of_edges.whole, of_edges.by, of_services.by) == (True, ("caller", "callee"), ("callee",))
    assert 10 < seen.fresh.span < 14


async def test_what_was_told_before_the_clock_was_set_back_is_not_of_the_last_minutes(tmp_path: Path) -> None:
    bus = Bus()
    for ago in (-3600, 20, 3600):
        bus.publish(Event(kind=Kind.INSTANCE_BACKOFF, message=f"{ago}", service="pantry", at=time.time() - ago))
    seen = await observer(Counted(), project(), tmp_path, bus)()

    assert [event.message for event in seen.events] == ["20"]


def test_what_is_wanted_is_what_rules_speak_of() -> None:
    rule = AlertRule(name="x", condition=AlertCondition(metric="denied", threshold=1.0))

    assert wanted(project(rule)) == (
        (Metric.REQUESTS, Metric.ERRORS, Metric.RETRIES, Metric.OVERFLOWS, Metric.DENIED),
        (),
    )


@pytest.mark.parametrize(("age", "value"), [(25.0, 2.0), (5.0, 9.0)])
async def test_a_quantile_is_that_of_the_newest_step_once_enough_of_it_is_over(age: float, value: float) -> None:
    class Timed(FakeMetrics):
        async def query(self, query: MetricsQuery) -> MetricsAnswer:
            series = Series(metric=Metric.P99, labels={"callee": "pantry"}, values=(9.0, 2.0))
            return MetricsAnswer(start=1000.0 - age - 60.0, step=60.0, series=(series,))

    found = await numbers.quantiles(Timed(), ("callee",), now=1000.0, seconds=60.0)

    assert found["pantry",] == {Metric.P99: value}
