"""What the overview says of each service beyond its state, taken out of what the control answers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.control import InstanceUsage, Metric, MetricsAnswer, MetricsQuery, TelemetrySnapshot
from sandbox.events import Event

TRENDS = MetricsQuery(metrics=(Metric.REQUESTS,), by=("callee",), step=5.0)
"""For the last so many seconds, see `trends_since`."""
STRETCH = 150.0


@dataclass(frozen=True, slots=True)
class Trend:
    rates: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    cpu: float = 0.0  # cores
    memory: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class Reloaded:
    at: float
    seconds: float | None  # from the save until it took traffic
    failed: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """By service. Empty until they are known."""

    trends: Mapping[str, Trend] = field(default_factory=dict)
    used: Mapping[str, Used] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # requests per second by version
    reloads: Mapping[str, Reloaded] = field(default_factory=dict)


def trends(answer: MetricsAnswer) -> dict[str, Trend]:
    return {
        callee: Trend(series.values)
        for series in answer.series
        if series.metric is Metric.REQUESTS and (callee := series.labels.get("callee"))
    }


def used(usages: Iterable[InstanceUsage]) -> dict[str, Used]:
    found: dict[str, Used] = {}
    for one in usages:
        before = found.get(one.service, Used())
        found[one.service] = Used(before.cpu + one.cpu, before.memory + one.memory)
    return found


def shares(telemetry: TelemetrySnapshot | None) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for edge in telemetry.edges if telemetry else ():
        versions = found[edge.callee]
        versions[edge.version] = versions.get(edge.version, 0.0) + edge.signals.requests_per_second
    return {callee: dict(sorted(versions.items())) for callee, versions in found.items()}


def reloads(events: Iterable[Event]) -> dict[str, Reloaded]:
    """The newest of each service; events are given oldest first."""
    return {
        event.service: Reloaded(event.at, _until_ready(event.reload.seconds), event.reload.error is not None)
        for event in events
        if event.reload and event.service
    }


def _until_ready(steps: Mapping[str, float]) -> float | None:
    return steps.get("switched", steps.get("ready"))
