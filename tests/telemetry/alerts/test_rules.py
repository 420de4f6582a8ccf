"""What each rule says of what it sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.control import InstanceStatus, InstanceUsage, Metric, ServiceStatus, Status
from sandbox.events import Event, Kind
from sandbox.model import (
    BUILT_IN_ALERTS,
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
from sandbox.telemetry.alerts.evaluate import evaluate, rule_names
from sandbox.telemetry.alerts.observation import Asked, Level, Measured, Numbers, Observation

NOW = 1_767_225_600.0
BUSY: Numbers = {Metric.REQUESTS: 10.0, Metric.ERRORS: 2.0, Metric.ERROR_RATIO: 0.2, Metric.P99: 400.0}


def service(status: Status = Status.HEALTHY, ready: int = 1, replicas: int = 1) -> ServiceStatus:
    instance = InstanceStatus(
        id="orders-v1-1",
        version="v1",
        status=status,
        address=None,
        pid=None,
        container=None,
        start=None,
        restarts=0,
        started_at=None,
        reason="app.py:3: KeyError: 'x'" if status is not Status.HEALTHY else None,
    )
    return ServiceStatus(
        name="orders",
        status=status,
        reason=None,
        url=None,
        ports=("8000",),
        versions=("v1",),
        depends_on=(),
        replicas=replicas,
        ready=ready,
        instances=(instance,),
    )


def project(promised: Objectives | None = None, **alerts: Any) -> Project:
    version = Version(name="v1", build=None, image="x", healthcheck=Healthcheck(probe=NoProbe()))
    orders = Service(name="orders", versions=(version,), objectives=promised or Objectives())
    return Project(name="p", root=Path("/p"), files=(), services={"orders": orders}, alerts=AlertSettings(**alerts))


def says(rule: str, of: Project | None = None, **seen: Any) -> list[Measured]:
    return [one for one in evaluate(Observation(at=NOW, **seen), of or project()) if one.rule == rule]


def levels(found: Iterable[Measured]) -> list[str]:
    return [str(one.level) for one in found]


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (service(), "good"),
        (service(Status.BACKOFF, ready=0), "bad"),
        (service(Status.UNHEALTHY, ready=1), "good"),
        (service(Status.BUILDING, ready=0), "unknown"),
        (service(Status.STOPPED, ready=0), "good"),
        (service(Status.STOPPED, ready=0, replicas=0), "good"),
    ],
)
def test_no_ready_instance(status: ServiceStatus, level: str) -> None:
    assert levels(says("not_ready", services=(status,))) == [level]


def test_its_evidence_is_what_the_instances_say() -> None:
    [found] = says("not_ready", services=(service(Status.BACKOFF, ready=0),))

    assert found.evidence == ("orders-v1-1 is backoff: app.py:3: KeyError: 'x'",)
    assert found.message == "orders has no ready instance; requests to it are answered with 503"


@pytest.mark.parametrize(("ages", "level"), [([], "good"), ([5], "between"), ([299, 2, 1], "bad"), ([301] * 9, "good")])
def test_a_crash_loop(ages: list[int], level: str) -> None:
    assert levels(says("crash_loop", services=(service(),), events=ended(*ages))) == [level]


def ended(*ages: int) -> tuple[Event, ...]:
    return tuple(Event(kind=Kind.INSTANCE_BACKOFF, message="ended", service="orders", at=NOW - age) for age in ages)


@pytest.mark.parametrize(
    ("ages", "status", "level"),
    [
        ((24, 20, 16), service(), "good"),
        ((24, 20, 16), service(Status.BACKOFF, ready=0), "bad"),
        ((24, 20, 16), service(Status.BACKOFF, ready=1), "bad"),  # one of several still ends
        ((100, 60, 20), service(), "bad"),  # it ran as long before
        ((160, 120, 80), service(), "good"),
    ],
)
def test_a_crash_loop_is_over_when_it_has_run_well_for_longer_than_between_its_ends(
    ages: tuple[int, ...], status: ServiceStatus, level: str
) -> None:
    assert levels(says("crash_loop", services=(status,), events=ended(*ages))) == [level]


def test_a_crash_loop_is_over_when_other_code_was_loaded() -> None:
    mended = Event(kind=Kind.SERVICE_RELOADED, message="reloaded", service="orders", at=NOW - 3)
    [found] = says("crash_loop", services=(service(),), events=(*ended(20, 12, 4), mended))
    [again] = says("crash_loop", services=(service(),), events=(*ended(20, 12, 4), mended, *ended(1)))

    assert (found.level, found.settled) == (Level.GOOD, True)
    assert again.level is Level.BETWEEN


@pytest.mark.parametrize(
    ("ratio", "requests", "level"), [(0.2, 10, "bad"), (0.04, 10, "between"), (0.0, 10, "good"), (1.0, 0.1, "unknown")]
)
def test_errors(ratio: float, requests: float, level: str) -> None:
    numbers = {"orders": {Metric.REQUESTS: requests, Metric.ERROR_RATIO: ratio}}

    assert levels(says("error_ratio", numbers=numbers)) == [level]


def test_errors_say_whose_requests_fail() -> None:
    [found] = says("error_ratio", numbers={"orders": BUSY}, edges={("gateway", "orders"): BUSY, ("a", "b"): BUSY})

    assert found.message == "20 % of the requests to orders fail"
    assert found.evidence == ("from gateway: 2/s of 10/s fail",)


def test_who_only_passes_errors_on_is_not_told_unless_people_see_it() -> None:
    numbers, edges = {"orders": BUSY}, {("gateway", "orders"): BUSY, ("orders", "mill"): BUSY}
    public = replace(service(), url="http://orders.localhost:8080/")

    assert levels(says("error_ratio", numbers=numbers, edges=edges)) == ["good"]
    assert levels(says("error_ratio", numbers=numbers, edges=edges, services=(public,))) == ["bad"]


def test_an_open_circuit_is_of_an_edge() -> None:
    [bad, good] = says(
        "open_circuit", edges={("a", "orders"): {Metric.OVERFLOWS: 3.0}, ("b", "orders"): {Metric.OVERFLOWS: 0.0}}
    )

    assert (bad.subject, bad.level, good.level) == ("a → orders", Level.BAD, Level.GOOD)


@pytest.mark.parametrize(("retries", "level"), [(20.0, "bad"), (4.0, "between"), (0.9, "good"), (None, "unknown")])
def test_a_retry_storm(retries: float | None, level: str) -> None:
    edges = {("a", "orders"): {Metric.REQUESTS: 10.0, Metric.RETRIES: retries}}

    assert levels(says("retry_storm", edges=edges)) == [level]


def test_few_retries_are_no_storm_however_many_of_few_requests_they_are() -> None:
    edges = {("a", "orders"): {Metric.REQUESTS: 0.5, Metric.RETRIES: 0.9}}

    assert levels(says("retry_storm", edges=edges)) == ["good"]


@pytest.mark.parametrize(("used", "limit", "levels_"), [(95, 100, ["bad"]), (87, 100, ["between"]), (9, None, [])])
def test_memory(used: int, limit: int | None, levels_: list[str]) -> None:
    one = InstanceUsage(
        instance="orders-v1-1", service="orders", cpu=0, memory=used << 20, memory_limit=limit and limit << 20,
        open_files=None, restarts=0,
    )  # fmt: skip

    assert levels(says("memory_near_limit", usage=(one,))) == levels_


def test_slow_speaks_only_where_something_was_promised() -> None:
    assert says("slow", numbers={"orders": BUSY}) == []
    promised = project(Objectives(latency={"p99": 0.3, "p50": 0.2}))
    [bad, unknown] = says("slow", promised, numbers={"orders": BUSY}, edges={("orders", "mill"): {Metric.P99: 350.0}})

    assert (bad.level, unknown.level) == (Level.BAD, Level.UNKNOWN)
    assert bad.message == "orders is slower than its objective: p99 is 400 ms, meant to be 300 ms"
    assert bad.evidence == ("it waits for mill: p99 350 ms",)


MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("windows", "level", "severity"),
    [
        ({5 * MINUTE: Asked(100, 10), HOUR: Asked(1000, 80)}, "bad", "critical"),
        ({5 * MINUTE: Asked(100, 0), HOUR: Asked(1000, 80)}, "good", "warning"),  # it is over
        ({5 * MINUTE: Asked(2, 2), HOUR: Asked(19, 10)}, "unknown", "warning"),  # too few to say
        ({30 * MINUTE: Asked(100, 4), 6 * HOUR: Asked(1000, 40)}, "bad", "critical"),
        ({6 * HOUR: Asked(1000, 6), 3 * DAY: Asked(9000, 60)}, "bad", "warning"),
        ({6 * HOUR: Asked(1000, 4), 3 * DAY: Asked(9000, 40)}, "good", "warning"),
    ],
)
def test_the_error_budget(windows: dict[float, Asked], level: str, severity: str) -> None:
    [found] = says("error_budget", project(Objectives(availability=0.995)), windows={"orders": windows})

    assert (found.level, found.severity) == (level, severity)


def test_the_error_budget_in_words() -> None:
    windows = {"orders": {5 * MINUTE: Asked(100, 10), HOUR: Asked(1000, 80)}}
    [found] = says("error_budget", project(Objectives(availability=0.995)), windows=windows)

    assert found.message == "orders uses up its error budget 16 times too fast for an availability of 99.5 %"
    assert found.evidence == ("8 % of the requests failed in the last hour", "10 % in the last 5 minutes")


@pytest.mark.parametrize(
    ("free", "size", "level"), [(100, 999, "bad"), (600, 10_000, "between"), (9_000, 10_000, "good")]
)
def test_the_disk(free: int, size: int, level: str) -> None:
    assert levels(says("disk_nearly_full", disk_free=free << 20, disk_size=size << 20)) == [level]


@pytest.mark.parametrize(("days", "level"), [(3.0, "bad"), (7.5, "between"), (90.0, "good")])
def test_a_certificate(days: float, level: str) -> None:
    assert levels(says("certificate_expires", certificate_days=days)) == [level]


# --- a project's own --------------------------------------------------------------------------------------------------


def own(**condition: Any) -> Project:
    return project(rules=(AlertRule(name="mine", condition=AlertCondition(**condition), severity="info"),))


@pytest.mark.parametrize(
    ("condition", "subject", "level"),
    [
        ({"metric": "error_ratio", "threshold": 0.1, "service": "orders"}, "orders", "bad"),
        ({"metric": "error_ratio", "threshold": 0.21}, "orders", "between"),
        ({"metric": "p99", "threshold": 500.0}, "orders", "good"),
        ({"metric": "requests", "threshold": 11.0, "above": False}, "orders", "bad"),
        (
            {"metric": "requests", "threshold": 1.0, "above": False, "caller": "a", "service": "orders"},
            "a → orders",
            "good",
        ),
        ({"metric": "p50", "threshold": 5.0, "service": "orders"}, "orders", "unknown"),
    ],
)
def test_a_condition_of_your_own(condition: dict[str, Any], subject: str, level: str) -> None:
    [found] = says("mine", own(**condition), numbers={"orders": BUSY}, edges={("a", "orders"): BUSY})

    assert (found.subject, str(found.level), found.severity) == (subject, level, "info")


def test_of_instances_the_one_that_uses_most_counts() -> None:
    usage = tuple(
        InstanceUsage(
            instance=f"orders-v1-{n}", service="orders", cpu=n, memory=1, memory_limit=None, open_files=None, restarts=0
        )
        for n in (1, 3, 2)
    )
    [found] = says("mine", own(metric="cpu", threshold=2.0), usage=usage)

    assert (found.message, found.level) == ("cpu of orders is 3, over 2", Level.BAD)


def test_what_is_disabled_says_nothing() -> None:
    assert says("error_ratio", project(off=("error_ratio",)), numbers={"orders": BUSY}) == []
    assert "error_ratio" not in rule_names(project(off=("error_ratio",)))
    assert set(rule_names(project())) == set(BUILT_IN_ALERTS)
