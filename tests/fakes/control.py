"""A Control with scripted answers, for the tests of whatever stands on `sandbox.control`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sandbox.control import (
    Control,
    ExecSpec,
    LogCounts,
    LogLine,
    LogQuery,
    ProjectStatus,
    ReloadTicket,
    TelemetrySnapshot,
    UpRequest,
)
from sandbox.errors import NotFoundError, UsageError
from sandbox.events import Bus, Event
from tests.fakes import data
from tests.fakes.monitor import FakeAlerts, FakeDiagnosis, FakeLoad, FakeMetrics, FakeTraces
from tests.fakes.traffic import FakeTraffic


class FakeControl(Control):
    """Answers with what it was given and records every wish.

    statuses: what `status` answers, one after the other; the last one again and again.
    calls: (method, arguments…) of each wish, in order.
    failures: method name → what it raises instead of answering.
    reports: service → events that its reload leads to.
    following: how many streams are being followed, so that a test can wait until one is.
    """

    def __init__(
        self,
        *statuses: ProjectStatus,
        events: Sequence[Event] = (),
        lines: Sequence[LogLine] = (),
        telemetry: TelemetrySnapshot | None = None,
    ) -> None:
        self.statuses = deque(statuses or [data.project()])
        self.snapshot = telemetry or data.telemetry()
        self.calls: list[tuple[Any, ...]] = []
        self.log_queries: list[LogQuery] = []
        self.counts: Sequence[LogCounts] = ()
        self.failures: dict[str, BaseException] = {}
        self.reports: dict[str, Sequence[Event]] = {}
        self.following = 0
        self._traffic = FakeTraffic()
        self._metrics = FakeMetrics()
        self._traces = FakeTraces()
        self._alerts = FakeAlerts()
        self._diagnosis = FakeDiagnosis()
        self._load = FakeLoad()
        self._bus = Bus()
        self._lines = list(lines)
        self._followers: set[asyncio.Queue[LogLine]] = set()
        for event in events:
            self._bus.publish(event)

    @property
    def traffic(self) -> FakeTraffic:
        return self._traffic

    @property
    def metrics(self) -> FakeMetrics:
        return self._metrics

    @property
    def traces(self) -> FakeTraces:
        return self._traces

    @property
    def alerts(self) -> FakeAlerts:
        return self._alerts

    @property
    def diagnosis(self) -> FakeDiagnosis:
        return self._diagnosis

    @property
    def load(self) -> FakeLoad:
        return self._load

    # --- what the test does --------------------------------------------------------------------------------------

    def publish(self, event: Event) -> Event:
        """Happens now: kept, and handed to everyone who follows events."""
        return self._bus.publish(event)

    def write(self, line: LogLine) -> None:
        """A service prints a line: kept, and handed to everyone who follows logs."""
        self._lines.append(line)
        for follower in self._followers:
            follower.put_nowait(line)

    # --- Control -------------------------------------------------------------------------------------------------

    async def status(self) -> ProjectStatus:
        self._fail("status")
        return self.statuses.popleft() if len(self.statuses) > 1 else self.statuses[0]

    async def events(self, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        self._fail("events")
        with self._bus.subscribe() as subscription:
            for event in self._bus.history(after):
                yield event
            if follow:
                self.following += 1
                try:
                    async for event in subscription:
                        yield event
                finally:
                    self.following -= 1

    async def start(self, services: Sequence[str] = ()) -> None:
        self._wish("start", tuple(services))

    async def stop(self, services: Sequence[str] = ()) -> None:
        self._wish("stop", tuple(services))

    async def restart(self, services: Sequence[str] = ()) -> None:
        self._wish("restart", tuple(services))

    async def scale(self, service: str, replicas: int, version: str | None = None) -> None:
        self._known([service])
        if replicas < 0:
            raise UsageError(f"can't have {replicas} replicas", place=service, hint="choose a number from 0 to 100")
        self._fail("scale")
        self.calls.append(("scale", service, replicas, version))

    async def reload(self, service: str, version: str | None = None) -> ReloadTicket:
        """`reports` happen as soon as it is asked for."""
        self._known([service])
        self._fail("reload")
        self.calls.append(("reload", service, version))
        ticket = ReloadTicket(service=service, generations={version or "v1": 3}, after=self._bus.sequence)
        for event in self.reports.pop(service, ()):
            self.publish(event)
        return ticket

    async def watch(self, on: bool) -> None:
        self._fail("watch")
        self.calls.append(("watch", on))

    async def down(self) -> None:
        self._fail("down")
        self.calls.append(("down",))

    async def apply(self, request: UpRequest) -> None:
        self._fail("apply")
        self.calls.append(("apply", request))

    async def log_counts(self) -> Sequence[LogCounts]:
        return self.counts

    async def logs(self, query: LogQuery) -> AsyncIterator[LogLine]:
        self._known(query.services)
        self._fail("logs")
        self.log_queries.append(query)
        queue: asyncio.Queue[LogLine] = asyncio.Queue()
        self._followers.add(queue)
        try:
            for line in self._kept(query):
                yield line
            if query.follow:
                self.following += 1
                try:
                    while True:
                        line = await queue.get()
                        if _wanted(line, query):
                            yield line
                finally:
                    self.following -= 1
        finally:
            self._followers.discard(queue)

    async def telemetry(self) -> TelemetrySnapshot:
        self._fail("telemetry")
        return self.snapshot

    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        self._fail("exec_spec")
        if target not in self._names() | self._instances():
            raise NotFoundError("no such service or instance", place=target)
        self.calls.append(("exec_spec", target, tuple(argv)))
        return ExecSpec(argv=tuple(argv), cwd="/apps/bakery/orders", environment={"PORT": "43121"})

    # --- inside --------------------------------------------------------------------------------------------------

    def _wish(self, method: str, services: tuple[str, ...]) -> None:
        self._known(services)
        self._fail(method)
        self.calls.append((method, services))

    def _fail(self, method: str) -> None:
        if error := self.failures.get(method):
            raise error

    def _known(self, services: Sequence[str]) -> None:
        for name in services:
            if name not in self._names():
                raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(sorted(self._names()))}")

    def _names(self) -> set[str]:
        return {service.name for service in self.statuses[0].services}

    def _instances(self) -> set[str]:
        return {instance.id for service in self.statuses[0].services for instance in service.instances}

    def _kept(self, query: LogQuery) -> list[LogLine]:
        found = [line for line in self._lines if _wanted(line, query)]
        return found if query.tail is None else found[max(0, len(found) - query.tail) :]


def _wanted(line: LogLine, query: LogQuery) -> bool:
    return (
        (not query.services or line.service in query.services)
        and (query.since is None or line.at >= query.since)
        and (query.until is None or line.at <= query.until)
    )
