"""Numbers over time."""

from __future__ import annotations

from sandbox.api.shapes import Exposition
from sandbox.control import Graph, InstanceUsage, MetricsAnswer, MetricsControl, MetricsQuery


class MetricsHandlers:
    def __init__(self, control: MetricsControl) -> None:
        self._control = control

    async def metrics(self, query: MetricsQuery) -> MetricsAnswer:
        """Series of numbers."""
        return await self._control.query(query)

    async def usage(self) -> tuple[InstanceUsage, ...]:
        """What each instance uses of the machine."""
        return await self._control.usage()

    async def graph(self) -> Graph:
        """Who calls whom, declared and observed, and how that goes."""
        return await self._control.graph()

    async def exposition(self) -> Exposition:
        """All numbers in Prometheus' text format."""
        return Exposition(await self._control.prometheus())
