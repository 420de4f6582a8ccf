"""Traces and single requests, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import quote

from sandbox.api.clients.transport import Transport, parameters
from sandbox.api.shapes import Dropped, SamplingRequest
from sandbox.control import Sampling, TappedRequest, TapQuery, Trace, TraceQuery, TracesControl, TraceSummary


class TracesClient(TracesControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        return await self._transport.get("/api/traces", tuple[TraceSummary, ...], parameters(query))

    async def get(self, trace: str) -> Trace:
        return await self._transport.get(f"/api/traces/{quote(trace, safe='')}", Trace)

    async def sampling(self, per_second: float | None = None, *, everything: bool = False) -> Sampling:
        if per_second is None and not everything:
            return await self._transport.get("/api/sampling", Sampling)
        return await self._transport.ask_for("PUT", "/api/sampling", Sampling, SamplingRequest(per_second, everything))

    async def tap(self, query: TapQuery) -> AsyncGenerator[TappedRequest, None]:
        async for one in self._transport.stream("/api/tap", parameters(query), TappedRequest):
            if not isinstance(one, Dropped):
                yield one
