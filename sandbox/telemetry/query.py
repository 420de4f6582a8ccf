"""What a query asks for, and segments of series -> series of values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control import Metric, MetricsAnswer, MetricsQuery, Series
from sandbox.errors import UsageError
from sandbox.telemetry.chunks import Bins, Segment, Wanted
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
    ROUTE,
    ROUTE_BUCKET,
    ROUTE_ERRORS,
    SUMS,
    EdgeKey,
    SeriesKey,
    histogram,
    of_routes,
    wanted_by,
)
from sandbox.telemetry.histogram import Histogram
from sandbox.telemetry.store import CLOCK, COVERAGE, step_for

DEFAULT_SPAN = 15 * 60
_POINTS = 120
_MOST_POINTS = 2000
_LATEST = 1e11
"""Seconds since the epoch that may be asked for, far beyond all that is kept."""

_OF_EDGES = ("callee", "caller", "version")
_SPLIT = {"code": CODE, "flag": FLAG}
_BY = frozenset({*_OF_EDGES, *_SPLIT, "route", "instance"})
_OF_ROUTES = (Metric.REQUESTS, Metric.ERRORS, Metric.ERROR_RATIO, *QUANTILES)

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
        if "route" in self.query.by:
            prefixes += [ROUTE, ROUTE_ERRORS, ROUTE_BUCKET]
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
    if query.whole:
        kept = step_for(int(since), int(now), interval)
        return Plan(int(since), max(kept, math.ceil(until - int(since))), 1, kept, query)
    wished = max(query.step or (until - since) / _POINTS, interval, (until - since) / _MOST_POINTS)
    kept = step_for(int(since), int(now), wished)
    step = kept * max(1, math.ceil(wished / kept - 1e-9))
    start = int(since) - int(since) % step
    return Plan(start, step, max(1, math.ceil((until - start) / step)), kept, query)


def _check(query: MetricsQuery) -> None:
    if not query.metrics:
        raise UsageError("no metric is named", hint=f"there are {', '.join(Metric)}")
    for value in (query.since, query.until, query.step):
        if value is not None and not abs(value) <= _LATEST:  # nor is NaN
            raise UsageError(f"{value:g} is no time", hint="times are seconds since the epoch, steps are seconds")
    for label in query.by:
        if label not in _BY:
            raise UsageError(f"can't be kept apart by {label!r}", hint=f"there are {', '.join(sorted(_BY))}")
    if any(label in _SPLIT for label in query.by) and set(query.metrics) - {Metric.REQUESTS}:
        raise UsageError("only requests can be kept apart by code or flag", hint="ask for metrics=requests")
    if "route" in query.by and set(query.by) & {*_SPLIT, "instance"} | set(query.metrics) - set(_OF_ROUTES):
        raise UsageError("that can't be kept apart by route", hint=f"of routes there are {', '.join(_OF_ROUTES)}")


def answered(plan: Plan, segments: Segments) -> MetricsAnswer:
    """segments: of the series that fit, and of `CLOCK`."""
    bins = Bins(plan.start, plan.step, plan.count)
    clock = Group((), [segments.get(CLOCK, ())], bins)
    found: list[Series] = []
    groups = {instances: _groups(plan, segments, bins, instances) for instances in (True, False)}
    for metric in plan.query.metrics:
        for group in groups[metric in OF_INSTANCES]:
            for more, values in _values(metric, plan, group, clock):
                found.append(Series(metric=metric, labels=dict((*group.labels, *more)), values=values))
    return MetricsAnswer(start=float(plan.start), step=float(plan.step), series=tuple(found))


class Group:
    """Series that are one in the answer. What was added up once is remembered: several metrics need the same."""

    def __init__(self, labels: Labels, members: Sequence[Sequence[Segment]], bins: Bins) -> None:
        self.labels = labels
        self.members = members
        self.bins = bins
        self._together = [segment for parts in members for segment in parts]
        self._sums: dict[str, list[int]] = {}
        self._histograms: list[Histogram] | None = None

    def sums(self, column: str) -> list[int]:
        if column not in self._sums:
            self._sums[column] = self.bins.of(self._together, column)
        return self._sums[column]

    def columns(self, prefix: str) -> list[str]:
        names = {column for segment in self._together for column in segment.columns}
        return sorted(column for column in names if column.startswith(prefix))

    def histograms(self) -> list[Histogram]:
        if self._histograms is None:
            columns = self.columns(BUCKET)
            rows = zip(*map(self.sums, columns), strict=True) if columns else [()] * len(self.bins)
            self._histograms = [
                histogram(dict(zip(columns, counts, strict=True))) if any(counts) else Histogram() for counts in rows
            ]
        return self._histograms


def _groups(plan: Plan, segments: Segments, bins: Bins, instances: bool) -> list[Group]:
    found: dict[Labels, list[Sequence[Segment]]] = {}
    for key, parts in segments.items():
        if key != CLOCK and isinstance(key, EdgeKey) != instances:
            labels = _labels(key)
            chosen = tuple((label, labels[label]) for label in plan.query.by if label in labels)
            if "route" not in plan.query.by:
                found.setdefault(chosen, []).append(parts)
                continue
            for route, of_route in _by_route(parts).items():
                found.setdefault((*chosen, ("route", route)), []).append(of_route)
    return [Group(labels, members, bins) for labels, members in sorted(found.items(), key=lambda item: item[0])]


def _by_route(parts: Sequence[Segment]) -> Mapping[str, Sequence[Segment]]:
    """What the series of each route would be."""
    found: dict[str, list[Segment]] = {}
    for part in parts:
        for route, columns in of_routes(part.columns).items():
            found.setdefault(route, []).append(part._replace(columns=columns))
    return found


def _labels(key: SeriesKey) -> Mapping[str, str]:
    if isinstance(key, EdgeKey):
        return dict(zip(_OF_EDGES, _own(key), strict=True))
    return {"callee": key.service, "version": key.version, "instance": key.instance}


def _own(key: EdgeKey) -> tuple[str, str, str]:
    return key.callee, key.caller, key.version


def _values(metric: Metric, plan: Plan, group: Group, clock: Group) -> Iterator[tuple[Labels, Values]]:
    split = next((label for label in plan.query.by if label in _SPLIT), None)
    if split is not None:
        for column in group.columns(_SPLIT[split]):
            yield ((split, column.removeprefix(_SPLIT[split])),), _rates(group.sums(column), clock)
    elif metric in QUANTILES:
        yield (), tuple(one.quantile(QUANTILES[metric]) for one in group.histograms())
    elif metric is Metric.ERROR_RATIO:
        both = zip(group.sums(ERRORS), group.sums(REQUESTS), strict=True)
        yield (), tuple(bad / all if all else None for bad, all in both)
    elif metric in MEANS:
        yield (), _means(metric, group, clock)
    else:
        yield (), _added(metric, group, clock)


def _added(metric: Metric, group: Group, clock: Group) -> Values:
    total = [sum(ones) for ones in zip(*map(group.sums, SUMS[metric]), strict=True)]
    if metric is Metric.RESTARTS:
        return tuple(float(one) if ms else None for one, ms in zip(total, clock.sums(COVERAGE), strict=True))
    return _rates(total, clock)


def _rates(amounts: list[int], clock: Group) -> Values:
    """Per second; None where nobody was watching."""
    return tuple(one * 1000 / ms if ms else None for one, ms in zip(amounts, clock.sums(COVERAGE), strict=True))


def _means(metric: Metric, group: Group, clock: Group) -> Values:
    """The sum of the members' means. Each instance has its own readings: it may have been there for a part only."""
    unit = CPU_UNIT if metric is Metric.CPU else 1
    totals: list[float | None] = [None] * len(group.bins)
    for parts in group.members:
        counts = group.bins.of(parts, READINGS) if metric in OF_INSTANCES else clock.sums(READINGS)
        for index, (amount, count) in enumerate(zip(group.bins.of(parts, MEANS[metric]), counts, strict=True)):
            if count:
                totals[index] = (totals[index] or 0.0) + amount / count / unit
    return tuple(totals)
