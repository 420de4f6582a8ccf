"""Alerts, and why something is wrong."""

from __future__ import annotations

from sandbox.api.shapes import AlertsQuery, SilenceRequest, WhyQuery
from sandbox.control import Alert, AlertsControl, Diagnosis, DiagnosisControl


class AlertsHandlers:
    def __init__(self, alerts: AlertsControl, diagnosis: DiagnosisControl) -> None:
        self._alerts = alerts
        self._diagnosis = diagnosis

    async def alerts(self, query: AlertsQuery) -> tuple[Alert, ...]:
        """What is wrong, worst first."""
        return await self._alerts.alerts(resolved=query.resolved)

    async def silence(self, body: SilenceRequest) -> None:
        """Say nothing of an alert for a while."""
        await self._alerts.silence(body.rule, body.subject, body.seconds)

    async def why(self, query: WhyQuery) -> Diagnosis:
        """Why something is wrong: the deepest cause, its evidence and the next step."""
        return await self._diagnosis.why(query.target)
