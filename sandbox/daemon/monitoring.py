"""Everything that measures and explains, put together: numbers, traces, alerts and causes.

Each has an attribute that is a part of the control (`serve` hands them to the API) and opens what it needs in `open`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.control import (
    AlertsControl,
    DiagnosisControl,
    MetricsControl,
    ProjectStatus,
    TelemetrySnapshot,
    TracesControl,
)
from sandbox.daemon.late import imported
from sandbox.daemon.notices import Notices
from sandbox.daemon.soon import Soon
from sandbox.events import Bus
from sandbox.paths import ProjectPaths
from sandbox.proxy.bearer import Guarded
from sandbox.runtime.base import Driver
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.wiring import OTLP_NAME
from sandbox.tasks import Tasks

if TYPE_CHECKING:
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
    admin: Callable[[], Path | Guarded]  # of Envoy, as it is now
    otlp_key: str


class Monitoring:
    """Made before the API, which holds its parts; opened after it, because libraries take their time to import."""

    def __init__(self, watched: Watched) -> None:
        soon: Any = Soon()
        self._watched = watched
        self._scraper: Scraper | None = None
        self.metrics: MetricsControl = soon
        self.traces: TracesControl = soon
        self.alerts: AlertsControl = soon
        self.diagnosis: DiagnosisControl = soon

    async def open(self, stack: AsyncExitStack, otlp: socket.socket, more: Sequence[socket.socket] = ()) -> None:
        """`otlp`, `more`: bound sockets for what services send by themselves."""
        await self._open_metrics()
        await self._open_receiver(stack, otlp, more)

    async def _open_metrics(self) -> None:
        scrape, admin = await imported("sandbox.telemetry.scrape"), await imported("sandbox.proxy.admin")
        self._scraper = scrape.Scraper(
            lambda: admin.admin_session(self._watched.admin(), timeout=_SCRAPES_WITHIN, limit=1),
            self._watched.cluster.desired.project.settings.stats_interval,
        )
        self._watched.tasks.spawn(self._scraper.run(), name="scrape the proxy's numbers")

    async def _open_receiver(self, stack: AsyncExitStack, otlp: socket.socket, more: Sequence[socket.socket]) -> None:
        receiver = (await imported("sandbox.telemetry.otlp")).OtlpReceiver(self._watched.otlp_key, names=(OTLP_NAME,))
        await receiver.start(otlp, *more)
        stack.push_async_callback(receiver.close)

    def telemetry(self) -> TelemetrySnapshot:
        if self._scraper is None:
            return TelemetrySnapshot(at=time.time(), services={}, edges=())
        return self._scraper.snapshot()
