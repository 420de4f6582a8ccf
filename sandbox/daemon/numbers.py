"""The newest numbers of services and edges, out of the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.control import Metric, MetricsControl, MetricsQuery, Series

OF_TRAFFIC = (
    Metric.REQUESTS,
    Metric.ERRORS,
    Metric.ERROR_RATIO,
    Metric.CLIENT_ERRORS,
    Metric.P50,
    Metric.P90,
    Metric.P95,
    Metric.P99,
    Metric.RETRIES,
    Metric.TIMEOUTS,
    Metric.EJECTIONS,
    Metric.OVERFLOWS,
    Metric.RATE_LIMITED,
    Metric.FAULTS,
    Metric.DENIED,
    Metric.BYTES_IN,
    Metric.BYTES_OUT,
    Metric.ACTIVE,
    Metric.CONNECTIONS,
)
_LARGEST = (Metric.P50, Metric.P90, Metric.P95, Metric.P99, Metric.ERROR_RATIO)

Labels = tuple[str, ...]
Numbers = Mapping[Metric, float | None]


async def lately(
    metrics: MetricsControl, by: Sequence[str], *, now: float, seconds: float, wanted: Sequence[Metric] = OF_TRAFFIC
) -> Mapping[Labels, Numbers]:
    """What was measured in the last `seconds`, by the values of the labels. SandboxError when nothing can be asked."""
    query = MetricsQuery(metrics=tuple(wanted), by=tuple(by), since=now - seconds, until=now, step=seconds)
    found: dict[Labels, dict[Metric, float | None]] = {}
    for series in (await metrics.query(query)).series:
        labels = tuple(series.labels.get(name, "") for name in by)
        found.setdefault(labels, {})[series.metric] = _together(series)
    return found


def _together(series: Series) -> float | None:
    """A window may fall on two steps of the store."""
    known = [value for value in series.values if value is not None]
    if not known:
        return None
    return max(known) if series.metric in _LARGEST else sum(known) / len(known)
