"""One health watch for every live instance, started and ended as the state changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.model import Healthcheck, HttpProbe, NoProbe, Project, TcpProbe
from sandbox.runtime.base import Driver
from sandbox.supervisor import health
from sandbox.supervisor.asking import Dial
from sandbox.supervisor.listening import listens_elsewhere
from sandbox.supervisor.state import LIVE, ClusterState, InstanceState, Probed
from sandbox.tasks import Tasks


@dataclass(frozen=True, slots=True)
class _Key:
    """A new process or another check needs a new watch."""

    instance: str
    pid: int | None
    started_at: float
    check: Healthcheck


class Probes:
    def __init__(self, driver: Driver, tell: Callable[[Probed], None], dial: Dial | None) -> None:
        self._driver = driver
        self._dial = dial
        self._tell = tell
        self._tasks = Tasks()
        self._watches: dict[_Key, asyncio.Task[None]] = {}

    def follow(self, state: ClusterState, project: Project) -> None:
        """Have exactly one watch for each live instance."""
        wanted = {key: instance for instance in state.instances.values() if (key := _key(instance, project))}
        for key in self._watches.keys() - wanted.keys():
            self._watches.pop(key).cancel()
        for key in wanted.keys() - self._watches.keys():
            self._watches[key] = self._tasks.spawn(self._watch(key, wanted[key]), name=f"probe {key.instance}")

    async def close(self) -> None:
        self._watches.clear()
        await self._tasks.close()

    async def _watch(self, key: _Key, instance: InstanceState) -> None:
        port = next(iter(instance.ports.values()), None)

        async def run(argv: tuple[str, ...], limit: float) -> tuple[int, str]:
            return await self._driver.run(key.instance, argv, limit)

        async def explain() -> str | None:
            return await listens_elsewhere(self._driver, instance)

        target = health.Target(
            instance=key.instance,
            pid=instance.pid,
            host=instance.host,
            port=port,
            started_at=key.started_at,
            check=key.check if port is not None or not _needs_port(key.check) else _always(key.check),
            ready=instance.ready,
        )
        await health.watch(target, self._tell, run, explain, self._dial)


def _key(instance: InstanceState, project: Project) -> _Key | None:
    if instance.status not in LIVE or instance.started_at is None or instance.service not in project.services:
        return None
    try:
        check = project.services[instance.service].version(instance.version).healthcheck
    except KeyError:
        return None
    return _Key(instance.id, instance.pid, instance.started_at, check)


def _needs_port(check: Healthcheck) -> bool:
    return isinstance(check.probe, HttpProbe | TcpProbe)


def _always(check: Healthcheck) -> Healthcheck:
    return replace(check, probe=NoProbe())
