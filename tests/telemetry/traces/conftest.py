from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from sandbox.control import Trace, TraceQuery
from sandbox.errors import NotFoundError
from sandbox.model import OtlpExport
from sandbox.telemetry.traces.service import TraceService
from tests.telemetry.traces.build import no_limits, nowhere

T = TypeVar("T")
DEADLINE = 15.0


class Desk:
    """A service of traces, and what it told the proxy and people. `sample` may be set to the proxy's own."""

    def __init__(self, path: Path, *, per_second: float | None) -> None:
        self.shares: list[tuple[float, ...]] = []
        self.said: list[str] = []
        self.per_second = per_second
        self.export: OtlpExport | None = None
        self.sample: Callable[[float, float, float], None] = lambda *_: None
        self.service = TraceService(
            path,
            sample=self._sample,
            instance_at=nowhere,
            limits_of=no_limits,
            complain=self.said.append,
            per_second=lambda: self.per_second,
            export=lambda: self.export,
        )

    def _sample(self, *shares: float) -> None:
        self.shares.append(shares)
        self.sample(*shares)

    async def trace(self, id: str, spans: int) -> Trace:
        """Once it has so many."""
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    found = await self.service.get(id)
                    if len(found.spans) >= spans:
                        return found
                except NotFoundError:
                    pass
                await asyncio.sleep(0.02)

    async def only(self) -> str:
        """The id of the only trace there is, once it is."""
        async with asyncio.timeout(DEADLINE):
            while not (found := await self.service.search(TraceQuery())):
                await asyncio.sleep(0.02)
        assert len(found) == 1
        return found[0].id


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "traces.db", per_second=None)
    await desk.service.open()
    yield desk
    await desk.service.close()
