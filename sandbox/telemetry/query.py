"""What a query asks for, and segments of series -> series of values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control import Metric, MetricsAnswer, MetricsQuery, Series
from sandbox.errors import UsageError
from sandbox.telemetry.chunks import Segment, Wanted, binned
from sandbox.telemetry.columns import (
    BUCKET,
    CODE,
    CPU_UNIT,
    ERRORS,
    FLAG,
    MEANS,
    OF_INSTANCES,
    QUANTILES,
    READINGS,
    REQUESTS,
    SUMS,
    EdgeKey,
    SeriesKey,
    histogram,
    wanted_by,
)
from sandbox.telemetry.store import CLOCK, COVERAGE, step_for

DEFAULT_SPAN = 15 * 60
_POINTS = 120
_MOST_POINTS = 2000
_OF_EDGES = ("callee", "caller", "version")
_BY = frozenset({*_OF_EDGES, "instance", "code", "flag"})
_SPLIT = {"code": CODE, "flag": FLAG}

Segments = Mapping[SeriesKey, Sequence[Segment]]
Labels = tuple[tuple[str, str], ...]
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to look for what. Times are seconds since the epoch."""

    start: int
    step: int  # of the answer
    count: int
    kept_step: int  # of what is read
    query: MetricsQuery

    @property
    def end(self) -> int:
        return self.start + self.count * self.step

    def wanted(self) -> Wanted:
        """The columns that are needed."""
        names = {COVERAGE, READINGS}
        prefixes = [_SPLIT[one] for one in self.query.by if one in _SPLIT]
        for metric in self.query.metrics:
            more, prefix = wanted_by(metric)
            names.update(more)
            prefixes += [prefix] if prefix else []
        starts = tuple(prefixes)
        return lambda column: column in names or (bool(starts) and column.startswith(starts))

    def fits(self, key: SeriesKey) -> bool:
        """Whether a series has part in the answer."""
        query = self.query
        metrics = set(query.metrics)
        if isinstance(key, EdgeKey):
            asked = (query.callee, query.caller, query.version)
            fits = all(one is None or one == own for one, own in zip(asked, _own(key), strict=True))
            return fits and bool(metrics - OF_INSTANCES)
        asked = (query.callee, query.version, query.instance)
        own = (key.service, key.version, key.instance)
        fits = all(one is None or one == mine for one, mine in zip(asked, own, strict=True))
        return fits and bool(metrics & OF_INSTANCES)


def plan(query: MetricsQuery, now: float, interval: float) -> Plan:
    """interval: seconds between readings. UsageError for what can't be asked."""
    _check(query)
    until = now if query.until is None else query.until
    since = until - DEFAULT_SPAN if query.since is None else query.since
    if not since < until:
        raise UsageError("the time that is asked for ends before it begins", hint="since must be before until")
    wished = max(query.step or (until - since) / _POINTS, interval, (until - since) / _MOST_POINTS)
    kept = step_for(int(since), int(now), wished)
    step = kept * max(1, math.ceil(wished / kept - 1e-9))
    start = int(since) - int(since) % step
    return Plan(start, step, max(1, math.ceil((until - start) / step)), kept, query)


def _check(query: MetricsQuery) -> None:
    if not query.metrics:
        raise UsageError("no metric is named", hint=f"there are {', '.join(Metric)}")
    for label in query.by:
        if label not in _BY:
            raise UsageError(f"can't be kept apart by {label!r}", hint=f"there are {', '.join(sorted(_BY))}")
    if any(label in _SPLIT for label in query.by) and set(query.metrics) - {Metric.REQUESTS}:
        raise UsageError("only requests can be kept apart by code or flag", hint="ask for metrics=requests")


def answered(plan: Plan, segments: Segments) -> MetricsAnswer:
    """segments: of the series that fit, and of `CLOCK`."""
    clock = segments.get(CLOCK, ())
    times = _Bins(plan)
    covered = [amount / 1000 for amount in times.of(clock, COVERAGE)]
    readings = times.of(clock, READINGS)
    found: list[Series] = []
    for metric in plan.query.metrics:
        for labels, members in _groups(plan, metric, segments):
            for more, values in _values(metric, plan, times, members, covered, readings):
                found.append(Series(metric=metric, labels=dict((*labels, *more)), values=values))
    return MetricsAnswer(start=float(plan.start), step=float(plan.step), series=tuple(found))


class _Bins:
    """The answer's times; what was binned of a column of some series is summed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def of(self, segments: Sequence[Segment], column: str) -> list[int]:
        return binned(segments, column, self._plan.start, self._plan.step, self._plan.count)


Members = list[Sequence[Segment]]


def _groups(plan: Plan, metric: Metric, segments: Segments) -> Iterator[tuple[Labels, Members]]:
    """Series that are one in the answer, by the labels that keep them from others."""
    groups: dict[Labels, Members] = {}
    for key, parts in segments.items():
        if key == CLOCK or isinstance(key, EdgeKey) == (metric in OF_INSTANCES):
            continue
        labels = _labels(key)
        chosen = tuple((label, labels[label]) for label in plan.query.by if label in labels)
        groups.setdefault(chosen, []).append(parts)
    yield from sorted(groups.items())


def _labels(key: SeriesKey) -> Mapping[str, str]:
    if isinstance(key, EdgeKey):
        return dict(zip(_OF_EDGES, _own(key), strict=True))
    return {"callee": key.service, "version": key.version, "instance": key.instance}


def _own(key: EdgeKey) -> tuple[str, str, str]:
    return key.callee, key.caller, key.version


def _values(
    metric: Metric, plan: Plan, times: _Bins, members: Members, covered: list[float], readings: list[int]
) -> Iterator[tuple[Labels, Values]]:
    together = [segment for parts in members for segment in parts]
    split = next((label for label in plan.query.by if label in _SPLIT), None)
    if split is not None:
        for column in _columns(together, _SPLIT[split]):
            label = ((split, column.removeprefix(_SPLIT[split])),)
            yield label, _rates(times.of(together, column), covered)
    elif metric in QUANTILES:
        yield (), _quantiles(times, together, QUANTILES[metric])
    elif metric is Metric.ERROR_RATIO:
        requests, errors = times.of(together, REQUESTS), times.of(together, ERRORS)
        yield (), tuple(bad / all if all else None for bad, all in zip(errors, requests, strict=True))
    elif metric in MEANS:
        yield (), _means(metric, times, members, readings)
    else:
        yield (), _sums(metric, times, together, covered)


def _sums(metric: Metric, times: _Bins, segments: Sequence[Segment], covered: list[float]) -> Values:
    sums = [times.of(segments, column) for column in SUMS[metric]]
    total = [sum(ones) for ones in zip(*sums, strict=True)]
    if metric is Metric.RESTARTS:
        return tuple(float(one) if seconds else None for one, seconds in zip(total, covered, strict=True))
    return _rates(total, covered)


def _rates(amounts: list[int], covered: list[float]) -> Values:
    """None where nobody was watching."""
    return tuple(one / seconds if seconds else None for one, seconds in zip(amounts, covered, strict=True))


def _means(metric: Metric, times: _Bins, members: Members, readings: list[int]) -> Values:
    """The sum of the members' means. Each instance has its own readings: it may have been there for a part only."""
    unit = CPU_UNIT if metric is Metric.CPU else 1
    totals: list[float | None] = [None] * len(readings)
    for parts in members:
        counts = times.of(parts, READINGS) if metric in OF_INSTANCES else readings
        for index, (amount, count) in enumerate(zip(times.of(parts, MEANS[metric]), counts, strict=True)):
            if count:
                totals[index] = (totals[index] or 0.0) + amount / count / unit
    return tuple(totals)


def _quantiles(times: _Bins, segments: Sequence[Segment], share: float) -> Values:
    columns = _columns(segments, BUCKET)
    if not columns:
        return (None,) * len(times.of((), ""))
    bins = zip(*(times.of(segments, column) for column in columns), strict=True)
    return tuple(histogram(dict(zip(columns, counts, strict=True))).quantile(share) for counts in bins)


def _columns(segments: Sequence[Segment], prefix: str) -> list[str]:
    return sorted({column for segment in segments for column in segment.columns if column.startswith(prefix)})
