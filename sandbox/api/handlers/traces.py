"""Traces and single requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sandbox.api.shapes import SamplingRequest
from sandbox.control import Sampling, TappedRequest, TapQuery, Trace, TraceQuery, TracesControl, TraceSummary


class TracesHandlers:
    def __init__(self, control: TracesControl) -> None:
        self._control = control

    async def traces(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        """Traces that fit."""
        return await self._control.search(query)

    async def trace(self, id: str) -> Trace:
        """One trace, by its id or the beginning of it."""
        return await self._control.get(id)

    async def sampling(self) -> Sampling:
        """How many traces are kept."""
        return await self._control.sampling()

    async def set_sampling(self, body: SamplingRequest) -> Sampling:
        """Change how many traces are kept."""
        return await self._control.sampling(body.per_second, everything=body.everything)

    def tap(self, query: TapQuery) -> AsyncIterator[TappedRequest]:
        """Requests as they happen, one JSON object a line."""
        return self._control.tap(query)
