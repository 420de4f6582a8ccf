"""Alerts, causes and background traffic, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sandbox.daemon.alerting import Alerting
from sandbox.daemon.certificates import Certificates
from sandbox.daemon.diagnosing import Diagnosing, Sources
from sandbox.daemon.faultwatch import FaultWatch
from sandbox.daemon.notices import Notices
from sandbox.daemon.notify import Notifier
from sandbox.daemon.observing import Observer
from sandbox.daemon.trickle import Trickling
from sandbox.paths import ProjectPaths
from sandbox.proxy.bearer import Guarded
from sandbox.tasks import Tasks

Admin = Callable[[], Path | Guarded]


class Explaining:
    """Each attribute is a part of the control."""

    def __init__(self, paths: ProjectPaths, notices: Notices, tasks: Tasks, sources: Sources, admin: Admin) -> None:
        bus = sources.bus
        self._tasks = tasks
        self._faults = FaultWatch(bus, sources.policies)
        self._notifier = Notifier(notices)
        certificates = Certificates(admin)
        observe = Observer(paths.state, bus, sources.status, sources.project, sources.metrics, certificates.days)
        self.alerts = Alerting(paths.alerts, bus, sources.project, observe, self._notifier.tell)
        self.diagnosis = Diagnosing(sources)
        self.load = Trickling(paths, bus, tasks, sources.status, sources.project)

    def open(self) -> None:
        self._faults.open(self._tasks)
        self._notifier.open(self._tasks)
        self.alerts.open(self._tasks)
        self.load.open()

    def forget(self) -> None:
        """The project ends: the next one begins with nothing of this."""
        self.alerts.forget()
        self.load.forget()
