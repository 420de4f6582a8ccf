"""What the page shows, drawn."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.api.shapes import Charts, Picture
from sandbox.control import Control, Marker, markers
from sandbox.errors import NotFoundError
from sandbox.pictures.callgraph import call_graph
from sandbox.pictures.panels import panels, query

_SPAN = 15 * 60.0
_POINTS = 120  # of a chart; marks within one of them are one


class PicturesHandlers:
    def __init__(self, control: Control, clock: Callable[[], float] = time.time) -> None:
        self._control = control
        self._clock = clock

    async def charts(self, service: str) -> Charts:
        """A service's last quarter of an hour, as SVG."""
        if service not in {one.name for one in (await self._control.status()).services}:
            raise NotFoundError("no such service", place=service)
        now = self._clock()
        answer = await self._control.metrics.query(query(service, now - _SPAN, now))
        return Charts(tuple(panels(answer, await self._markers(service, now))))

    async def graph_picture(self) -> Picture:
        """Who calls whom, as SVG."""
        return Picture(call_graph(await self._control.metrics.graph()))

    async def _markers(self, service: str, now: float) -> tuple[Marker, ...]:
        events = [event async for event in self._control.events()]
        return markers(events, since=now - _SPAN, until=now, service=service, together=_SPAN / _POINTS)
