"""What alerts are judged by: status, numbers, events, the disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sandbox.control import Metric, MetricsControl, ProjectStatus
from sandbox.daemon import numbers
from sandbox.daemon.alerting import free_disk
from sandbox.errors import SandboxError
from sandbox.events import Bus
from sandbox.model import Project
from sandbox.telemetry.alerts.budget import WINDOWS
from sandbox.telemetry.alerts.builtin import CRASHES_WITHIN
from sandbox.telemetry.alerts.fresh import fresh, since_change
from sandbox.telemetry.alerts.observation import LOOKS_BACK, Asked, Numbers, Observation

_BUILT_IN = {Metric.REQUESTS, Metric.ERRORS, Metric.RETRIES, Metric.OVERFLOWS}

_OF_BUDGETS = (Metric.REQUESTS, Metric.ERRORS)

_BUDGET_EVERY = 30.0
"""Seconds for which what was found of the long windows still holds."""


class Observer:
    def __init__(
        self,
        state: Path,
        bus: Bus,
        status: Callable[[], ProjectStatus],
        project: Callable[[], Project],
        metrics: Callable[[], MetricsControl],
        certificate_days: Callable[[], Awaitable[float | None]],
    ) -> None:
        self._state = state
        self._bus = bus
        self._status = status
        self._project = project
        self._metrics = metrics
        self._certificate_days = certificate_days
        self._windows: Mapping[str, Mapping[float, Asked]] = {}
        self._windows_until = 0.0

    async def __call__(self) -> Observation:
        """What can't be known is left out: the rest is judged all the same."""
        now = time.time()
        free, size = await asyncio.to_thread(free_disk, self._state)
        metrics = self._metrics()
        counted, timed = wanted(self._project())
        try:
            edges = await numbers.edges(metrics, now=now, seconds=LOOKS_BACK, counted=counted, timed=timed)
            called = await numbers.services(metrics, edges, now=now, seconds=LOOKS_BACK, timed=timed)
            usage = await metrics.usage()
            windows = await self._budget(metrics, now)
        except SandboxError:
            edges, called, usage, windows = {}, {}, (), {}
        seen = Observation(
            at=now,
            services=self._status().services,
            numbers=called,
            edges=edges,
            windows=windows,
            usage=usage,
            events=self._bus.recent(now, CRASHES_WITHIN),
            disk_free=free,
            disk_size=size,
            certificate_days=await self._certificate_days(),
        )
        return replace(seen, fresh=await self._fresh(seen, (*counted, *timed)))

    async def _fresh(self, seen: Observation, wanted: Sequence[Metric]) -> Observation | None:
        since = since_change(seen.events, seen.at)
        if since is None:
            return None
        ask = partial(numbers.between, self._metrics(), start=since.start, end=since.end, wanted=wanted)
        try:
            edges = await ask(numbers.EDGE)
            called = await ask(("callee",))
        except SandboxError:
            return None
        by_edge = {(caller, callee): found for (caller, callee), found in edges.items()}
        return fresh(seen, since, by_edge, {name: found for (name,), found in called.items()})

    async def _budget(self, metrics: MetricsControl, now: float) -> Mapping[str, Mapping[float, Asked]]:
        promised = any(one.objectives.availability is not None for one in self._project().services.values())
        if promised and time.monotonic() >= self._windows_until:
            found: dict[str, dict[float, Asked]] = {}
            for window in WINDOWS:
                asked = await numbers.counts(metrics, ("callee",), now=now, seconds=window, wanted=_OF_BUDGETS)
                for (service,), values in asked.items():
                    found.setdefault(service, {})[window] = _asked(values)
            self._windows, self._windows_until = found, time.monotonic() + _BUDGET_EVERY
        return self._windows if promised else {}


def wanted(project: Project) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Rates and quantiles that a project's alerts speak of: a look every few seconds should ask for no more."""
    own = {Metric(rule.condition.metric) for rule in project.alerts.rules}
    promised = {Metric(name) for service in project.services.values() for name in service.objectives.latency}
    timed = tuple(metric for metric in numbers.QUANTILES if metric in own | promised)
    return tuple(metric for metric in numbers.RATES if metric in _BUILT_IN | own), timed


def _asked(values: Numbers) -> Asked:
    return Asked(values.get(Metric.REQUESTS) or 0.0, values.get(Metric.ERRORS) or 0.0)
