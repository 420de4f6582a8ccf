"""Steps, as they come -> the store, on a thread of its own; and queries of it.

The store's times are those of the wall clock, by which people ask and which outlives restarts. Between readings only a
monotonic clock counts, so that a clock that is corrected a little moves nothing; one that is set is followed and said.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sandbox.control import InstanceUsage, MetricsAnswer, MetricsQuery
from sandbox.telemetry.columns import (
    CPU,
    CPU_UNIT,
    MEMORY,
    OPEN_FILES,
    READINGS,
    Amounts,
    EdgeKey,
    InstanceKey,
    SeriesKey,
)
from sandbox.telemetry.query import Plan, answered, plan
from sandbox.telemetry.signals import Step
from sandbox.telemetry.store import CLOCK, Second, Store

log = logging.getLogger(__name__)

SET_BY = 5.0
"""Seconds by which a clock may be off before it counts as set."""

_MOST_BEHIND = 30  # times something was handed over

_QUIET = 10
"""Seconds in which nothing changes that are handed over together."""

Clock = Callable[[], float]
Say = Callable[[str], None]


class Timeline:
    """Moments of a monotonic clock as seconds since the epoch."""

    def __init__(self, say: Say, monotonic: Clock = time.monotonic, wall: Clock = time.time) -> None:
        self._say = say
        self._monotonic = monotonic
        self._wall = wall
        self._offset = wall() - monotonic()
        self._told = False

    def epoch(self, moment: float) -> float:
        off = self._wall() - self._monotonic() - self._offset
        if abs(off) > SET_BY:
            self._offset += off
            self._tell(off)
        return moment + self._offset

    def _tell(self, off: float) -> None:
        if off < 0:
            also = "; where that makes a time come twice, its numbers are the mean of both"
        else:
            also = "; there are no numbers of the time it left out"
        if not self._told:
            way = "back" if off < 0 else "forward"
            self._say(f"the clock was set {way} by {abs(off):.0f} s{also}")
        self._told = True


class Recorder:
    """`open` first; `close` last. interval: seconds between readings. say: takes a sentence for people."""

    def __init__(self, path: Path | None, interval: float, say: Say, timeline: Timeline | None = None) -> None:
        self._path = path
        self._interval = interval
        self._say = say
        self._timeline = timeline or Timeline(say)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="numbers")
        self._store: Store | None = None
        self._behind = 0
        self._held: list[Second] = []
        self._gauges: Mapping[EdgeKey, Amounts] = {}
        self._more: dict[SeriesKey, Amounts] = {}
        self._restarts: dict[SeriesKey, int] = {}
        self.dropped = 0  # steps that came while the disk was too slow

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop

        def opened() -> Store:
            return Store(self._path, lambda sentence: _quietly(loop, self._say, sentence))

        self._store = await loop.run_in_executor(self._thread, opened)

    async def close(self) -> None:
        self._hand_over()
        store, self._store = self._store, None
        if store is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, store.close)
        self._thread.shutdown()

    def note(self, step: Step) -> None:
        """Does not wait for the disk. What comes while it is far behind is dropped and counted."""
        if self._store is None:
            return
        if self._behind >= _MOST_BEHIND:
            self._drop()
            return
        at, milliseconds = int(self._timeline.epoch(step.ended)), round((step.ended - step.began) * 1000)
        self._held.append((at, milliseconds, _parts(step) | self._more))
        self._more = {}
        quiet = not step.counted and step.gauges == self._gauges
        self._gauges = step.gauges
        if not quiet or len(self._held) >= _QUIET:
            self._hand_over()

    def _hand_over(self) -> None:
        """To the thread."""
        held, self._held = self._held, []
        if self._store is None or not held:
            return
        self._behind += 1
        written = self._thread.submit(self._store.write_all, held)
        written.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._written, done))

    def note_usage(self, used: Iterable[InstanceUsage]) -> None:
        """With the next step."""
        for one in used:
            key = InstanceKey(one.service, one.version, one.instance)
            before = self._restarts.get(key, one.restarts)
            self._more[key] = {
                READINGS: 1,
                CPU: round(one.cpu * CPU_UNIT),
                MEMORY: one.memory,
                OPEN_FILES: one.open_files or 0,
                "restarts": max(0, one.restarts - before),
            }
            self._restarts[key] = one.restarts
        self._restarts = {key: count for key, count in self._restarts.items() if key in self._more}

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        """UsageError for what can't be asked."""
        chosen = plan(query, self._timeline.epoch(time.monotonic()), self._interval)
        if self._store is None:
            return MetricsAnswer(start=float(chosen.start), step=float(chosen.step), series=())
        self._hand_over()
        return await asyncio.get_running_loop().run_in_executor(self._thread, _answer, self._store, chosen)

    def _written(self, done: Future[None]) -> None:
        self._behind -= 1
        if (error := done.exception()) is not None:
            log.error("a second of numbers was lost", exc_info=error)

    def _drop(self) -> None:
        if not self.dropped:
            self._say("the disk is too slow for the numbers; what comes too fast is dropped")
        self.dropped += 1


def _parts(step: Step) -> dict[SeriesKey, Amounts]:
    parts: dict[SeriesKey, Amounts] = {edge: amounts for edge, amounts in step.counted.items()}  # noqa: C416
    for edge, gauges in step.gauges.items():
        if used := {column: amount for column, amount in gauges.items() if amount}:
            parts[edge] = {**parts.get(edge, {}), **used}
    return parts


def _answer(store: Store, plan: Plan) -> MetricsAnswer:
    keys = [CLOCK, *(key for key in store.known() if plan.fits(key))]
    return answered(plan, store.read(keys, plan.start, plan.end, plan.kept_step, plan.wanted()))


def _quietly(loop: asyncio.AbstractEventLoop, say: Say, sentence: str) -> None:
    """From the thread; at the very end there may be nobody left to hear it."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(say, sentence)
