"""The newest requests: their heads, for trying out rules, and a live stream of them, for people who look.

Nothing is kept on disk, and no header that could be a secret comes here (`proxy.accesslog.HEADERS`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from sandbox.control.traces import TappedRequest, TapQuery
from sandbox.model.records import RequestRecord
from sandbox.telemetry.traces.hops import UNDECLARED, InstanceAt, Way, failed_status, way_of

MOST_HEADS = 1000
MOST_WAITING = 500
"""Requests that a slow reader of one tap may lag behind."""

_NOWHERE = Way("", "", "")


class Tap:
    """One reader. `left_out` counts what fitted and was too much since the last that was handed out."""

    def __init__(self, query: TapQuery) -> None:
        self.query = query
        self.waiting: deque[TappedRequest] = deque()
        self.ready = asyncio.Event()
        self._left_out = 0
        self._second = 0
        self._handed = 0

    def offer(self, one: TappedRequest, now: float) -> None:
        if not matches(self.query, one):
            return
        if int(now) != self._second:
            self._second, self._handed = int(now), 0
        if self._handed >= self.query.per_second or len(self.waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        self._handed += 1
        self.waiting.append(replace(one, dropped=self._left_out) if self._left_out else one)
        self._left_out = 0
        self.ready.set()


class Requests:
    """`wanted` hears how many requests a second somebody wants to be told of."""

    def __init__(self, instance_at: InstanceAt, wanted: Callable[[float], None]) -> None:
        self._instance_at = instance_at
        self._wanted = wanted
        self._heads: deque[RequestRecord] = deque(maxlen=MOST_HEADS)
        self._taps: set[Tap] = set()

    def take(self, records: tuple[RequestRecord, ...]) -> None:
        self._heads.extend(records)
        if self._taps:
            now = time.monotonic()
            for record in records:
                shown = tapped(record, self._instance_at)
                for tap in self._taps:
                    tap.offer(shown, now)

    def recent(self, within: float = 600.0) -> tuple[RequestRecord, ...]:
        """The newest heads, oldest first, of the last `within` seconds: a sample, and whatever failed."""
        since = time.time() - within
        return tuple(one for one in self._heads if one.at >= since)

    async def tap(self, query: TapQuery) -> AsyncGenerator[TappedRequest, None]:
        tap = Tap(query)
        self._taps.add(tap)
        self._tell()
        try:
            while True:
                await tap.ready.wait()
                tap.ready.clear()
                while tap.waiting:
                    yield tap.waiting.popleft()
        finally:
            self._taps.discard(tap)
            self._tell()

    def _tell(self) -> None:
        self._wanted(max((tap.query.per_second for tap in self._taps), default=0.0))


def tapped(record: RequestRecord, instance_at: InstanceAt) -> TappedRequest:
    way = way_of(record.cluster) or _NOWHERE
    return TappedRequest(
        at=record.at,
        caller=way.caller,
        callee=way.callee,
        version=way.version,
        instance=instance_at(record.upstream),
        method=record.method,
        path=record.path,
        status=record.status,
        flags=record.flags,
        duration=record.duration,
        trace=record.trace,
        attempts=max(1, record.attempts),
    )


def matches(query: TapQuery, one: TappedRequest) -> bool:
    """`service` is whom it went to; a caller that declares nothing is called `undeclared`."""
    return (
        query.service in (None, one.callee)
        and (query.caller in (None, one.caller) or (query.caller == "?" and one.caller == UNDECLARED))
        and (query.method is None or query.method.upper() == one.method)
        and (query.path is None or query.path in one.path)
        and (query.status is None or status_fits(query.status, one.status))
    )


def status_fits(wanted: str, status: int) -> bool:
    """503, 5xx, or error: a failed answer, or none."""
    if wanted == "error":
        return failed_status(status)
    if wanted.lower().endswith("xx"):
        return str(status)[:1] == wanted[:1]
    return str(status) == wanted
