"""Tells of faults that were switched on or off, by whatever way the traffic policies changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sandbox.diagnosis.causes.faults import fault_words
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import TrafficPolicy
from sandbox.tasks import Tasks

Policies = Mapping[str, TrafficPolicy]


class FaultWatch:
    def __init__(self, bus: Bus, policies: Callable[[], Policies]) -> None:
        self._bus = bus
        self._policies = policies
        self._known: Policies = {}

    def open(self, tasks: Tasks) -> None:
        """What is in force now is no news."""
        self._known = dict(self._policies())
        tasks.spawn(self._run(), name="hear of faults")

    async def _run(self) -> None:
        with self._bus.subscribe() as subscription:
            async for event in subscription:
                if event.kind is Kind.POLICY_APPLIED:
                    self._compare(dict(self._policies()))

    def _compare(self, now: Policies) -> None:
        for event in changes(self._known, now):
            self._bus.publish(event)
        self._known = now


def changes(before: Policies, after: Policies) -> Iterator[Event]:
    """Pure. An event for each service whose faults are others than they were."""
    for service in sorted({*before, *after}):
        old, new = faults(before.get(service)), faults(after.get(service))
        if new and new != old:
            yield Event(
                kind=Kind.FAULT_INJECTED,
                service=service,
                severity=Severity.WARNING,
                message=f"a fault is injected into {service}: {'; '.join(new)}",
            )
        elif old and not new:
            yield Event(
                kind=Kind.FAULT_REMOVED, service=service, message=f"no fault is injected into {service} any more"
            )


def faults(policy: TrafficPolicy | None) -> tuple[str, ...]:
    return tuple(fault_words(rule.fault) for rule in (policy.rules if policy else ()) if rule.fault is not None)
