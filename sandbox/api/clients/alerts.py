"""Alerts, and why something is wrong, over HTTP."""

from __future__ import annotations

from sandbox.api.clients.transport import Transport
from sandbox.api.shapes import SilenceRequest
from sandbox.control import Alert, AlertsControl, Diagnosis, DiagnosisControl


class AlertsClient(AlertsControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def alerts(self, *, resolved: bool = False) -> tuple[Alert, ...]:
        parameters = [("resolved", 1)] if resolved else []
        return await self._transport.get("/api/alerts", tuple[Alert, ...], parameters)

    async def silence(self, rule: str, subject: str | None, seconds: float) -> None:
        await self._transport.send("POST", "/api/alerts/silence", SilenceRequest(rule, seconds, subject))


class DiagnosisClient(DiagnosisControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def why(self, target: str | None = None) -> Diagnosis:
        return await self._transport.get("/api/why", Diagnosis, [("target", target)] if target else [])
