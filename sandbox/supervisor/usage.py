"""What instances use of the machine, looked at every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.control import InstanceUsage
from sandbox.errors import SandboxError
from sandbox.model import Limits, Project
from sandbox.runtime.base import Driver, Usage
from sandbox.supervisor.state import ClusterState, InstanceState
from sandbox.tasks import until_tick

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between looks: each reads some files for every process of the project."""


@dataclass(frozen=True, slots=True)
class Sample:
    at: float  # monotonic
    usage: Usage


class UsageWatch:
    """`run` looks for as long as it runs. heard: takes what each look found."""

    def __init__(
        self,
        driver: Driver,
        project: Callable[[], Project],
        state: Callable[[], ClusterState],
        heard: Callable[[tuple[InstanceUsage, ...]], None],
        *,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._driver = driver
        self._project = project
        self._state = state
        self._heard = heard
        self._interval = interval
        self._clock = clock
        self._before: Mapping[str, Sample] = {}
        self.now: tuple[InstanceUsage, ...] = ()

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except SandboxError as error:
                log.debug("instances can't be measured: %s", error)  # the runtime's own watch tells of its trouble
            await asyncio.sleep(until_tick(time.monotonic(), self._interval))

    async def look(self) -> None:
        usages = await self._driver.usage()
        samples = {usage.id: Sample(self._clock(), usage) for usage in usages}
        state = self._state()
        found = [
            _used(state.instances[id], sample, self._before.get(id), self._project())
            for id, sample in samples.items()
            if id in state.instances
        ]
        self._before = samples
        self.now = tuple(sorted(found, key=lambda one: (one.service, one.instance)))
        self._heard(self.now)


def _used(instance: InstanceState, now: Sample, before: Sample | None, project: Project) -> InstanceUsage:
    limits = _limits(instance, project)
    return InstanceUsage(
        instance=instance.id,
        service=instance.service,
        version=instance.version,
        cpu=_cores(now, before),
        cpu_limit=limits.cpus,
        memory=now.usage.memory,
        memory_limit=now.usage.memory_limit if now.usage.memory_limit is not None else limits.memory,
        open_files=now.usage.open_files,
        restarts=instance.restarts,
    )


def _cores(now: Sample, before: Sample | None) -> float:
    """0 at the first look, and for a process that took the place of another."""
    if before is None or now.at <= before.at:
        return 0.0
    return max(0.0, now.usage.cpu_seconds - before.usage.cpu_seconds) / (now.at - before.at)


def _limits(instance: InstanceState, project: Project) -> Limits:
    try:
        return project.services[instance.service].version(instance.version).limits
    except KeyError:
        return Limits()
