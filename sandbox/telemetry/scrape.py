"""Reads Envoy's counters, again and again, from its admin interface."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
from yarl import URL

from sandbox.control import TelemetrySnapshot
from sandbox.telemetry.signals import Past, window_for
from sandbox.telemetry.stats import FILTER, read_stats

log = logging.getLogger(__name__)

_STATS = URL("/stats").with_query(
    {"format": "json", "histogram_buckets": "cumulative", "usedonly": "", "filter": FILTER}
)
Connect = Callable[[], aiohttp.ClientSession]
"""Opens a session in which a path alone leads to Envoy's admin interface."""


class Scraper:
    """`run` reads for as long as it runs; `snapshot` tells what was read. An absent Envoy is waited for.

    interval: seconds between readings.
    """

    def __init__(self, connect: Connect, interval: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._interval = interval
        self._clock = clock
        self._past = Past(window_for(interval))
        self._trouble = ""

    def snapshot(self) -> TelemetrySnapshot:
        return self._past.snapshot(self._clock(), time.time())

    async def run(self) -> None:
        async with self._connect() as session:
            while True:
                await self._scrape(session)
                await asyncio.sleep(self._interval)

    async def _scrape(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(_STATS) as response:
                answer = await response.read()
                response.raise_for_status()
            self._past.add(self._clock(), read_stats(answer))
            self._trouble = ""
        except aiohttp.ClientConnectionError as error:
            log.debug("Envoy is not there: %s", error)  # it starts, or restarts; whoever starts it tells of trouble
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            self._say_once(f"Envoy's statistics can't be read: {str(error) or type(error).__name__}")

    def _say_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble
