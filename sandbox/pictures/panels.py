"""Which charts a service has, and the question to the store that they answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.control import Marker, Metric, MetricsAnswer, MetricsQuery
from sandbox.pictures.chart import Line, chart


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    metrics: tuple[tuple[Metric, str, str], ...]  # what, its name in the legend, its class
    factor: float = 1.0


PANELS = (
    Panel("requests", "/s", ((Metric.REQUESTS, "all", "line-1"), (Metric.ERRORS, "failed", "bad"))),
    Panel("errors", "%", ((Metric.ERROR_RATIO, "failed", "bad"),), factor=100.0),
    Panel(
        "latency",
        "ms",
        ((Metric.P50, "p50", "line-1"), (Metric.P95, "p95", "line-2"), (Metric.P99, "p99", "line-3")),
    ),
    Panel(
        "second tries",
        "/s",
        ((Metric.RETRIES, "retries", "line-2"), (Metric.TIMEOUTS, "timeouts", "bad")),
    ),
    Panel("processor", "cores", ((Metric.CPU, "used", "line-1"),)),
    Panel("memory", "B", ((Metric.MEMORY, "used", "line-1"),)),
)


def query(service: str, since: float | None = None, until: float | None = None) -> MetricsQuery:
    """Everything that the panels of a service show."""
    metrics = dict.fromkeys(metric for panel in PANELS for metric, _, _ in panel.metrics)
    return MetricsQuery(metrics=tuple(metrics), callee=service, since=since, until=until)


def panels(answer: MetricsAnswer, markers: Sequence[Marker] = ()) -> Iterator[str]:
    """The charts, one SVG each. A panel of which nothing is known is left out."""
    found = {series.metric: series.values for series in answer.series if not series.labels}
    for panel in PANELS:
        lines = [
            Line(name, [value if value is None else value * panel.factor for value in found[metric]], style)
            for metric, name, style in panel.metrics
            if metric in found
        ]
        if lines:
            yield chart(panel.title, panel.unit, answer.start, answer.step, lines, markers)
