"""Events as marks on a chart's time axis. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.events import Event, Kind, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """at: seconds since the epoch, of the first of its events. count: events that it stands for."""

    at: float
    sort: str  # save | policy | fault | scale | restart | failure | alert | proxy | project
    label: str
    severity: Severity
    services: tuple[str, ...]  # empty: all
    count: int = 1


SORTS: Mapping[Kind, str] = {
    Kind.SERVICE_RELOADED: "save",
    Kind.SERVICE_SYNCED: "save",
    Kind.RELOAD_FAILED: "save",
    Kind.POLICY_APPLIED: "policy",
    Kind.VERSION_PASSED_OVER: "policy",
    Kind.FAULT_INJECTED: "fault",
    Kind.FAULT_REMOVED: "fault",
    Kind.SERVICE_SCALED: "scale",
    Kind.SERVICE_RESTARTED: "restart",
    Kind.INSTANCE_BACKOFF: "failure",
    Kind.INSTANCE_FAILED: "failure",
    Kind.INSTANCE_UNHEALTHY: "failure",
    Kind.BUILD_FAILED: "failure",
    Kind.ALERT_FIRING: "alert",
    Kind.ALERT_RESOLVED: "alert",
    Kind.PROXY_EXITED: "proxy",
    Kind.PROXY_REFUSED: "proxy",
    Kind.ENGINE_TOLD: "proxy",
    Kind.PROJECT_RECOVERED: "project",
    Kind.LOAD_CHANGED: "project",
}
"""Kinds that belong on a chart; the others are steps on the way to one of these."""

_SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def markers(
    events: Iterable[Event], *, since: float, until: float, service: str | None = None, together: float = 0.0
) -> tuple[Marker, ...]:
    """Of a stretch of time, in its order. What belongs to other services than `service` is left out.

    together: seconds within which marks of one sort become one, which is what a chart's column stands for.
    """
    found: list[Marker] = []
    for event in sorted(events, key=lambda event: (event.at, event.sequence)):
        sort = SORTS.get(event.kind)
        if sort is None or not since <= event.at <= until or (service and event.service not in (None, service)):
            continue
        near = next((at for at, one in enumerate(found) if one.sort == sort and event.at - one.at < together), None)
        if near is None:
            found.append(_marker(event, sort))
        else:
            found[near] = _joined(found[near], event)
    return tuple(found)


def _marker(event: Event, sort: str) -> Marker:
    services = (event.service,) if event.service else ()
    return Marker(at=event.at, sort=sort, label=event.message, severity=event.severity, services=services)


def _joined(marker: Marker, event: Event) -> Marker:
    worse = max(marker.severity, event.severity, key=_SEVERITIES.index)
    named = tuple(dict.fromkeys((*marker.services, *([event.service] if event.service else []))))
    label = event.message if worse is not marker.severity else marker.label
    return Marker(at=marker.at, sort=marker.sort, label=label, severity=worse, services=named, count=marker.count + 1)
