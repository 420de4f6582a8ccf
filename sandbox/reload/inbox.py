"""Hints that wait to be looked at. Bounded: what does not fit is made up for by looking at everything."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

LIMIT = 10_000


class Inbox:
    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._hints: set[str] = set()
        self._everything = False
        self._news = asyncio.Event()
        self.dropped = 0

    def put(self, hints: Collection[str]) -> None:
        room = self._limit - len(self._hints)
        if len(hints) > room:
            self.dropped += len(hints)
            self._everything = True
        else:
            self._hints.update(hints)
        self._news.set()

    def wake(self) -> None:
        self._news.set()

    def take(self) -> tuple[set[str], bool]:
        """The hints, and whether they are not all there were."""
        hints, everything = self._hints, self._everything
        self._hints, self._everything = set(), False
        self._news.clear()
        return hints, everything

    async def wait(self, at_most: float | None) -> None:
        """Until there is something, or so many seconds."""
        try:
            async with asyncio.timeout(at_most):
                await self._news.wait()
        except TimeoutError:
            return
