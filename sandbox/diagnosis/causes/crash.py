"""A service that keeps ending."""

from __future__ import annotations

import re

from sandbox.control import Cause, Confidence, ServiceStatus
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.words import ago
from sandbox.events import Event, Kind

_PLACE = re.compile(r"[\w./-]+\.\w+:\d+: ")
_OUT_OF_MEMORY = "out of memory"
_TOLD_WITHIN = 5.0
"""Seconds after such an end in which a reload is told to have failed."""

_RECENT = 120.0
"""Seconds in which an end still explains errors of a service that is ready again."""


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
    if event is not None and service.ready and _was_of_a_reload(evidence, event):
        return None
    words = reason or (event.message if event else "")
    ends = [one for one in evidence.events if _ended(one, service.name) and evidence.at - one.at <= _RECENT]
    how = f"{len(ends)} times in the last {_RECENT / 60:.0f} minutes" if len(ends) > 1 else "once"
    place = _PLACE.search(words)
    again = ", and runs again" if service.ready else "; it has no ready instance"
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


def _was_of_a_reload(evidence: Evidence, end: Event) -> bool:
    """What was to replace others and did not come up: those never stopped serving."""
    failed = evidence.newest(Kind.RELOAD_FAILED, service=end.service)
    return failed is not None and 0 <= failed.at - end.at <= _TOLD_WITHIN


def _ended(event: Event, service: str) -> bool:
    return event.service == service and event.kind in (Kind.INSTANCE_BACKOFF, Kind.INSTANCE_FAILED)
