"""Counters, read again and again -> the golden signals of the last seconds. Pure; times are of a monotonic clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.control import Edge, Signals, TelemetrySnapshot
from sandbox.telemetry.histogram import Histogram

WINDOW = 10.0
"""Seconds that the signals look back."""

UNDECLARED = "undeclared"
"""The caller's name in edges of callers that do not declare the callee: Envoy counts them together."""

_MOST_SCRAPES = 120


@dataclass(frozen=True, slots=True, order=True)
class EdgeKey:
    caller: str
    callee: str
    version: str


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the counting began. A TCP connection counts as a request, one that failed as an error."""

    requests: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def plus(self, other: Counters) -> Counters:
        return Counters(self.requests + other.requests, self.errors + other.errors, self.latency.plus(other.latency))

    def since(self, earlier: Counters) -> Counters:
        """What was counted after `earlier`. A lower number means that Envoy restarted and counts from zero again."""
        if self.requests < earlier.requests or self.errors < earlier.errors:
            return self
        return Counters(
            self.requests - earlier.requests, self.errors - earlier.errors, self.latency.since(earlier.latency)
        )


Readings = Mapping[EdgeKey, Counters]

_NOTHING = Counters()


def window_for(interval: float) -> float:
    """Long enough to hold two readings at all times, however seldom they come."""
    return max(WINDOW, 2 * interval)


class Past:
    """The last readings of all edges, as far back as the window reaches.

    Each is kept as totals that never fall, however often Envoy restarts, so that any two can be subtracted.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._last: Readings | None = None
        self._totals: deque[tuple[float, Readings]] = deque(maxlen=_MOST_SCRAPES)

    def add(self, at: float, readings: Readings) -> None:
        """The first reading is where counting starts: what Envoy counted before is no news."""
        if self._last is None:
            self._last = readings
        advanced = {key: self._advanced(key, now) for key, now in readings.items()}
        self._totals.append((at, self._still_told(readings) | advanced))
        self._last = readings
        while len(self._totals) > 2 and self._totals[1][0] <= at - self._window:
            self._totals.popleft()

    def _advanced(self, key: EdgeKey, now: Counters) -> Counters:
        last = self._last.get(key, _NOTHING) if self._last is not None else _NOTHING
        known = self._totals[-1][1] if self._totals else {}
        return known.get(key, _NOTHING).plus(now.since(last))

    def _still_told(self, readings: Readings) -> dict[EdgeKey, Counters]:
        """Edges that Envoy no longer knows, but that were used within the window: it may just have restarted."""
        if not self._totals:
            return {}
        oldest, known = self._totals[0][1], self._totals[-1][1]
        return {key: one for key, one in known.items() if key not in readings and one != oldest.get(key)}

    def snapshot(self, now: float, epoch: float) -> TelemetrySnapshot:
        """The window that ends at `now`; `epoch` is the same moment in seconds since 1970.

        Every edge that was ever used is there, with zeros while it is idle.
        """
        span, counted = self._counted(now)
        by_callee: dict[str, Counters] = {}
        for key, counters in counted.items():
            by_callee[key.callee] = by_callee.get(key.callee, _NOTHING).plus(counters)
        return TelemetrySnapshot(
            at=epoch,
            services={callee: signals(counters, span) for callee, counters in by_callee.items()},
            edges=tuple(_edge(key, counted[key], span) for key in sorted(counted)),
        )

    def _counted(self, now: float) -> tuple[float, Readings]:
        """Between the newest reading and the last one before the window: the seconds, and what was counted."""
        if not self._totals:
            return 0.0, {}
        newest_at, newest = self._totals[-1]
        oldest_at, oldest = self._totals[0]
        for at, totals in self._totals:
            if at > now - self._window:
                break
            oldest_at, oldest = at, totals
        return newest_at - oldest_at, {key: one.since(oldest.get(key, _NOTHING)) for key, one in newest.items()}


def signals(counters: Counters, span: float) -> Signals:
    """Rates over `span` seconds; zero without any."""
    return Signals(
        window=span,
        requests_per_second=counters.requests / span if span else 0.0,
        errors_per_second=counters.errors / span if span else 0.0,
        p50=counters.latency.quantile(0.5),
        p99=counters.latency.quantile(0.99),
    )


def _edge(key: EdgeKey, counters: Counters, span: float) -> Edge:
    return Edge(caller=key.caller, callee=key.callee, version=key.version, signals=signals(counters, span))


def summed(readings: Iterable[tuple[EdgeKey, Counters]]) -> dict[EdgeKey, Counters]:
    """One entry an edge: the ports of a callee count together."""
    found: dict[EdgeKey, Counters] = {}
    for key, counters in readings:
        found[key] = found.get(key, _NOTHING).plus(counters)
    return found
