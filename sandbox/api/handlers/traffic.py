"""Steering."""

from __future__ import annotations

from sandbox.api.shapes import (
    Diff,
    DiffQuery,
    EndTrialRequest,
    HistoryQuery,
    RollbackRequest,
    ServicesRequest,
    TrialRequest,
)
from sandbox.control import (
    Change,
    ChangeResult,
    Explanation,
    Finding,
    Ramp,
    RampRequest,
    RequestHead,
    Revision,
    Saved,
    TrafficControl,
    TrafficState,
    Trial,
)
from sandbox.errors import UsageError

_MOST_DIGITS = 18


class TrafficHandlers:
    def __init__(self, control: TrafficControl) -> None:
        self._control = control

    async def traffic(self) -> TrafficState:
        """The policies in force, and what differs from the file."""
        return await self._control.state()

    async def change_traffic(self, body: Change) -> ChangeResult:
        """Change policies, all of the edits or none."""
        return await self._control.change(body)

    async def traffic_revisions(self, query: HistoryQuery) -> tuple[Revision, ...]:
        """What changed, the newest first."""
        return await self._control.history(query.limit)

    async def traffic_diff(self, number: str, query: DiffQuery) -> Diff:
        """The difference between two revisions."""
        if not number.isascii() or not number.isdigit() or len(number) > _MOST_DIGITS:
            raise UsageError("is no number of a revision", place=number)
        return Diff(await self._control.diff(int(number), query.against))

    async def traffic_drift(self) -> Diff:
        """The difference between the file and what is in force."""
        return Diff(await self._control.drift())

    async def rollback_traffic(self, body: RollbackRequest) -> ChangeResult:
        """Go back to a revision."""
        return await self._control.rollback(body.number, body.origin, body.why, body.if_revision, body.dry_run)

    async def try_traffic(self, body: TrialRequest) -> Trial:
        """Change policies for a while."""
        return await self._control.start_trial(body.change, body.seconds)

    async def end_trial(self, body: EndTrialRequest) -> Trial:
        """Keep what is being tried, or end it early."""
        return await self._control.end_trial(body.keep)

    async def ramp_traffic(self, body: RampRequest) -> Ramp:
        """Give a version more and more of the traffic."""
        return await self._control.start_ramp(body)

    async def end_ramp(self, service: str) -> Ramp:
        """Stop giving a version more of the traffic, and go back."""
        return await self._control.end_ramp(service)

    async def explain_traffic(self, body: RequestHead) -> Explanation:
        """Where a request would go, and why."""
        return await self._control.explain(body)

    async def lint_traffic(self) -> tuple[Finding, ...]:
        """What is questionable about the policies in force."""
        return tuple(await self._control.lint())

    async def save_traffic(self, body: ServicesRequest) -> Saved:
        """Write the policies in force into the project's file."""
        return await self._control.save(body.services)
