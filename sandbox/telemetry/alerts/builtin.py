"""The rules that every project has, each a function from what is known to how its subjects are. Pure.

Each has two limits, so that a value that hovers around one does not switch an alert on and off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from sandbox.control import Metric, ServiceStatus, Status
from sandbox.events import Event, Kind
from sandbox.model import GATEWAY, Project
from sandbox.telemetry.alerts.budget import error_budget
from sandbox.telemetry.alerts.observation import (
    PROJECT,
    Level,
    Measured,
    Numbers,
    Observation,
    edge_subject,
    level,
)
from sandbox.telemetry.alerts.words import milliseconds, per_second, percent, size

Rule = Callable[[Observation, Project], Iterator[Measured]]

CRASHES, CRASHES_WITHIN = 3, 300.0
WELL_AFTER, LONGER = 15.0, 1.5
"""Seconds that a service runs well after an end, and times as long as it ran between its ends, until these are over."""

ERRORS_BAD, ERRORS_GOOD, ERRORS_CRITICAL = 0.05, 0.025, 0.5
PASSED_ON = 0.8  # of its errors
FEWEST_REQUESTS = 10
"""In the time that is looked at: a share of fewer says nothing."""

RETRIES_BAD, RETRIES_GOOD, RETRIES_FEWEST = 0.5, 0.25, 1.0
MEMORY_BAD, MEMORY_GOOD = 0.9, 0.85
SLOW_GOOD = 0.9  # of the objective
DISK_BAD, DISK_GOOD = 0.05, 0.07  # of the disk
DISK_SMALL, DISK_ENOUGH = 256 << 20, 512 << 20  # a large disk's 5 % may be plenty
CERTIFICATE_BAD, CERTIFICATE_GOOD = 7.0, 8.0  # days

_ON_ITS_WAY = (Status.PENDING, Status.BUILDING)
_BY_WISH = (Status.STOPPED, Status.STOPPING)
_SHOWN = 3  # lines of evidence


def not_ready(seen: Observation, project: Project) -> Iterator[Measured]:
    for service in seen.services:
        if service.replicas == 0 or service.ready or service.status in _BY_WISH:
            how = Level.GOOD
        else:
            how = Level.UNKNOWN if service.status in _ON_ITS_WAY else Level.BAD
        yield Measured(
            rule="not_ready",
            subject=service.name,
            level=how,
            severity="critical",
            hold=10.0,
            message=f"{service.name} has no ready instance; requests to it are answered with 503",
            value=float(service.ready),
            evidence=_reasons(service),
        )


def _reasons(service: ServiceStatus) -> tuple[str, ...]:
    found = [f"{one.id} is {one.status}: {one.reason}" for one in service.instances if one.reason]
    return tuple(found[:_SHOWN])


def crash_loop(seen: Observation, project: Project) -> Iterator[Measured]:
    ends = _ends(seen)
    for service in seen.services:
        every = ends.get(service.name, [])
        found = _since_reload(seen, service.name, every)
        over = not found or _runs_well(seen, service, found)
        how = Level.GOOD if over else Level.BAD if len(found) >= CRASHES else Level.BETWEEN
        yield Measured(
            rule="crash_loop",
            subject=service.name,
            level=how,
            severity="critical",
            hold=0.0,
            message=f"{service.name} keeps ending: {len(found)} times in the last {CRASHES_WITHIN / 60:.0f} minutes",
            value=float(len(found)),
            threshold=float(CRASHES),
            evidence=tuple(dict.fromkeys(event.message for event in reversed(found)))[:_SHOWN],
            settled=over and bool(every),
        )


def _since_reload(seen: Observation, service: str, ends: list[Event]) -> list[Event]:
    """What other code has taken the place of ends no more."""
    reloads = (event.at for event in seen.events if event.kind is Kind.SERVICE_RELOADED and event.service == service)
    newest = max(reloads, default=0.0)
    return [event for event in ends if event.at > newest]


def _runs_well(seen: Observation, service: ServiceStatus, ends: list[Event]) -> bool:
    """For a while, and for longer than it ran between its ends."""
    times = [event.at for event in ends]
    longest = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    healthy = service.status is Status.HEALTHY and service.ready > 0
    return healthy and seen.at - times[-1] >= max(WELL_AFTER, LONGER * longest)


def _ends(seen: Observation) -> Mapping[str, list[Event]]:
    """By service. What ended because its service was stopped or replaced is not among them."""
    found: dict[str, list[Event]] = {}
    for event in seen.events:
        recent = seen.at - event.at <= CRASHES_WITHIN
        if recent and event.service and event.kind in (Kind.INSTANCE_BACKOFF, Kind.INSTANCE_FAILED):
            found.setdefault(event.service, []).append(event)
    return found


def error_ratio(seen: Observation, project: Project) -> Iterator[Measured]:
    """Of the service that fails, and of the public ones that people see fail; not of those that pass it on between."""
    public = {service.name for service in seen.services if service.url}
    for service, numbers in seen.numbers.items():
        ratio = _enough(seen, numbers, numbers.get(Metric.ERROR_RATIO))
        if ratio is not None and service not in public and _passes_on(seen, service, numbers):
            ratio = 0.0
        yield Measured(
            rule="error_ratio",
            subject=service,
            level=level(ratio, ERRORS_BAD, ERRORS_GOOD),
            severity="critical" if ratio is not None and ratio > ERRORS_CRITICAL else "warning",
            message=f"{percent(ratio or 0)} of the requests to {service} fail",
            value=ratio,
            threshold=ERRORS_BAD,
            evidence=tuple(_failing_edges(seen, service)),
        )


def _passes_on(seen: Observation, service: str, numbers: Numbers) -> bool:
    """Whether what it calls fails about as often as it does."""
    failed = numbers.get(Metric.ERRORS) or 0.0
    below = sum(found.get(Metric.ERRORS) or 0.0 for (caller, _), found in seen.edges.items() if caller == service)
    return failed > 0 and below >= PASSED_ON * failed


def _failing_edges(seen: Observation, service: str) -> Iterator[str]:
    for (caller, callee), numbers in seen.edges.items():
        errors, requests = numbers.get(Metric.ERRORS), numbers.get(Metric.REQUESTS)
        if callee == service and errors and requests:
            yield f"from {caller}: {per_second(errors)} of {per_second(requests)} fail"


def _enough(seen: Observation, numbers: Numbers, value: float | None) -> float | None:
    requests = numbers.get(Metric.REQUESTS) or 0.0
    return value if requests * seen.span >= FEWEST_REQUESTS else None


def open_circuit(seen: Observation, project: Project) -> Iterator[Measured]:
    for (caller, callee), numbers in seen.edges.items():
        refused = numbers.get(Metric.OVERFLOWS)
        yield Measured(
            rule="open_circuit",
            subject=edge_subject(caller, callee),
            level=level(refused, 0.0, 0.0),
            hold=5.0,
            message=f"the circuit from {caller} to {callee} is open: requests are refused before they are sent",
            value=refused,
            threshold=0.0,
            evidence=(f"{per_second(refused)} refused in the last minute",) if refused else (),
        )


def retry_storm(seen: Observation, project: Project) -> Iterator[Measured]:
    for (caller, callee), numbers in seen.edges.items():
        retries, requests = numbers.get(Metric.RETRIES), numbers.get(Metric.REQUESTS)
        share = retries / requests if retries is not None and requests else None
        if share is not None and (retries or 0.0) < RETRIES_FEWEST:
            share = min(share, RETRIES_GOOD)
        yield Measured(
            rule="retry_storm",
            subject=edge_subject(caller, callee),
            level=level(share, RETRIES_BAD, RETRIES_GOOD),
            hold=20.0,
            message=f"retries multiply the load on {callee}: {percent(share or 0)} more requests from {caller}",
            value=share,
            threshold=RETRIES_BAD,
            evidence=(f"{per_second(requests)} requests and {per_second(retries)} retries",)
            if requests and retries
            else (),
        )


def memory_near_limit(seen: Observation, project: Project) -> Iterator[Measured]:
    for one in seen.usage:
        if one.memory_limit:
            share = one.memory / one.memory_limit
            yield Measured(
                rule="memory_near_limit",
                subject=one.instance,
                level=level(share, MEMORY_BAD, MEMORY_GOOD),
                message=f"{one.instance} uses {percent(share)} of the memory that it may use",
                value=share,
                threshold=MEMORY_BAD,
                evidence=(f"{size(one.memory)} of {size(one.memory_limit)}; beyond it is ended",),
            )


def slow(seen: Observation, project: Project) -> Iterator[Measured]:
    for name, service in project.services.items():
        for quantile, seconds in service.objectives.latency.items():
            limit, numbers = seconds * 1000, seen.numbers.get(name, {})
            found = _enough(seen, numbers, numbers.get(Metric(quantile)))
            yield Measured(
                rule="slow",
                subject=name,
                level=level(found, limit, limit * SLOW_GOOD),
                message=f"{name} is slower than its objective: {quantile} is {milliseconds(found or 0)}, "
                f"meant to be {milliseconds(limit)}",
                value=found,
                threshold=limit,
                evidence=tuple(_slow_callees(seen, name)),
            )


def _slow_callees(seen: Observation, service: str) -> Iterator[str]:
    for (caller, callee), numbers in seen.edges.items():
        if caller == service and caller != GATEWAY and (p99 := numbers.get(Metric.P99)) is not None:
            yield f"it waits for {callee}: p99 {milliseconds(p99)}"


def disk_nearly_full(seen: Observation, project: Project) -> Iterator[Measured]:
    if seen.disk_free is None or not seen.disk_size:
        return
    share = seen.disk_free / seen.disk_size
    plenty = seen.disk_free > DISK_ENOUGH and share > DISK_GOOD
    short = (share < DISK_BAD and seen.disk_free < DISK_SMALL * 4) or seen.disk_free < DISK_SMALL
    yield Measured(
        rule="disk_nearly_full",
        subject=PROJECT,
        level=Level.BAD if short else Level.GOOD if plenty else Level.BETWEEN,
        severity="critical",
        hold=10.0,
        message=f"the disk is nearly full: {size(seen.disk_free)} are free",
        value=share,
        threshold=DISK_BAD,
        evidence=(f"{percent(share)} of {size(seen.disk_size)}",),
    )


def certificate_expires(seen: Observation, project: Project) -> Iterator[Measured]:
    if (days := seen.certificate_days) is not None:
        yield Measured(
            rule="certificate_expires",
            subject=PROJECT,
            level=level(days, CERTIFICATE_BAD, CERTIFICATE_GOOD),
            hold=0.0,
            message=f"a certificate of the proxy runs out in {days:.0f} days",
            value=days,
            threshold=CERTIFICATE_BAD,
        )


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        not_ready,
        crash_loop,
        error_ratio,
        open_circuit,
        retry_storm,
        memory_near_limit,
        slow,
        error_budget,
        disk_nearly_full,
        certificate_expires,
    )
}
