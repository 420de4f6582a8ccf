"""Readings, one after another -> what was counted in between, and the golden signals of the last seconds. Pure; times
are of a monotonic clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.control import Edge, Signals, TelemetrySnapshot
from sandbox.telemetry.columns import ERRORS, REQUESTS, Amounts, EdgeKey, added, grown, histogram
from sandbox.telemetry.stats import Reading
from sandbox.telemetry.told import EXTERNAL

WINDOW = 10.0
"""Seconds that the signals look back."""

_MOST_STEPS = 120
_MOST_EDGES = 5000
"""Beyond them those are forgotten that lead to the host outside that was called first: such hosts come and go."""


@dataclass(frozen=True, slots=True)
class Step:
    """Between two readings. counted: of edges where something was; gauges: at its end."""

    began: float
    ended: float
    counted: Mapping[EdgeKey, Amounts]
    gauges: Mapping[EdgeKey, Amounts]


class Counted(NamedTuple):
    seconds: float
    by_edge: Mapping[EdgeKey, Amounts]


def window_for(interval: float) -> float:
    """Long enough to hold two readings at all times, however seldom they come."""
    return max(WINDOW, 2 * interval)


class Past:
    """The last steps, as far back as the window reaches; and all that was counted since the first reading.

    What Envoy counted before the first reading is no news. A restart of Envoy, which counts from zero then, loses
    what it counted after the reading before, and invents nothing.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._last: tuple[float, Reading] | None = None
        self._steps: deque[Step] = deque(maxlen=_MOST_STEPS)
        self._cached: tuple[tuple[float, int], Counted] | None = None
        self.totals: dict[EdgeKey, dict[str, int]] = {}

    def add(self, at: float, reading: Reading) -> Step | None:
        """What came with it; None for the first reading."""
        before, self._last = self._last, (at, reading)
        if before is None:
            return None
        counted = {}
        changed = reading.counters.items() if reading is not before[1] else ()
        for edge, now in changed:
            if grew := grown(now, self._known(edge, before[1])):
                counted[edge] = grew
                self._total(edge, grew)
        step = Step(before[0], at, counted, reading.gauges)
        self._steps.append(step)
        while len(self._steps) > 1 and self._steps[0].ended <= at - self._window:
            self._steps.popleft()
        return step

    def _known(self, edge: EdgeKey, before: Reading) -> Amounts:
        return before.counters.get(edge, {})

    def _total(self, edge: EdgeKey, grew: Amounts) -> None:
        total = self.totals.setdefault(edge, {})
        for column, amount in grew.items():
            total[column] = total.get(column, 0) + amount
        if len(self.totals) > _MOST_EDGES:
            del self.totals[next((one for one in self.totals if one.version == EXTERNAL), edge)]

    def counted(self, now: float) -> Counted:
        """In the window that ends at `now`, of every edge that Envoy knows or that was used within it."""
        chosen = [step for step in self._steps if step.ended > now - self._window]
        known = self._last[1].counters if self._last is not None else {}
        if not chosen:
            return Counted(0.0, {edge: {} for edge in known})
        key = (chosen[-1].ended, len(chosen))
        if self._cached is None or self._cached[0] != key:
            parts: dict[EdgeKey, list[Amounts]] = {edge: [] for edge in known}
            for step in chosen:
                for edge, amounts in step.counted.items():
                    parts.setdefault(edge, []).append(amounts)
            sums = {edge: added(several) for edge, several in parts.items()}
            self._cached = key, Counted(sum(step.ended - step.began for step in chosen), sums)
        return self._cached[1]

    @property
    def gauges(self) -> Mapping[EdgeKey, Amounts]:
        return self._last[1].gauges if self._last is not None else {}

    def snapshot(self, now: float, epoch: float) -> TelemetrySnapshot:
        """The window that ends at `now`; `epoch` is the same moment in seconds since 1970.

        Every edge between services that was ever used is there, with zeros while it is idle.
        """
        span, counted = self.counted(now)
        inside = {
            edge: one for edge, one in counted.items() if edge.caller and edge.callee and edge.version != EXTERNAL
        }
        by_callee: dict[str, list[Amounts]] = {}
        for edge, amounts in inside.items():
            by_callee.setdefault(edge.callee, []).append(amounts)
        return TelemetrySnapshot(
            at=epoch,
            services={callee: signals(added(several), span) for callee, several in by_callee.items()},
            edges=tuple(_edge(edge, inside[edge], span) for edge in sorted(inside)),
        )


def signals(amounts: Amounts, span: float) -> Signals:
    """Rates over `span` seconds; zero without any."""
    latency = histogram(amounts)
    return Signals(
        window=span,
        requests_per_second=amounts.get(REQUESTS, 0) / span if span else 0.0,
        errors_per_second=amounts.get(ERRORS, 0) / span if span else 0.0,
        p50=latency.quantile(0.5),
        p95=latency.quantile(0.95),
        p99=latency.quantile(0.99),
    )


def _edge(key: EdgeKey, amounts: Amounts, span: float) -> Edge:
    return Edge(caller=key.caller, callee=key.callee, version=key.version, signals=signals(amounts, span))
