"""Latency distributions as Envoy counts them: how many values were at most as large as each bound. Pure.

Quantiles are read from merged histograms; averaging the quantiles of parts would mean nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """counts[i] values are ≤ bounds[i]. Bounds ascend; values above the last one are not counted."""

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        return self.counts[-1] if self.counts else 0

    def plus(self, other: Histogram) -> Histogram:
        """Both together. Of two with different bounds, which can't be added, the fuller one."""
        if not other.total:
            return self
        if not self.total:
            return other
        if self.bounds != other.bounds:
            return max(self, other, key=lambda one: one.total)
        return Histogram(self.bounds, tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    def since(self, earlier: Histogram) -> Histogram:
        """What was added after `earlier`; all of it when the counting began anew in between."""
        if not earlier.total or self.bounds != earlier.bounds or self.total < earlier.total:
            return self
        return Histogram(self.bounds, tuple(b - a for a, b in zip(earlier.counts, self.counts, strict=True)))

    def quantile(self, share: float) -> float | None:
        """The value below which that share (0 to 1) lies, spread evenly within its bucket; None when empty."""
        if not self.total:
            return None
        rank = share * self.total
        index = bisect_left(self.counts, max(rank, 1e-9))
        low, below = (self.bounds[index - 1], self.counts[index - 1]) if index else (0.0, 0)
        return low + (self.bounds[index] - low) * (rank - below) / (self.counts[index] - below)


def merge(histograms: Iterable[Histogram]) -> Histogram:
    total = Histogram()
    for one in histograms:
        total = total.plus(one)
    return total
