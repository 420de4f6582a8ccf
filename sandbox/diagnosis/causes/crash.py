"""A service that keeps ending."""

from __future__ import annotations

import re

from sandbox.control import Cause, Confidence, ServiceStatus, Status
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.graph import suffered
from sandbox.diagnosis.words import ago
from sandbox.events import Event, Kind

_PLACE = re.compile(r"[\w./-]+\.\w+:\d+: ")
_OUT_OF_MEMORY = "out of memory"
_TOLD_WITHIN = 5.0
"""Seconds after such an end in which a reload is told to have failed."""

_RECENT = 120.0
"""Seconds in which an end still explains errors of a service that is ready again."""

_WELL_AFTER = 15.0
"""Seconds after which an end is history for a service that is ready again, unless the numbers show what it cost."""


def out_of_memory(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    event = _last_end(evidence, service)
    reasons = [one.reason for one in service.instances if one.reason and _OUT_OF_MEMORY in one.reason]
    told = event is not None and _OUT_OF_MEMORY in event.message
    if not told and not reasons:
        return None
    words = reasons[0] if reasons else event.message if event else ""
    limits = {one.memory_limit for one in evidence.usage if one.service == service.name and one.memory_limit}
    return Cause(
        kind="out_of_memory",
        service=service.name,
        message=f"{service.name} was ended because it used more memory than it may",
        facts=(words, *(f"its limit is {limit >> 20} MB" for limit in sorted(limits))),
        command=f"raise deploy.resources.limits.memory of {service.name} in sandbox.yaml, then: sandbox up",
        confidence=Confidence.CERTAIN,
        at=event.at if event else None,
    )


def crash(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """With the exception and its file where the output told."""
    event = _last_end(evidence, service)
    reason = next((one.reason for one in service.instances if one.reason and "ended" in one.reason), None)
    if event is None and (reason is None or service.ready):
        return None
    if event is not None and service.ready and _is_history(evidence, event):
        return None
    words = reason or (event.message if event else "")
    if service.ready and service.status is Status.HEALTHY:
        words = words.partition("; next start")[0]
    ends = [one for one in evidence.events if _ended(one, service.name) and evidence.at - one.at <= _RECENT]
    how = f"{len(ends)} times in the last {_RECENT / 60:.0f} minutes" if len(ends) > 1 else "once"
    place = _PLACE.search(words)
    again = f", and {_again(evidence, event)}" if service.ready else "; it has no ready instance"
    return Cause(
        kind="recovered" if service.ready else "crash",
        service=service.name,
        message=f"{service.name} crashed{': ' + _exception(words) if place else ''}{again}",
        facts=(words, *([f"it ended {how}, the last time {ago(evidence.at - ends[-1].at)}"] if ends else [])),
        command=f"sandbox logs {service.name} --tail 20",
        confidence=Confidence.CERTAIN,
        at=event.at if event else None,
    )


def _exception(words: str) -> str:
    """ "app.py:3: KeyError: 'x'" out of a longer sentence."""
    found = _PLACE.search(words)
    assert found is not None
    return re.split(r" \((?:exit code|killed)|; (?:next start|the previous|its restart)", words[found.start() :])[0]


def _last_end(evidence: Evidence, service: ServiceStatus) -> Event | None:
    event = evidence.newest(Kind.INSTANCE_BACKOFF, Kind.INSTANCE_FAILED, service=service.name)
    return event if event is not None and (not service.ready or evidence.at - event.at <= _RECENT) else None


def _is_history(evidence: Evidence, end: Event) -> bool:
    if _was_of_a_reload(evidence, end):
        return True
    age = evidence.at - end.at
    fresh = age <= _WELL_AFTER and _reloaded_since(evidence, end) is None
    healthy = evidence.newest(Kind.INSTANCE_HEALTHY, service=end.service)
    away_until = max(end.at, healthy.at if healthy else 0.0)
    return not fresh and not suffered(evidence, end.service or "", away_until)


def _was_of_a_reload(evidence: Evidence, end: Event) -> bool:
    """What was to replace others and did not come up, however often it was tried: those never stopped serving."""
    failed = evidence.newest(Kind.RELOAD_FAILED, service=end.service)
    if failed is None:
        return False
    same = end.instance is not None and failed.instance == end.instance
    return same or 0 <= failed.at - end.at <= _TOLD_WITHIN


def _reloaded_since(evidence: Evidence, end: Event) -> Event | None:
    event = evidence.newest(Kind.SERVICE_RELOADED, service=end.service)
    return event if event is not None and event.at >= end.at else None


def _again(evidence: Evidence, end: Event | None) -> str:
    mended = _reloaded_since(evidence, end) if end is not None else None
    return f"other code was loaded {ago(evidence.at - mended.at)}" if mended else "runs again"


def _ended(event: Event, service: str) -> bool:
    return event.service == service and event.kind in (Kind.INSTANCE_BACKOFF, Kind.INSTANCE_FAILED)
