"""Everything that measures and explains, put together: numbers, traces, alerts and causes.

Each has an attribute that is a part of the control (`serve` hands them to the API) and opens what it needs in `open`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.control import (
    AlertsControl,
    DiagnosisControl,
    InstanceUsage,
    LoadControl,
    MetricsControl,
    ProjectStatus,
    TelemetrySnapshot,
    TracesControl,
)
from sandbox.daemon import diagnosing
from sandbox.daemon.explaining import Explaining
from sandbox.daemon.late import LatePlane, imported
from sandbox.daemon.notices import Notices
from sandbox.daemon.tracing import Told, Tracing
from sandbox.events import Bus
from sandbox.model import TrafficPolicy
from sandbox.paths import ProjectPaths
from sandbox.proxy.bearer import Guarded
from sandbox.runtime.base import Driver
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.evidence import Printed
from sandbox.supervisor.usage import UsageWatch
from sandbox.supervisor.wiring import OTLP_NAME
from sandbox.tasks import Tasks

if TYPE_CHECKING:
    from sandbox.telemetry.otlp_signals import Arrival, Verdict
    from sandbox.telemetry.recorder import Recorder
    from sandbox.telemetry.scrape import Scraper

_SCRAPES_WITHIN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is measured, and what is told of it."""

    paths: ProjectPaths
    cluster: Cluster
    driver: Driver
    bus: Bus
    notices: Notices
    tasks: Tasks
    status: Callable[[], ProjectStatus]
    policies: Callable[[], Mapping[str, TrafficPolicy]]  # in force, by the service that is called
    printed: Printed
    admin: Callable[[], Path | Guarded]  # of Envoy, as it is now
    callers: Callable[[], Mapping[str, str]]  # by the port of their HTTP proxy
    plane: LatePlane
    otlp_key: str
    received: Callable[[str, str, Sequence[str]], bool]  # log lines of a service's version; False: nobody's


class Monitoring:
    """`prepare` makes the parts, which the API then holds; `open` starts what fills them."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        cluster = watched.cluster
        self._usage = UsageWatch(
            watched.driver, lambda: cluster.desired.project, lambda: cluster.state, self._note_usage
        )
        self.metrics: MetricsControl  # from `prepare` on
        self.tracing = Tracing(_told(watched))
        self.traces: TracesControl = self.tracing.control
        self._explaining = Explaining(
            watched.paths,
            watched.notices,
            watched.tasks,
            diagnosing.Sources(
                bus=watched.bus,
                status=watched.status,
                project=lambda: watched.cluster.desired.project,
                policies=watched.policies,
                metrics=lambda: self.metrics,
                traces=lambda: self.traces,
                printed=watched.printed,
            ),
            watched.admin,
        )
        self.alerts: AlertsControl = self._explaining.alerts
        self.diagnosis: DiagnosisControl = self._explaining.diagnosis
        self.load: LoadControl = self._explaining.load

    async def prepare(self) -> None:
        scrape, recorder, numbers, admin = [
            await imported(module)
            for module in (
                "sandbox.telemetry.scrape",
                "sandbox.telemetry.recorder",
                "sandbox.telemetry.numbers",
                "sandbox.proxy.admin",
            )
        ]
        watched = self._watched
        interval = watched.cluster.desired.project.settings.stats_interval
        self._recorder: Recorder = recorder.Recorder(watched.paths.numbers, interval, watched.notices.warn)
        self._scraper: Scraper = scrape.Scraper(
            lambda: admin.admin_session(watched.admin(), timeout=_SCRAPES_WITHIN, limit=1),
            interval,
            callers=watched.callers,
            on_step=self._recorder.note,
        )
        facts = numbers.Facts(status=watched.status, external=self._external, usage=lambda: self._usage.now)
        self.metrics = numbers.Numbers(self._scraper.past, self._recorder, facts)

    async def open(self, stack: AsyncExitStack, otlp: socket.socket, more: Sequence[socket.socket] = ()) -> None:
        """`otlp`, `more`: bound sockets for what services send by themselves."""
        await self.tracing.open(stack)
        await self._open_metrics(stack)
        await self._open_receiver(stack, otlp, more)
        self._explaining.open()

    async def _open_metrics(self, stack: AsyncExitStack) -> None:
        await self._recorder.open()
        stack.push_async_callback(self._recorder.close)
        self._watched.tasks.spawn(self._scraper.run(), name="scrape the proxy's numbers")
        self._watched.tasks.spawn(self._usage.run(), name="measure the instances")

    async def _open_receiver(self, stack: AsyncExitStack, otlp: socket.socket, more: Sequence[socket.socket]) -> None:
        receiver = (await imported("sandbox.telemetry.otlp")).OtlpReceiver(
            self._watched.otlp_key, names=(OTLP_NAME,), keep=await self._keeper()
        )
        await receiver.start(otlp, *more)
        stack.push_async_callback(receiver.close)

    async def _keeper(self) -> Callable[[Arrival], Verdict]:
        """Traces keep spans and hand all on; log records go to the logs of their services."""
        logs = await imported("sandbox.telemetry.otlp_logs")

        def keep(arrival: Arrival) -> Verdict:
            verdict = self.tracing.arrived(arrival)
            return logs.kept(arrival, self._watched.received) if arrival.signal.name == "logs" else verdict

        return keep

    def forget(self) -> None:
        """The project ends."""
        self._explaining.forget()

    def telemetry(self) -> TelemetrySnapshot:
        return self._scraper.snapshot()

    def _note_usage(self, used: tuple[InstanceUsage, ...]) -> None:
        self._recorder.note_usage(used)

    def _external(self) -> frozenset[str]:
        services = self._watched.cluster.desired.project.services.values()
        return frozenset(service.name for service in services if service.external is not None)


def _told(watched: Watched) -> Told:
    return Told(
        path=watched.paths.state / "traces.db",
        cluster=watched.cluster,
        plane=watched.plane,
        policy=lambda callee: watched.policies().get(callee),
        complain=watched.notices.warn,
    )
