"""A service without a ready instance."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, InstanceStatus, ServiceStatus, Status
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.graph import suffered
from sandbox.diagnosis.words import ago, clock
from sandbox.events import Event, Kind

_WELL = (Status.HEALTHY, Status.STOPPING)
_WAITS_FOR = "waits for "
_NOT_WANTED = ("was stopped by hand", "is no longer wanted")


def stopped(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """By a person: `stop`, or `scale` to none."""
    if service.ready or service.status is not Status.STOPPED:
        return None
    event = evidence.newest(Kind.SERVICE_SCALED, Kind.INSTANCE_STOPPED, Kind.INSTANCE_EXITED, service=service.name)
    to_none = service.reason == "scaled to 0"
    return Cause(
        kind="upstream_down",
        service=service.name,
        message=f"{service.name} does not run: {service.reason or 'it is stopped'}",
        facts=(f"{event.message}, {ago(evidence.at - event.at)}",) if event else (f"it is {service.status}",),
        command=f"sandbox scale {service.name}=1" if to_none else f"sandbox start {service.name}",
        confidence=Confidence.CERTAIN,
        at=event.at if event else None,
    )


def was_stopped(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """By a person, and started again: the numbers still have what failed meanwhile."""
    stop = _newest_stop(evidence, service.name)
    if not service.ready or stop is None:
        return None
    end = evidence.newest(Kind.INSTANCE_BACKOFF, Kind.INSTANCE_FAILED, service=service.name)
    if end is not None and end.at >= stop.at:
        return None
    healthy = {one.instance: one.at for one in evidence.events if _is_healthy(one, service.name, stop.at)}
    if not healthy or any(one.id not in healthy for one in service.instances):
        return None  # some never stopped
    again = min(healthy.values())
    if not suffered(evidence, service.name, again):
        return None
    return Cause(
        kind="was_stopped",
        service=service.name,
        message=f"{service.name} was stopped by hand at {clock(stop.at)} and runs again since {clock(again)}",
        facts=(f"requests failed within the last {evidence.seconds:.0f} s, which it was away for a part of",),
        command=f"sandbox events {service.name}",
        confidence=Confidence.LIKELY,
        at=again,
    )


def _newest_stop(evidence: Evidence, service: str) -> Event | None:
    stops = (one for one in reversed(evidence.events) if one.kind is Kind.INSTANCE_STOPPING and one.service == service)
    return next((one for one in stops if one.message.endswith(_NOT_WANTED)), None)


def _is_healthy(event: Event, service: str, since: float) -> bool:
    return event.kind is Kind.INSTANCE_HEALTHY and event.service == service and event.at >= since


def build_failed(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    event = evidence.newest(Kind.BUILD_FAILED, Kind.BUILD_FINISHED, service=service.name)
    if service.ready or service.status is not Status.FAILED or event is None or event.kind is not Kind.BUILD_FAILED:
        return None
    return Cause(
        kind="build_failed",
        service=service.name,
        message=event.message,
        facts=tuple(event.detail.splitlines()[-3:]),
        command=f"sandbox logs {service.name}",
        confidence=Confidence.CERTAIN,
        at=event.at,
    )


def waiting(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """It has done nothing wrong: what it waits for is looked at, too."""
    if service.ready or service.status is not Status.PENDING or _WAITS_FOR not in (service.reason or ""):
        return None
    return Cause(
        kind="waiting",
        service=service.name,
        message=f"{service.name} has not started: it {service.reason}",
        facts=(_ready(service),),
        command="sandbox ps",
        confidence=Confidence.CERTAIN,
    )


def unhealthy(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """It runs, and its health check says no."""
    ill = next((one for one in service.instances if one.status is Status.UNHEALTHY), None)
    if service.ready or ill is None:
        return None
    return Cause(
        kind="unhealthy",
        service=service.name,
        message=f"{service.name} runs but is not healthy: {ill.reason}",
        facts=(_ready(service), *_of(ill)),
        command=f"sandbox logs {service.name} --tail 20",
        confidence=Confidence.CERTAIN,
    )


def other_trouble(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    if service.ready or service.replicas == 0 or service.status in _WELL:
        return None
    reason = f": {service.reason}" if service.reason else ""
    starting = service.status in (Status.STARTING, Status.BUILDING, Status.PENDING)
    return Cause(
        kind="starting" if starting else "upstream_down",
        service=service.name,
        message=f"{service.name} has no ready instance; it is {service.status}{reason}",
        facts=(_ready(service), *(fact for one in service.instances[:3] for fact in _of(one))),
        command=f"sandbox wait {service.name}" if starting else f"sandbox logs {service.name} --tail 20",
        confidence=Confidence.CERTAIN,
    )


def _ready(service: ServiceStatus) -> str:
    return f"{service.ready} of {service.replicas} instances are ready"


def _of(instance: InstanceStatus) -> tuple[str, ...]:
    return (f"{instance.id} is {instance.status}: {instance.reason}",) if instance.reason else ()
