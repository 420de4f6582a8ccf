"""Reads Envoy's counters, again and again, from its admin interface."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import aiohttp
from yarl import URL

from sandbox.control import TelemetrySnapshot
from sandbox.tasks import until_tick
from sandbox.telemetry.signals import Past, Step, window_for
from sandbox.telemetry.stats import FILTER, Reading, read_stats

log = logging.getLogger(__name__)

_STATS = URL("/stats").with_query(
    {"format": "json", "histogram_buckets": "cumulative", "usedonly": "", "filter": FILTER}
)
Connect = Callable[[], aiohttp.ClientSession]
"""Opens a session in which a path alone leads to Envoy's admin interface."""


def _nobody() -> Mapping[str, str]:
    return {}


class Scraper:
    """`run` reads for as long as it runs; `past` has what was read, and `on_step` hears what came with each reading. An
    absent Envoy is waited for.

    interval: seconds between readings. callers: by the port of their HTTP proxy.
    """

    def __init__(
        self,
        connect: Connect,
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        callers: Callable[[], Mapping[str, str]] = _nobody,
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self._connect = connect
        self._interval = interval
        self._clock = clock
        self._callers = callers
        self._on_step = on_step
        self._trouble = ""
        self._named: Mapping[str, str] = {}  # all that were callers, for Envoy counts on what they did
        self._before: tuple[bytes, Mapping[str, str]] = (b"", {})
        self._reading = Reading({}, {})
        self.past = Past(window_for(interval))

    def snapshot(self) -> TelemetrySnapshot:
        return self.past.snapshot(self._clock(), time.time())

    async def run(self) -> None:
        async with self._connect() as session:
            while True:
                await self._scrape(session)
                await asyncio.sleep(until_tick(self._clock(), self._interval))

    async def _scrape(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(_STATS) as response:
                answer = await response.read()
                response.raise_for_status()
            step = self.past.add(self._clock(), self._read(answer, self._callers()))
            self._trouble = ""
        except aiohttp.ClientConnectionError as error:
            log.debug("Envoy is not there: %s", error)  # it starts, or restarts; whoever starts it tells of trouble
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            self._say_once(f"Envoy's statistics can't be read: {str(error) or type(error).__name__}")
        else:
            if step is not None:
                self._on_step(step)

    def _read(self, answer: bytes, callers: Mapping[str, str]) -> Reading:
        """Where nothing happens, the same answer comes every second: it is read once."""
        self._named = {**self._named, **callers}
        if (answer, self._named) != self._before:
            self._reading = read_stats(answer, self._named)
            self._before = (answer, self._named)
        return self._reading

    def _say_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble
