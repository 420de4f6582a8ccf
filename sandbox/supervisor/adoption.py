"""Taking over what an earlier supervisor left running, without its traffic noticing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sandbox.control import Status
from sandbox.model import Project
from sandbox.runtime.base import Driver, Running
from sandbox.supervisor.state import LIVE, Adopted, InstanceState

_TAKEN_OVER = LIVE | {Status.STOPPING}


async def adopt(driver: Driver, remembered: Iterable[InstanceState], project: Project) -> list[Adopted]:
    """A fact for each running instance that is known and still wanted in some form; the others are stopped.

    What was ready stays ready: its first failed health checks, not the change of supervisors, take it out of traffic.
    What was being stopped may still finish what it was asked.
    """
    known = {instance.id: instance for instance in remembered if instance.status in _TAKEN_OVER}
    adopted, strangers = [], []
    for running in await driver.running():
        instance = known.get(running.id)
        if instance is not None and _same(instance, running) and _exists(instance, project):
            adopted.append(Adopted(instance))
        else:
            strangers.append(running.id)
    await asyncio.gather(*(driver.stop(name, grace=1.0) for name in strangers))
    return adopted


def _same(instance: InstanceState, running: Running) -> bool:
    return instance.pid == running.pid and instance.container == running.container


def _exists(instance: InstanceState, project: Project) -> bool:
    service = project.services.get(instance.service)
    return service is not None and any(version.name == instance.version for version in service.versions)
