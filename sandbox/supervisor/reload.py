"""One reload from the save to the end of the old instances: what it led to and how long each step took. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.control import Status
from sandbox.events import Event, Kind, Severity
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.state import ClusterState, InstanceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Times are seconds since the epoch; None for what did not happen yet."""

    key: VersionKey
    generation: int  # of the instances that it leads to
    cause: str  # "app.py", "app.py and 3 more"
    began: float  # when the save was noticed
    asked: float  # when the reload was asked for
    started: float | None = None
    ready: float | None = None
    switched: float | None = None  # the last old instance left traffic


@dataclass(frozen=True, slots=True)
class Failed:
    instance: str | None  # whose log tells more
    reason: str


def cause_of(paths: Sequence[str], count: int) -> str:
    return paths[0] if count == 1 else f"{paths[0]} and {count - 1} more"


def look(reload: Reload, state: ClusterState, count: int, now: float) -> Reload | Failed | None:
    """The reload as far as it is now; None once it is over, and Failed when it came to nothing."""
    version = state.versions.get(reload.key)
    if version is not None and version.status is Status.FAILED and version.generation >= reload.generation:
        return Failed(None, version.reason or "it could not be prepared")
    known = [one for one in state.instances.values() if one.key == reload.key]
    new = [one for one in known if one.generation >= reload.generation]
    for one in new:
        if one.status in (Status.BACKOFF, Status.FAILED):
            return Failed(one.id, one.reason or "it ended")
    old = [one for one in known if one.generation < reload.generation]
    seen = _noted(reload, new, old, count, now)
    return None if seen.switched is not None and not old and seen.ready is not None else seen


def _noted(
    reload: Reload, new: Sequence[InstanceState], old: Sequence[InstanceState], count: int, now: float
) -> Reload:
    if reload.started is None and any(one.started_at is not None for one in new):
        reload = replace(reload, started=now)
    if reload.ready is None and sum(one.ready for one in new) >= count:
        reload = replace(reload, ready=now)
    if reload.switched is None and reload.ready is not None and not any(one.ready for one in old):
        reload = replace(reload, switched=now)
    return reload


def done(reload: Reload, now: float, start: str | None) -> Event:
    """What to tell of a reload that is over."""
    steps = (
        ("seen", reload.asked),
        ("started", reload.started),
        ("ready", reload.ready),
        ("switched", reload.switched),
        ("drained", now),
    )
    told = ", ".join(f"{name} {(at - reload.began) * 1000:.0f} ms" for name, at in steps if at is not None)
    ready = (reload.ready or now) - reload.began
    warm = ", warm start" if start == "warm" else ""
    return Event(
        kind=Kind.SERVICE_RELOADED,
        service=reload.key.service,
        message=f"{reload.key} reloaded in {ready:.2f} s after a save of {reload.cause} ({told}{warm})",
    )


def failed(reload: Reload, outcome: Failed, serves: bool) -> Event:
    meanwhile = "; the previous one serves on" if serves else ""
    return Event(
        kind=Kind.RELOAD_FAILED,
        severity=Severity.ERROR,
        service=reload.key.service,
        instance=outcome.instance,
        message=f"the reload of {reload.key} after a save of {reload.cause} failed: {outcome.reason}{meanwhile}",
    )
