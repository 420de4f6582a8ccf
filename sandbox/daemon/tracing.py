"""Traces of one project: Envoy and the receiver tell, the service keeps, and Envoy is told how much to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.control import (
    Sampling,
    TappedRequest,
    TapQuery,
    Trace,
    TraceQuery,
    TracesControl,
    TraceSummary,
)
from sandbox.daemon.late import LatePlane, imported
from sandbox.model import TelemetrySettings, TrafficPolicy
from sandbox.model.records import RequestRecord
from sandbox.supervisor.cluster import Cluster

if TYPE_CHECKING:
    from sandbox.telemetry.otlp_signals import Arrival, Verdict
    from sandbox.telemetry.traces.service import TraceService
    from sandbox.telemetry.traces.story import Limits


class LateTraces(TracesControl):
    """The traces of a service that is still to come; every question waits for it."""

    def __init__(self) -> None:
        self._coming: asyncio.Future[TraceService] = asyncio.get_running_loop().create_future()

    def came(self, service: TraceService) -> None:
        self._coming.set_result(service)

    async def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        return await (await self._there()).search(query)

    async def get(self, trace: str) -> Trace:
        return await (await self._there()).get(trace)

    async def sampling(self, per_second: float | None = None, *, everything: bool = False) -> Sampling:
        return await (await self._there()).sampling(per_second, everything=everything)

    async def tap(self, query: TapQuery) -> AsyncIterator[TappedRequest]:
        async with aclosing((await self._there()).tap(query)) as stream:
            async for one in stream:
                yield one

    async def _there(self) -> TraceService:
        return await asyncio.shield(self._coming)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who tells, and who is told. policy: of a callee, as it is now."""

    path: Path
    cluster: Cluster
    plane: LatePlane
    policy: Callable[[str], TrafficPolicy | None]
    complain: Callable[[str], None]


class Tracing:
    """`control` is there from the beginning; `open` brings the rest."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._service: TraceService | None = None
        self._instances: Mapping[str, str] = {}  # by address
        self._state: object = None  # of which they are
        self.control = LateTraces()

    async def open(self, stack: AsyncExitStack) -> None:
        module = await imported("sandbox.telemetry.traces.service")
        keys = await imported("sandbox.proxy.tracing")

        def sample(traced: float, told: float, trouble: float) -> None:
            shares = {keys.TRACES: traced, keys.TAP: told, keys.TROUBLE: trouble}
            self._told.plane.sample(shares, round(module.SLOW * 1000))

        service: TraceService = module.TraceService(
            self._told.path,
            sample=sample,
            instance_at=self._instance_at,
            limits_of=await self._limits_of(),
            complain=self._told.complain,
            per_second=lambda: self._settings.traces_per_second,
            export=lambda: self._settings.export,
        )
        await service.open()
        stack.push_async_callback(service.close)
        self._service = service
        self._told.plane.on_spans, self._told.plane.on_requests = service.from_proxy, service.records
        self.control.came(service)

    def arrived(self, arrival: Arrival) -> Verdict:
        """Of services. After `open`."""
        assert self._service is not None
        return self._service.arrived(arrival)

    def recent_heads(self, within: float = 600.0) -> tuple[RequestRecord, ...]:
        """A sample of the requests of the last `within` seconds, oldest first; none before `open`."""
        return self._service.recent_heads(within) if self._service is not None else ()

    @property
    def _settings(self) -> TelemetrySettings:
        return self._told.cluster.desired.project.settings.telemetry

    def _instance_at(self, address: str) -> str | None:
        state = self._told.cluster.state
        if state is not self._state:
            self._instances = {
                f"{one.host}:{port}": one.id for one in state.instances.values() for port in one.ports.values()
            }
            self._state = state
        return self._instances.get(address)

    async def _limits_of(self) -> Callable[[str, str], Limits]:
        story, names = await imported("sandbox.telemetry.traces.story"), await imported("sandbox.proxy.names")
        limits: type[Limits] = story.Limits

        def limits_of(callee: str, route: str) -> Limits:
            """By today's policy; what no rule matched has no limits."""
            policy = self._told.policy(callee)
            for number, one in enumerate(policy.rules if policy is not None else (), 1):
                if names.route_name(callee, number) == route:
                    title = f"rule {one.name or number}"
                    return limits(one.timeouts.request, one.retry.attempts + 1 if one.retry else None, title)
            return limits()

        return limits_of
