"""Steering with scripted answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.control import (
    Change,
    ChangeResult,
    Explanation,
    Finding,
    Origin,
    Ramp,
    RampRequest,
    RampState,
    RequestHead,
    Revision,
    Saved,
    TrafficControl,
    TrafficState,
    Trial,
)


class FakeTraffic(TrafficControl):
    """calls: (method, arguments…) in order. failures: method name → what it raises instead of answering."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failures: dict[str, BaseException] = {}
        self.now = TrafficState(
            revision=1, policies={"steamer": {}}, versions={"steamer": ("v1", "v2"), "orders": ("v1",)}, drift=()
        )
        self.revisions: list[Revision] = []
        self.findings: tuple[Finding, ...] = ()
        self.faults: tuple[Finding, ...] = ()
        self.result: ChangeResult | None = None
        self.explanation: Explanation | None = None

    async def state(self) -> TrafficState:
        self._note("state")
        return self.now

    async def change(self, change: Change) -> ChangeResult:
        self._note("change", change)
        if self.result is not None:
            return self.result
        changed = tuple(dict.fromkeys(edit.service for edit in change.edits))
        diff = "--- in force\n+++ wanted\n"
        if change.dry_run:
            return ChangeResult(revision=None, changed=changed, diff=diff)
        return ChangeResult(revision=self._revise(changed, change.origin, change.why), changed=changed, diff=diff)

    async def history(self, limit: int = 50) -> tuple[Revision, ...]:
        self._note("history", limit)
        return tuple(reversed(self.revisions))[:limit]

    async def diff(self, number: int, against: int | None = None) -> str:
        self._note("diff", number, against)
        return f"--- revision {number}\n+++ revision {against}\n"

    async def drift(self) -> str:
        self._note("drift")
        return ""

    async def rollback(
        self,
        number: int | None = None,
        origin: Origin = Origin.API,
        why: str = "",
        if_revision: int | None = None,
        dry_run: bool = False,
    ) -> ChangeResult:
        self._note("rollback", number, origin, why, *([] if if_revision is None else [if_revision]))
        diff = "--- in force\n+++ wanted\n"
        if dry_run:
            return ChangeResult(revision=None, changed=("steamer",), diff=diff, against=3)
        return ChangeResult(revision=self._revise(("steamer",), origin, why or "back"), changed=("steamer",), diff=diff)

    async def start_trial(self, change: Change, seconds: float) -> Trial:
        self._note("start_trial", change, seconds)
        return self._trial(tuple(edit.service for edit in change.edits), seconds)

    async def end_trial(self, keep: bool) -> Trial:
        self._note("end_trial", keep)
        return self._trial(("steamer",), 60.0)

    async def start_ramp(self, request: RampRequest) -> Ramp:
        self._note("start_ramp", request)
        return _ramp(request.service, request.version, RampState.RUNNING)

    async def end_ramp(self, service: str) -> Ramp:
        self._note("end_ramp", service)
        return _ramp(service, "v2", RampState.CANCELLED)

    async def explain(self, request: RequestHead) -> Explanation:
        self._note("explain", request)
        return self.explanation or Explanation(request=request, answered_by="steamer v1", rules=(), steps=())

    async def lint(self) -> Sequence[Finding]:
        self._note("lint")
        return self.findings

    async def save(self, services: Sequence[str] = ()) -> Saved:
        self._note("save", tuple(services))
        return Saved(file="/app/sandbox.yaml", services=tuple(services) or ("steamer",), faults=self.faults)

    def _note(self, method: str, *arguments: Any) -> None:
        if error := self.failures.get(method):
            raise error
        if method not in {"state", "history", "lint", "drift", "diff", "explain"}:
            self.calls.append((method, *arguments))

    def _revise(self, services: tuple[str, ...], origin: Origin, why: str) -> Revision:
        number = self.now.revision + len(self.revisions) + 1
        summary = f"{', '.join(services)} changed"
        revision = Revision(number=number, at=1767268800.0, origin=origin, why=why, summary=summary, services=services)
        self.revisions.append(revision)
        return revision

    def _trial(self, services: tuple[str, ...], seconds: float) -> Trial:
        return Trial(
            revision=2, services=services, began_at=1767268800.0, ends_at=1767268800.0 + seconds, before={}, now={}
        )


def _ramp(service: str, version: str, state: RampState) -> Ramp:
    return Ramp(
        service=service,
        version=version,
        steps=(5, 25, 100),
        step=0,
        every=30.0,
        state=state,
        next_at=None,
        reason="the step is 30 s long",
        now=None,
    )
