"""What happened, as frozen records, and the bus that hands them on.

Events are facts: the supervisor's reducers turn them into state, the screens show them, nobody edits them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

_AHEAD = 5.0
"""Seconds that an event may lie in the future: clocks are corrected by a little all the time."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Kind(StrEnum):
    """A stable word for each sort of event; scripts filter by it."""

    PROJECT_STARTING = "project_starting"
    PROJECT_RECOVERED = "project_recovered"  # a new supervisor took over what runs
    PROJECT_STOPPING = "project_stopping"
    PORT_MOVED = "port_moved"
    BUILD_STARTED = "build_started"
    BUILD_FINISHED = "build_finished"
    BUILD_FAILED = "build_failed"
    INSTANCE_STARTING = "instance_starting"
    INSTANCE_STARTED = "instance_started"
    INSTANCE_HEALTHY = "instance_healthy"
    INSTANCE_UNHEALTHY = "instance_unhealthy"
    INSTANCE_EXITED = "instance_exited"
    INSTANCE_BACKOFF = "instance_backoff"
    INSTANCE_STOPPING = "instance_stopping"
    INSTANCE_STOPPED = "instance_stopped"
    INSTANCE_FAILED = "instance_failed"
    SERVICE_SCALED = "service_scaled"
    SERVICE_RESTARTED = "service_restarted"
    SERVICE_RELOADED = "service_reloaded"
    SERVICE_SYNCED = "service_synced"  # saved files were copied into its instances, which run on
    RELOAD_FAILED = "reload_failed"  # the previous instances serve on
    PROXY_STARTED = "proxy_started"
    PROXY_EXITED = "proxy_exited"
    PROXY_REFUSED = "proxy_refused"  # a NACK; `detail` has Envoy's own words
    POLICY_APPLIED = "policy_applied"
    VERSION_PASSED_OVER = "version_passed_over"  # by a rule, for want of a ready instance; or no longer
    FAULT_INJECTED = "fault_injected"
    FAULT_REMOVED = "fault_removed"
    ALERT_FIRING = "alert_firing"
    ALERT_RESOLVED = "alert_resolved"
    ALERT_SILENCED = "alert_silenced"
    ENGINE_TOLD = "engine_told"  # the container engine went away, or came back
    LOAD_CHANGED = "load_changed"  # the background traffic was switched on or off
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """One version's new instances in the place of its old ones, or why not."""

    version: str
    generation: int  # of the new instances; grows with every reload
    files: tuple[str, ...]  # the first of those that were saved; empty when it was asked for by hand
    count: int  # of all that were saved
    seconds: Mapping[str, float]  # since the save, of each step: seen, started, ready, switched, drained
    start: str | None = None  # cold | warm, of the new instances
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    kind: Kind
    message: str  # one plain sentence, no trailing full stop
    service: str | None = None
    instance: str | None = None
    severity: Severity = Severity.INFO
    detail: str = ""  # more lines, such as the last log lines
    at: float = field(default_factory=time.time)  # seconds since the epoch
    sequence: int = 0  # given by the bus, counts from 1
    reload: ReloadReport | None = None  # of service_reloaded, service_synced and reload_failed


class Subscription:
    """A bounded view of the bus. A slow reader loses the oldest events, and `dropped` counts them."""

    def __init__(self, limit: int) -> None:
        self._events: deque[Event] = deque()
        self._limit = limit
        self._ready = asyncio.Event()
        self.dropped = 0

    def push(self, event: Event) -> None:
        if len(self._events) >= self._limit:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                yield self._events.popleft()
            self._ready.clear()
            await self._ready.wait()


class Bus:
    """Hands every event to every subscriber and keeps the newest `history` of them.

    past: what happened before, in its order; counting goes on from there. keep: is handed every event first.
    """

    def __init__(
        self, history: int = 1000, past: Iterable[Event] = (), keep: Callable[[Event], None] = lambda event: None
    ) -> None:
        self._history: deque[Event] = deque(past, maxlen=history)
        self._subscriptions: set[Subscription] = set()
        self._sequence = max((event.sequence for event in self._history), default=0)
        self._keep = keep

    def publish(self, event: Event) -> Event:
        self._sequence += 1
        event = replace(event, sequence=self._sequence)
        self._history.append(event)
        self._keep(event)
        for subscription in self._subscriptions:
            subscription.push(event)
        return event

    @property
    def sequence(self) -> int:
        """Of the newest event."""
        return self._sequence

    def history(self, after: int = 0) -> tuple[Event, ...]:
        """All of it when `after` is of another count, which a reader may remember of a project that began anew."""
        after = after if after <= self._sequence else 0
        return tuple(event for event in self._history if event.sequence > after)

    def recent(self, now: float, within: float) -> tuple[Event, ...]:
        """Those of the last seconds. What lies ahead was told before the clock was set back, and is not among them."""
        return tuple(event for event in self._history if -_AHEAD <= now - event.at <= within)

    @contextmanager
    def subscribe(self, limit: int = 1000) -> Iterator[Subscription]:
        subscription = Subscription(limit)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
