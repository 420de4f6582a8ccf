"""Parts whose libraries take long to import, brought in by a thread while the services start."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.model.records import RequestRecord
from sandbox.proxy.bearer import Guarded
from sandbox.proxy.topology import Endpoints, Topology

_TRIES, _PAUSE = 300, 0.1  # half a minute: an image may have to be pulled first

if TYPE_CHECKING:
    from sandbox.proxy.control_plane import ControlPlane


async def imported(module: str) -> Any:
    return await asyncio.to_thread(importlib.import_module, module)


async def address_there(host: str) -> bool:
    """Whether this machine has the address, in the end: some engines give a network its address on the host only with
    its first container."""
    for _ in range(_TRIES):
        if host in await asyncio.to_thread(_own_addresses):
            return True
        await asyncio.sleep(_PAUSE)
    return False


def _own_addresses() -> set[str]:
    import psutil

    return {one.address for found in psutil.net_if_addrs().values() for one in found}


def _nobody(_what: object) -> None:
    pass


class LatePlane:
    """A control plane that is still to come. Implements `supervisor.proxy.ControlPlane`, and waits for `start`.

    on_spans, on_requests: hear what Envoy tells (`proxy.reports`); to be set when there is somebody to hear it.
    """

    def __init__(self, where: Path | Guarded) -> None:
        self._where = where
        self._plane: ControlPlane | None = None
        self._ready = asyncio.Event()
        self._sample: tuple[Mapping[str, float], int] | None = None
        self.on_spans: Callable[[bytes], None] = _nobody
        self.on_requests: Callable[[tuple[RequestRecord, ...]], None] = _nobody

    async def start(self) -> None:
        if isinstance(self._where, Guarded):
            await address_there(self._where.address.host)
        module = await imported("sandbox.proxy.control_plane")
        reports = module.Reports(spans=lambda body: self.on_spans(body), requests=lambda some: self.on_requests(some))
        plane: ControlPlane = module.ControlPlane(self._where, reports=reports)
        if self._sample is not None:
            plane.sample(*self._sample)
        await plane.start()
        self._plane = plane
        self._ready.set()

    async def close(self) -> None:
        if self._plane is not None:
            await self._plane.close()

    def sample(self, shares: Mapping[str, float], slow_ms: int) -> None:
        """As `ControlPlane.sample`, at any time."""
        self._sample = (shares, slow_ms)
        if self._plane is not None:
            self._plane.sample(shares, slow_ms)

    @property
    def rejected(self) -> tuple[str, ...]:
        return self._plane.rejected if self._plane is not None else ()

    async def wait_connected(self, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            await (await self._there()).wait_connected(timeout)

    async def apply(self, topology: Topology, endpoints: Endpoints) -> None:
        await (await self._there()).apply(topology, endpoints)

    async def _there(self) -> ControlPlane:
        await self._ready.wait()
        assert self._plane is not None  # `start` sets both
        return self._plane
