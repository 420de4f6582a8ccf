"""How many requests to trace: a share of all that is moved so that as many come as are wanted. Pure, without a clock.

The share is what Envoy draws by; what comes of it is counted here. One that brings too many is cut at once, one that
brings too few grows by at most four times a step, for what comes next is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 0.0005
_GROWTH = 4.0
_CALM = 0.8  # below this part of what is wanted the share grows
_TOO_MANY = 1.25


@dataclass(slots=True)
class Share:
    """`wanted` a second, None for everything, 0 for nothing. `now` is the share, from 0 to 1."""

    wanted: float | None
    now: float = 1.0
    came: int = 0
    since: float = 0.0

    def __post_init__(self) -> None:
        self.now = 0.0 if self.wanted == 0 else 1.0

    def want(self, wanted: float | None) -> None:
        """From now on. What comes by a share is known in proportion, so that a reader who arrives need not wait."""
        before, self.wanted = self.wanted, wanted
        if wanted is None or not wanted or not before:
            self.now = 0.0 if wanted == 0 else 1.0
        else:
            self.now = min(1.0, self.now * wanted / before)

    def count(self, came: int) -> None:
        self.came += came

    def step(self, at: float, *, least: float = 1.0) -> bool:
        """Adjust by what came since the last step, `least` seconds ago or longer, or at once when it is too much
        already. Whether the share changed."""
        passed = at - self.since
        if passed < 0:  # the clock was set back
            self.since, self.came = at, 0
            return False
        if self.wanted is None or self.wanted == 0:
            self.since, self.came = at, 0
            return False
        if passed < least and self.came <= self.wanted * _TOO_MANY * least:
            return False
        rate = self.came / max(passed, least)
        self.since, self.came = at, 0
        before, self.now = self.now, self._aim(rate)
        return self.now != before

    def _aim(self, rate: float) -> float:
        assert self.wanted is not None
        if rate > self.wanted * _TOO_MANY:
            return max(LEAST, self.now * self.wanted / rate)
        if rate < self.wanted * _CALM:
            growth = min(_GROWTH, self.wanted / rate) if rate else _GROWTH
            return min(1.0, self.now * growth)
        return self.now


@dataclass(slots=True)
class Budget:
    """A token bucket: so many a second, and a `burst`."""

    per_second: float
    burst: float
    left: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.burst

    def take(self, wanted: int, now: float) -> bool:
        """All or nothing."""
        self.left = min(self.burst, self.left + max(0.0, now - self.at) * self.per_second)
        self.at = now
        if wanted > self.left:
            return False
        self.left -= wanted
        return True
