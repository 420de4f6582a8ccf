"""What is drawn by lot, for tests: shares of requests."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Share:
    """So many of the total, where it should be this share of it."""

    counted: int
    total: int
    share: float

    @property
    def off(self) -> float:
        """How far, in standard deviations of a binomial distribution."""
        expected, deviation = self.total * self.share, math.sqrt(self.total * self.share * (1 - self.share))
        return abs(self.counted - expected) / deviation


async def assert_fair(draw: Callable[[], Awaitable[Sequence[Share]]]) -> None:
    """All shares are within three standard deviations. Where lots are drawn well that fails once in 370 times, so what
    fails is drawn once more: to fail twice happens to one share in 130,000 runs, and to a wrong one every time."""
    if not _fair(await draw()):
        again = await draw()
        assert _fair(again), again


def _fair(shares: Sequence[Share]) -> bool:
    return all(one.off <= SIGMAS for one in shares)
