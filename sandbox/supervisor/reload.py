"""One reload from the save to the end of the old instances: what it led to and how long each step took. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.control import Status
from sandbox.events import Event, Kind, ReloadReport, Severity
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.state import ClusterState, InstanceState
from sandbox.supervisor.views import SERVES_ON

DRAIN_AWAITED = 1.0
"""Seconds after the switch in which the old instances' end is waited for before the reload is told of."""

_NAMED = 20
_NO_GOOD = (Status.BACKOFF, Status.FAILED, Status.UNHEALTHY)


@dataclass(frozen=True, slots=True)
class Cause:
    """The first of the files that were saved, and how many there were; none when it was asked for by hand."""

    files: tuple[str, ...] = ()
    count: int = 0

    def __str__(self) -> str:
        match self.count:
            case 0:
                return "by hand"
            case 1:
                return f"after a save of {self.files[0]}"
            case _:
                return f"after a save of {self.files[0]} and {self.count - 1} more"

    def and_before(self, earlier: Cause) -> Cause:
        """With what the reload was for that this one takes the place of."""
        files = tuple(dict.fromkeys((*self.files, *earlier.files)))
        known = len(set(self.files) & set(earlier.files))
        return Cause(files[:_NAMED], self.count + earlier.count - known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Times are seconds since the epoch; None for what did not happen yet."""

    key: VersionKey
    name: str  # of the service, with the version where it has several
    generation: int  # of the instances that it leads to
    cause: Cause
    began: float  # the save
    asked: float  # when the reload was asked for
    started: float | None = None
    ready: float | None = None
    switched: float | None = None  # the last old instance left traffic
    drained: float | None = None  # the last old instance ended


@dataclass(frozen=True, slots=True)
class Failed:
    instance: str | None  # whose log tells more
    reason: str


def look(reload: Reload, state: ClusterState, count: int, now: float) -> Reload | Failed:
    """The reload as far as it is now, and Failed when it came to nothing."""
    if not count:
        return Failed(None, "it was stopped")
    version = state.versions.get(reload.key)
    if version is not None and version.status is Status.FAILED and version.generation >= reload.generation:
        return Failed(None, version.reason or "it could not be prepared")
    known = [one for one in state.instances.values() if one.key == reload.key]
    new = [one for one in known if one.generation >= reload.generation]
    for one in new if reload.switched is None else ():
        if one.status in _NO_GOOD:
            return Failed(one.id, one.ended or one.reason or "it ended")
    return _noted(reload, new, [one for one in known if one.generation < reload.generation], count, now)


def is_over(reload: Reload, now: float) -> bool:
    """Streams may be drained for long; nobody waits for that to hear of the new code."""
    return reload.drained is not None or (reload.switched is not None and now >= reload.switched + DRAIN_AWAITED)


def _noted(
    reload: Reload, new: Sequence[InstanceState], old: Sequence[InstanceState], count: int, now: float
) -> Reload:
    if reload.started is None and any(one.started_at is not None for one in new):
        reload = replace(reload, started=now)
    if reload.ready is None and sum(one.ready or one.completed for one in new) >= count:
        reload = replace(reload, ready=now)
    if reload.switched is None and reload.ready is not None and not any(one.ready for one in old):
        reload = replace(reload, switched=now)
    if reload.drained is None and reload.switched is not None and not old:
        reload = replace(reload, drained=now)
    return reload


# --- telling ------------------------------------------------------------------------------------------------------


def done(reload: Reload, start: str | None) -> Event:
    """What to tell of a reload that is over."""
    report = _report(reload, start=start)
    took = report.seconds.get("ready", 0.0)
    unit, factor = ("ms", 1000) if max(report.seconds.values()) < 10 else ("s", 1)
    steps = ", ".join(f"{step} {seconds * factor:.0f}" for step, seconds in report.seconds.items())
    warm = ", warm start" if start == "warm" else ""
    drains = "" if reload.drained else "; the previous one still finishes what it was asked"
    return Event(
        kind=Kind.SERVICE_RELOADED,
        service=reload.key.service,
        message=f"{reload.name} reloaded in {took:.2f} s {reload.cause}{warm} ({steps} {unit}{drains})",
        reload=report,
    )


def failed(reload: Reload, outcome: Failed, serves: bool) -> Event:
    meanwhile = SERVES_ON if serves else ""
    return Event(
        kind=Kind.RELOAD_FAILED,
        severity=Severity.ERROR,
        service=reload.key.service,
        instance=outcome.instance,
        message=f"{reload.name} failed to reload {reload.cause}: {outcome.reason}{meanwhile}",
        reload=_report(reload, error=f"{outcome.reason}{meanwhile}"),
    )


def _report(reload: Reload, *, start: str | None = None, error: str | None = None) -> ReloadReport:
    steps = {
        "seen": reload.asked,
        "started": reload.started,
        "ready": reload.ready,
        "switched": reload.switched,
        "drained": reload.drained,
    }
    return ReloadReport(
        version=reload.key.version,
        generation=reload.generation,
        files=reload.cause.files,
        count=reload.cause.count,
        seconds={step: round(at - reload.began, 4) for step, at in steps.items() if at is not None},
        start=start,
        error=error,
    )
