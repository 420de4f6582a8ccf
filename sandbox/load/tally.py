"""How requests went, in bounded memory. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

LATE = 0.01
"""Seconds after the moment it was meant for from which a request counts as started late."""

_PRECISION = 1.02
"""Each bucket of latencies is this much wider than the one before: quantiles are off by 1 % at most."""

_SHORTEST = 1e-5


@dataclass(frozen=True, slots=True)
class Outcome:
    """status: None when there was no answer. flag: Envoy's response flags of an answer that is its own, or the
    reason why there was no answer."""

    status: int | None
    flag: str = ""

    @property
    def failed(self) -> bool:
        return self.status is None or self.status >= 500


class Latencies:
    """Seconds, counted in buckets that grow."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.longest = 0.0

    @property
    def total(self) -> int:
        return self._buckets.total()

    def add(self, seconds: float) -> None:
        self._buckets[_bucket(seconds)] += 1
        self.longest = max(self.longest, seconds)

    def quantile(self, share: float) -> float | None:
        """None without any. Never more than the longest."""
        rank, seen = share * self.total, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                middle: float = _SHORTEST * _PRECISION ** (bucket + 0.5)
                return min(self.longest, middle)
        return None


def _bucket(seconds: float) -> int:
    return math.floor(math.log(max(seconds, _SHORTEST) / _SHORTEST, _PRECISION))


@dataclass(slots=True)
class Tally:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)  # of answers, from the moment they were meant to start
    late: int = 0  # started more than LATE after that
    latest: float = 0.0  # seconds
    not_sent: int = 0  # because too many waited already
    unfinished: int = 0  # when it was ended

    def add(self, outcome: Outcome, *, meant: float, started: float, ended: float) -> None:
        """Moments are seconds of one clock."""
        self.outcomes[outcome] += 1
        if outcome.status is not None:
            self.latencies.add(ended - meant)
        self.latest = max(self.latest, started - meant)
        self.late += started - meant > LATE

    @property
    def sent(self) -> int:
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome.failed)

    @property
    def answered(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome.status is not None)
