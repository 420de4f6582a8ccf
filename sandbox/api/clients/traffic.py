"""Steering, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from sandbox.api.clients.transport import Transport
from sandbox.api.shapes import (
    Diff,
    EndTrialRequest,
    RollbackRequest,
    ServicesRequest,
    TrialRequest,
)
from sandbox.control import (
    Change,
    ChangeResult,
    Explanation,
    Finding,
    Origin,
    Ramp,
    RampRequest,
    RequestHead,
    Revision,
    Saved,
    TrafficControl,
    TrafficState,
    Trial,
)


class TrafficClient(TrafficControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def state(self) -> TrafficState:
        return await self._transport.get("/api/traffic", TrafficState)

    async def change(self, change: Change) -> ChangeResult:
        return await self._transport.ask_for("POST", "/api/traffic/changes", ChangeResult, change)

    async def history(self, limit: int = 50) -> tuple[Revision, ...]:
        return await self._transport.get("/api/traffic/revisions", tuple[Revision, ...], [("limit", limit)])

    async def diff(self, number: int, against: int | None = None) -> str:
        parameters = [("against", against)] if against is not None else []
        return (await self._transport.get(f"/api/traffic/revisions/{number}/diff", Diff, parameters)).diff

    async def drift(self) -> str:
        return (await self._transport.get("/api/traffic/drift", Diff)).diff

    async def rollback(
        self,
        number: int | None = None,
        origin: Origin = Origin.API,
        why: str = "",
        if_revision: int | None = None,
        dry_run: bool = False,
    ) -> ChangeResult:
        body = RollbackRequest(number=number, origin=origin, why=why, if_revision=if_revision, dry_run=dry_run)
        return await self._transport.ask_for("POST", "/api/traffic/rollback", ChangeResult, body)

    async def start_trial(self, change: Change, seconds: float) -> Trial:
        return await self._transport.ask_for("POST", "/api/traffic/trial", Trial, TrialRequest(change, seconds))

    async def end_trial(self, keep: bool) -> Trial:
        return await self._transport.ask_for("POST", "/api/traffic/trial/end", Trial, EndTrialRequest(keep))

    async def start_ramp(self, request: RampRequest) -> Ramp:
        return await self._transport.ask_for("POST", "/api/traffic/ramps", Ramp, request)

    async def end_ramp(self, service: str) -> Ramp:
        return await self._transport.ask_for("POST", f"/api/traffic/ramps/{quote(service, safe='')}/end", Ramp)

    async def explain(self, request: RequestHead) -> Explanation:
        return await self._transport.ask_for("POST", "/api/traffic/explain", Explanation, request)

    async def lint(self) -> Sequence[Finding]:
        return await self._transport.get("/api/traffic/lint", tuple[Finding, ...])

    async def save(self, services: Sequence[str] = ()) -> Saved:
        return await self._transport.ask_for("POST", "/api/traffic/save", Saved, ServicesRequest(tuple(services)))
