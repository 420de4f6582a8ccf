"""Taking over what an earlier supervisor left running, without its traffic noticing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sandbox.control import Status
from sandbox.model import Project
from sandbox.runtime.base import Driver, Running
from sandbox.supervisor.state import LIVE, Adopted, InstanceState

_TAKEN_OVER = LIVE | {Status.STOPPING}
_OVER = frozenset({Status.STOPPED, Status.FAILED})
"""Of what is not started again by itself."""


async def adopt(
    driver: Driver, remembered: Sequence[InstanceState], project: Project, *, ended: bool = True
) -> list[Adopted]:
    """A fact for each running instance that is known and still wanted in some form; the others are stopped.

    What was ready stays ready: its first failed health checks, not the change of supervisors, take it out of traffic.
    What was being stopped may still finish what it was asked. `ended`: what was to run once and did is taken over too;
    not so where the rest is started from nothing, as in Compose.
    """
    known = {instance.id: instance for instance in remembered if instance.status in _TAKEN_OVER}
    over = [one for one in remembered if one.status in _OVER and _exists(one, project)] if ended else []
    adopted, strangers = [Adopted(instance) for instance in over], []
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
