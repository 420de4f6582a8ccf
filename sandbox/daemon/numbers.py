"""The newest numbers of services and edges, out of the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from sandbox.control import Metric, MetricsAnswer, MetricsControl, MetricsQuery, Series

QUANTILES = (Metric.P50, Metric.P90, Metric.P95, Metric.P99)
RATES = (
    Metric.REQUESTS,
    Metric.ERRORS,
    Metric.CLIENT_ERRORS,
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
EDGE = ("caller", "callee")
_PARTS = 6
"""Steps in which a window is asked for: the store's steps begin at round times, so one more is found at its edge."""

_FULL_ENOUGH = 1 / 3
_SHORTEST_STEP, _STEPS = 10.0, 360
"""Seconds of a step in which something is counted, and at most how many of them, so that gaps are seen."""

Labels = tuple[str, ...]
Numbers = Mapping[Metric, float | None]
Edge = tuple[str, str]
_Together = Callable[[Series], float | None]


async def rates(
    metrics: MetricsControl, by: Sequence[str], *, now: float, seconds: float, wanted: Sequence[Metric] = RATES
) -> Mapping[Labels, Numbers]:
    """The mean of the last `seconds`, by the values of the labels. SandboxError when nothing can be asked."""
    answer = await _ask(metrics, wanted, by, now, seconds, seconds / _PARTS)
    return _by_labels(answer, by, _mean)


async def quantiles(
    metrics: MetricsControl, by: Sequence[str], *, now: float, seconds: float, wanted: Sequence[Metric] = QUANTILES
) -> Mapping[Labels, Numbers]:
    answer = await _ask(metrics, wanted, by, now, seconds, seconds)

    def newest(series: Series) -> float | None:
        """Of the last step, when enough of it is over already; else also of the one before."""
        begins = answer.start + answer.step * (len(series.values) - 1)
        last = series.values[-1] if series.values else None
        if last is not None and now - begins >= seconds * _FULL_ENOUGH:
            return last
        return max((value for value in series.values[-2:] if value is not None), default=None)

    return _by_labels(answer, by, newest)


async def counts(
    metrics: MetricsControl, by: Sequence[str], *, now: float, seconds: float, wanted: Sequence[Metric]
) -> Mapping[Labels, Numbers]:
    """How many there were within the last `seconds`: of the time in which somebody watched, and no more."""
    step = max(_SHORTEST_STEP, seconds / _STEPS)
    answer = await _ask(metrics, wanted, by, now, seconds, step)

    def count(series: Series) -> float:
        total = 0.0
        for index, (before, value) in enumerate(pairwise((0.0, *series.values))):
            if value is not None and before is not None:  # after a gap, a part of a step may stand for all of it
                total += value * min(answer.step, max(0.0, now - answer.start - index * answer.step))
        return total

    return _by_labels(answer, by, count)


async def shares(metrics: MetricsControl, label: str, *, now: float, seconds: float) -> Mapping[Edge, dict[str, float]]:
    """Requests per second of each edge by `code` or `flag`."""
    answer = await _ask(metrics, (Metric.REQUESTS,), (*EDGE, label), now, seconds, seconds / _PARTS)
    found: dict[Edge, dict[str, float]] = {}
    for series in answer.series:
        if rate := _mean(series):
            edge = (series.labels.get("caller", ""), series.labels.get("callee", ""))
            found.setdefault(edge, {})[series.labels.get(label, "")] = rate
    return found


async def edges(
    metrics: MetricsControl,
    *,
    now: float,
    seconds: float,
    counted: Sequence[Metric] = RATES,
    timed: Sequence[Metric] = (Metric.P50, Metric.P99),
) -> Mapping[Edge, Numbers]:
    """counted, timed: what is asked for. Where nobody asked anything, there are no times to ask for."""
    amounts = await rates(metrics, EDGE, now=now, seconds=seconds, wanted=counted)
    times: Mapping[Labels, Numbers] = {}
    if timed and any(numbers.get(Metric.REQUESTS) for numbers in amounts.values()):
        times = await quantiles(metrics, EDGE, now=now, seconds=seconds, wanted=timed)
    return {
        (caller, callee): {**numbers, **_ratio(numbers), **times.get((caller, callee), {})}
        for (caller, callee), numbers in amounts.items()
    }


async def services(
    metrics: MetricsControl,
    edges: Mapping[Edge, Numbers],
    *,
    now: float,
    seconds: float,
    timed: Sequence[Metric] = QUANTILES,
) -> Mapping[str, Numbers]:
    """Of all callers together."""
    times: Mapping[Labels, Numbers] = {}
    if timed and any(numbers.get(Metric.REQUESTS) for numbers in edges.values()):
        times = await quantiles(metrics, ("callee",), now=now, seconds=seconds, wanted=timed)
    found: dict[str, Numbers] = {}
    for name in dict.fromkeys(callee for _, callee in edges):
        counted = _summed(numbers for (_, callee), numbers in edges.items() if callee == name)
        found[name] = {**counted, **_ratio(counted), **times.get((name,), {})}
    return found


async def between(
    metrics: MetricsControl, by: Sequence[str], *, start: float, end: float, wanted: Sequence[Metric]
) -> Mapping[Labels, Numbers]:
    """Of exactly that time, by the values of the labels. SandboxError when nothing can be asked."""
    query = MetricsQuery(metrics=tuple(wanted), by=tuple(by), since=start, until=end, whole=True)
    found = _by_labels(await metrics.query(query), by, lambda series: series.values[0] if series.values else None)
    return {labels: {**numbers, **_ratio(numbers)} for labels, numbers in found.items()}


def _summed(parts: Iterable[Numbers]) -> Numbers:
    total: dict[Metric, float | None] = {}
    for numbers in parts:
        for metric in RATES:
            if (value := numbers.get(metric)) is not None:
                total[metric] = (total.get(metric) or 0.0) + value
    return total


def _ratio(numbers: Numbers) -> Numbers:
    asked, failed = numbers.get(Metric.REQUESTS), numbers.get(Metric.ERRORS)
    return {Metric.ERROR_RATIO: failed / asked} if asked and failed is not None else {}


async def _ask(
    metrics: MetricsControl, wanted: Sequence[Metric], by: Sequence[str], now: float, seconds: float, step: float
) -> MetricsAnswer:
    query = MetricsQuery(metrics=tuple(wanted), by=tuple(by), since=now - seconds, until=now, step=step)
    return await metrics.query(query)


def _by_labels(answer: MetricsAnswer, by: Sequence[str], together: _Together) -> Mapping[Labels, Numbers]:
    found: dict[Labels, dict[Metric, float | None]] = {}
    for series in answer.series:
        labels = tuple(series.labels.get(name, "") for name in by)
        found.setdefault(labels, {})[series.metric] = together(series)
    return found


def _mean(series: Series) -> float | None:
    known = [value for value in series.values if value is not None]
    return sum(known) / len(known) if known else None
