"""Numbers over time, over HTTP."""

from __future__ import annotations

from sandbox.api.clients.transport import Transport, parameters
from sandbox.api.shapes import Exposition
from sandbox.control import Graph, InstanceUsage, MetricsAnswer, MetricsControl, MetricsQuery


class MetricsClient(MetricsControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        return await self._transport.get("/api/metrics", MetricsAnswer, parameters(query))

    async def usage(self) -> tuple[InstanceUsage, ...]:
        return await self._transport.get("/api/usage", tuple[InstanceUsage, ...])

    async def graph(self) -> Graph:
        return await self._transport.get("/api/graph", Graph)

    async def prometheus(self) -> str:
        return (await self._transport.get("/api/prometheus", Exposition)).text
