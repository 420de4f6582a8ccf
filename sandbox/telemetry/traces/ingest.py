"""What comes in is read by a thread of its own, in batches; what is too much is dropped and counted, before it is read.

The thread owns the gatherer and the store: searching goes through it, too, and so sees what came before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sandbox.telemetry.traces.decode import decode
from sandbox.telemetry.traces.gather import Gatherer
from sandbox.telemetry.traces.hops import InstanceAt
from sandbox.telemetry.traces.sampler import Budget
from sandbox.telemetry.traces.spans import SERVER, Batch, StoredSpan
from sandbox.telemetry.traces.store import TraceStore

log = logging.getLogger(__name__)

T = TypeVar("T")

SPANS_A_SECOND = 6000.0
BURST = 12_000.0
MOST_WAITING = 24_000
"""Spans that wait to be read; about 1 KB each."""

_KEEP_EVERY = 0.5  # seconds


@dataclass(slots=True)
class Arrived:
    """A parsed ExportTraceServiceRequest, or spans."""

    message: Any
    spans: int
    from_proxy: bool


@dataclass(slots=True)
class Counts:
    """Spans. kept: that were read. dropped: too many at a time. invalid: without an id, or times that can't be."""

    kept: int = 0
    dropped: int = 0
    invalid: int = 0


@dataclass(slots=True)
class Ingest:
    store: TraceStore
    instance_at: InstanceAt
    on_roots: Callable[[int], None]  # on the loop: traces that the proxy began
    counts: Counts = field(default_factory=Counts)
    _gatherer: Gatherer = field(init=False)
    _budget: Budget = field(default_factory=lambda: Budget(SPANS_A_SECOND, BURST))
    _waiting: deque[Arrived] = field(default_factory=deque)
    _spans_waiting: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "traces"))
    _kept_at: float = 0.0
    _unkept: bool = False  # what was read since
    _trouble: str = ""

    def __post_init__(self) -> None:
        self._gatherer = Gatherer(self.store.several)

    def offer(self, arrived: Arrived) -> bool:
        """Whether it is taken; all of it or nothing."""
        fits = self._spans_waiting + arrived.spans <= MOST_WAITING
        if not fits or not self._budget.take(arrived.spans, time.monotonic()):
            self.counts.dropped += arrived.spans
            return False
        self._waiting.append(arrived)
        self._spans_waiting += arrived.spans
        self._ready.set()
        return True

    async def run(self) -> None:
        await self.on_thread(self.store.open)
        while True:
            try:
                async with asyncio.timeout(_KEEP_EVERY if self._unkept else None):
                    await self._ready.wait()
            except TimeoutError:
                await self.on_thread(self.keep)
                continue
            self._ready.clear()
            batch = list(self._waiting)
            self._waiting.clear()
            self.on_roots(await self.on_thread(partial(self._read, batch)))
            self._spans_waiting -= sum(one.spans for one in batch)

    async def on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """After `run` has ended. What still waits is kept."""
        batch = list(self._waiting)
        self._waiting.clear()
        await self.on_thread(partial(self._read, batch))
        await self.on_thread(self._finish)
        self._thread.shutdown()

    # --- on the thread

    def keep(self) -> None:
        """All that was read so far."""
        changed, gone = self._gatherer.changes()
        if changed or gone:
            self.store.write(changed, gone)
        self._kept_at, self._unkept = time.monotonic(), False

    def spans(self, trace: str) -> tuple[list[StoredSpan], float]:
        """And when the newest came."""
        held = self._gatherer.held(trace)
        if held is not None:
            return list(held.spans.values()), held.seen
        return self.store.spans(trace), self.store.seen(trace)

    @property
    def too_many(self) -> int:
        return self._gatherer.too_many

    def _read(self, batch: list[Arrived]) -> int:
        """How many traces began among them."""
        roots, now, self._unkept = 0, time.time(), True
        for arrived in batch:
            if isinstance(arrived.message, list):
                spans: Batch = arrived.message
                self._gatherer.take(spans, {}, now)
                self.counts.kept += len(spans)
                continue
            try:
                found = decode(arrived.message, self.instance_at, from_proxy=arrived.from_proxy)
            except Exception as error:  # what one sender wrote must not end the reading of all
                self._say_once(error)
                self.counts.invalid += arrived.spans
                continue
            self._gatherer.take(found.spans, found.joins, now)
            self.counts.kept += len(found.spans)
            self.counts.invalid += found.invalid
            if arrived.from_proxy:
                roots += sum(1 for _, span in found.spans if span.kind == SERVER and not span.parent)
        if time.monotonic() - self._kept_at > _KEEP_EVERY:
            self.keep()
        return roots

    def _say_once(self, error: Exception) -> None:
        if (said := repr(error)) != self._trouble:
            self._trouble = said
            log.error("spans could not be read", exc_info=error)

    def _finish(self) -> None:
        self.keep()
        self.store.close()
