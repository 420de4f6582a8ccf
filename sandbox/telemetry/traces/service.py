"""Traces behind one door: what comes in, what is asked, and how much there should be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from sandbox.control.traces import Sampling, TappedRequest, TapQuery, Trace, TraceQuery, TracesControl, TraceSummary
from sandbox.errors import NotFoundError, UsageError
from sandbox.model import OtlpExport
from sandbox.model.records import RequestRecord
from sandbox.tasks import Tasks, until_tick
from sandbox.telemetry import otlp_schema
from sandbox.telemetry.otlp_signals import SIGNALS, Arrival, Verdict
from sandbox.telemetry.traces.assemble import assemble
from sandbox.telemetry.traces.export import Body, Exporter
from sandbox.telemetry.traces.hops import InstanceAt, failed_status, record_span
from sandbox.telemetry.traces.ingest import Arrived, Ingest
from sandbox.telemetry.traces.rebuilt import Rebuilt
from sandbox.telemetry.traces.requests import Requests
from sandbox.telemetry.traces.sampler import Share
from sandbox.telemetry.traces.spans import Batch
from sandbox.telemetry.traces.store import TraceStore
from sandbox.telemetry.traces.story import LimitsOf, story

PER_SECOND = 20.0
"""Traces, by default."""

MOST_A_SECOND = 10_000
"""Traces that may be asked for."""

HEADS_A_SECOND = 5.0
"""Requests that are told of although nobody looks: what the newest heads are made of."""

TROUBLE_A_SECOND = 100.0
SLOW = 1.0
"""Seconds from which on a request is told of, though it is in no trace."""

COMPLETE_AFTER = 3.0
"""Seconds without anything new."""

_STEP = 1.0
_PROTOBUF = "application/x-protobuf"

Sample = Callable[[float, float, float], None]
"""Tell the proxy which share of requests to trace, to tell of, and to tell of among those in trouble."""


class TraceService(TracesControl):
    """`open` it before use. `per_second` and `export` are what the file says, as it is now; how many a person asks for
    holds until that changes. `complain` hears what can't be kept or handed on, once each."""

    def __init__(
        self,
        path: Path,
        *,
        sample: Sample,
        instance_at: InstanceAt,
        limits_of: LimitsOf,
        complain: Callable[[str], None],
        per_second: Callable[[], float | None] = lambda: PER_SECOND,
        export: Callable[[], OtlpExport | None] = lambda: None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._sample = sample
        self._instance_at = instance_at
        self._limits_of = limits_of
        self._exporter = Exporter(export, complain)
        self._rebuilt = Rebuilt()
        self._tasks = Tasks(lambda name, error: complain(f"internal error in '{name}': {error}"))

        def complain_from_thread(text: str) -> None:
            loop.call_soon_threadsafe(complain, text)

        self._store = TraceStore(path, complain_from_thread)
        self._ingest = Ingest(self._store, instance_at, self._began)
        self._requests = Requests(instance_at, self._tapped)
        self._per_second = per_second
        self._file = wanted = per_second()
        self._traced = Share(wanted)
        self._told = Share(HEADS_A_SECOND if wanted != 0 else 0.0)
        self._trouble = Share(TROUBLE_A_SECOND if wanted != 0 else 0.0)
        self._said: tuple[float, ...] = ()

    async def open(self) -> None:
        self._tasks.spawn(self._ingest.run(), name="read spans")
        self._tasks.spawn(self._steer(), name="adjust how much is traced")
        self._tasks.spawn(self._exporter.run(), name="hand telemetry on")
        self._say()

    async def close(self) -> None:
        await self._tasks.close()
        await self._ingest.close()

    # --- what comes in

    def from_proxy(self, body: bytes) -> None:
        """An ExportTraceServiceRequest of Envoy's."""
        message = otlp_schema.new("TraceRequest", lenient=True)
        message.ParseFromString(body)
        self._exporter.offer(Body("traces", body, _PROTOBUF))
        self._ingest.offer(Arrived(message, SIGNALS["traces"].items(message), from_proxy=True))

    def records(self, records: tuple[RequestRecord, ...]) -> None:
        """Of the proxy: what failed or was slow and is in no trace becomes part of one all the same."""
        troubled = [one for one in records if not one.sampled and _in_trouble(one)]
        self._trouble.count(len(troubled))
        self._told.count(len(records) - len(troubled))
        spans: Batch = [found for one in troubled if (found := record_span(one, self._instance_at))]
        if spans:
            self._ingest.offer(Arrived(spans, len(spans), from_proxy=True))
            if self._exporter.wanted:
                self._rebuilt.take(spans, time.monotonic())
        self._requests.take(records)
        self._adjust()

    def arrived(self, arrival: Arrival) -> Verdict:
        """Of services, by OTLP over HTTP."""
        taken = self._exporter.offer(Body(arrival.signal.name, arrival.body, arrival.content_type))
        if arrival.signal.name != "traces":
            why = f"{arrival.signal.name} are counted, and handed on where telemetry.export.otlp says so, but not kept"
            return Verdict() if taken else Verdict(arrival.items, why)
        if self._ingest.offer(Arrived(arrival.message, arrival.items, from_proxy=False)):
            return Verdict()
        return Verdict(arrival.items, "too many spans at a time; send fewer, or sample them")

    # --- what is asked

    async def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        return await self._ingest.on_thread(lambda: self._search(query))

    async def get(self, trace: str) -> Trace:
        found = await self._ingest.on_thread(lambda: self._get(trace.strip().lower()))
        if isinstance(found, NotFoundError):
            raise found
        return found

    async def sampling(self, per_second: float | None = None, *, everything: bool = False) -> Sampling:
        if everything or per_second is not None:
            self.want(None if everything else per_second)
        counts = self._ingest.counts
        return Sampling(
            per_second=self._traced.wanted,
            kept=counts.kept,
            dropped=counts.dropped + counts.invalid + self._ingest.too_many,
            share=self._traced.now,
        )

    def want(self, per_second: float | None) -> None:
        """So many traces a second from now on; None: all, 0: none. UsageError for what is no such number."""
        if per_second is not None and not 0 <= per_second <= MOST_A_SECOND:
            raise UsageError(f"{per_second:g} is no number of traces", hint=f"say 0 to {MOST_A_SECOND}, or all")
        self._traced.want(per_second)
        self._told.want(0.0 if per_second == 0 else max(HEADS_A_SECOND, self._told.wanted or 0.0))
        self._trouble.want(0.0 if per_second == 0 else TROUBLE_A_SECOND)
        self._say()

    def tap(self, query: TapQuery) -> AsyncGenerator[TappedRequest, None]:
        return self._requests.tap(query)

    def recent_heads(self, within: float = 600.0) -> tuple[RequestRecord, ...]:
        """A sample of the requests of the last `within` seconds, oldest first."""
        return self._requests.recent(within)

    # --- how much there should be

    def _began(self, roots: int) -> None:
        self._traced.count(roots)
        self._adjust()

    def _tapped(self, per_second: float) -> None:
        """Filters are ours, not Envoy's: more is asked for than is shown."""
        self._told.want(max(HEADS_A_SECOND, 4 * per_second))
        self._say()

    async def _steer(self) -> None:
        while True:
            await asyncio.sleep(until_tick(time.monotonic(), _STEP))
            if (wanted := self._per_second()) != self._file:
                self._file = wanted
                self.want(wanted)
            self._adjust()
            if (body := self._rebuilt.ready(time.monotonic())) is not None:
                self._exporter.offer(Body("traces", body, _PROTOBUF))

    def _adjust(self) -> None:
        now = time.monotonic()
        changed = [share.step(now) for share in (self._traced, self._told, self._trouble)]
        if any(changed):
            self._say()

    def _say(self) -> None:
        shares = (self._traced.now, self._told.now, self._trouble.now)
        if shares != self._said:
            self._said = shares
            self._sample(*shares)

    # --- on the thread

    def _search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        self._ingest.keep()
        return self._store.search(query)

    def _get(self, beginning: str) -> Trace | NotFoundError:
        self._ingest.keep()
        ids = self._store.named(beginning) if beginning else []
        if not ids:
            return NotFoundError("no such trace", place=beginning or "''", hint="see: sandbox trace")
        if len(ids) > 1:
            return NotFoundError("several traces begin so", place=beginning, hint="type more of it")
        spans, seen = self._ingest.spans(ids[0])
        complete = time.time() - seen > COMPLETE_AFTER
        return assemble(ids[0], spans, lambda hop, tries: story(hop, tries, self._limits_of), complete=complete)


def _in_trouble(record: RequestRecord) -> bool:
    return failed_status(record.status) or record.duration >= SLOW
