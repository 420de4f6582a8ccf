"""Versions that get no traffic although a rule names them: said when it comes to that, and when it is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sandbox.control import PassedOver, ServiceStatus, Status
from sandbox.events import Event, Kind, Severity
from sandbox.model import TrafficPolicy
from sandbox.proxy.readiness import passed_over

_COMING = (Status.PENDING, Status.BUILDING, Status.STARTING)

Missing = Mapping[str, tuple[PassedOver, ...]]
"""By service."""


def with_passed_over(
    services: Iterable[ServiceStatus], policies: Mapping[str, TrafficPolicy]
) -> tuple[ServiceStatus, ...]:
    return tuple(replace(one, passed_over=_of(one, policies.get(one.name))) for one in services)


def _of(service: ServiceStatus, policy: TrafficPolicy | None) -> tuple[PassedOver, ...]:
    """A service of which nothing is ready has other troubles."""
    if policy is None or not service.ready:
        return ()
    return tuple(passed_over(service.name, policy, set(_missing(service))))


def _missing(service: ServiceStatus) -> Iterator[str]:
    """Without those that are on their way up for the first time: they are not missed yet."""
    for version in service.versions:
        own = [one for one in service.instances if one.version == version]
        ready = any(one.status is Status.HEALTHY for one in own)
        coming = any(one.status in _COMING and not one.restarts for one in own)
        if not ready and not coming:
            yield version


def missing(services: Iterable[ServiceStatus]) -> Missing:
    """Nothing is told of a service of which nothing is ready."""
    return {one.name: one.passed_over for one in services if one.ready}


def changes(before: Missing, after: Missing) -> Iterator[Event]:
    """An event for each rule that passes versions over from now on, and for each service without such a rule again."""
    for service, now in after.items():
        known = before.get(service, ())
        for one in now:
            if one not in known:
                yield _event(service, one.sentence, Severity.WARNING)
        if known and not now:
            yield _event(service, f"no rule of {service} passes a version over any more", Severity.INFO)


def _event(service: str, message: str, severity: Severity) -> Event:
    return Event(kind=Kind.VERSION_PASSED_OVER, service=service, message=message, severity=severity)
