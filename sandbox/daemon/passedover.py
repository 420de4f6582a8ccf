"""Tells of versions that rules name and that get no traffic, as instances and policies come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.control import ServiceStatus
from sandbox.events import Bus, Kind
from sandbox.supervisor.passedover import Missing, changes, missing
from sandbox.tasks import Tasks


class PassedOverWatch:
    """`look` whenever an instance has changed; that policies have it hears by itself.

    services: as they are now, with what is passed over.
    """

    def __init__(self, bus: Bus, services: Callable[[], Sequence[ServiceStatus]]) -> None:
        self._bus = bus
        self._services = services
        self._known: Missing = {}

    def open(self, tasks: Tasks) -> None:
        tasks.spawn(self._run(), name="hear of policies")

    async def _run(self) -> None:
        with self._bus.subscribe() as subscription:
            async for event in subscription:
                if event.kind is Kind.POLICY_APPLIED:
                    self.look()

    def look(self) -> None:
        before, now = self._known, missing(self._services())
        self._known = {**before, **now}
        for event in changes(before, now):
            self._bus.publish(event)
