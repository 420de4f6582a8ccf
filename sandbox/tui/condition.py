"""How a service is, taking together its state, its errors and the alerts about it: how urgent, in which words. Pure.

Of services that fail, those that fail by themselves come before those that pass on what they get from others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from sandbox.control import (
    Alert,
    InstanceStatus,
    ProjectStatus,
    ServiceStatus,
    Status,
    TelemetrySnapshot,
    TrafficState,
)
from sandbox.tui import words
from sandbox.tui.words import TONES, Tone, percent, status_text

FAILING = 0.05
"""Share of failed requests from which a service counts as failing."""
_MUCH = 0.15
_MOSTLY = 0.5
"""Share of a service's failures that those of its own calls have to reach to be their reason."""
_DOWN = frozenset({Status.FAILED, Status.BACKOFF, Status.UNHEALTHY})
_GONE = frozenset({Status.STOPPING, Status.STOPPED})


class Severity(IntEnum):
    """The order in which things want to be looked at."""

    DOWN = 0
    FAILING = 1  # by itself, or because nobody is there to answer
    ERRING = 2  # the same, less of it
    PASSING_ON = 3  # fails, and so do its own calls
    ALERTED = 4
    STOPPED = 5
    FINE = 6  # or on its way

    @property
    def fails(self) -> bool:
        """Answers with errors."""
        return self in (Severity.FAILING, Severity.ERRING, Severity.PASSING_ON)


@dataclass(frozen=True, slots=True)
class Condition:
    """text: symbol and word. short: the same where room is scarce. reason: beyond the status' own; may be empty."""

    severity: Severity
    text: str
    tone: Tone
    short: str | None = None
    reason: str = ""

    @property
    def symbol(self) -> str:
        return self.text[0]


def conditions(
    status: ProjectStatus | None,
    telemetry: TelemetrySnapshot | None,
    firing: Iterable[Alert] = (),
    traffic: TrafficState | None = None,
) -> dict[str, Condition]:
    """Of each service."""
    failing = _failing_calls(telemetry)
    alerts = tuple(firing)
    return {
        service.name: _condition(service, telemetry, failing.get(service.name, {}), alerts, traffic)
        for service in (status.services if status else ())
    }


def _failing_calls(telemetry: TelemetrySnapshot | None) -> dict[str, dict[str, float]]:
    """By caller and callee: errors per second, of calls that fail noticeably."""
    asked: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for edge in telemetry.edges if telemetry else ():
        sums = asked[edge.caller, edge.callee]
        sums[0] += edge.signals.requests_per_second
        sums[1] += edge.signals.errors_per_second
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (caller, callee), (requests, errors) in asked.items():
        if requests and errors / requests >= FAILING:
            found[caller][callee] = errors
    return found


def _condition(
    service: ServiceStatus,
    telemetry: TelemetrySnapshot | None,
    calls: Mapping[str, float],
    alerts: tuple[Alert, ...],
    traffic: TrafficState | None,
) -> Condition:
    signals = telemetry.services.get(service.name) if telemetry else None
    ratio = signals.error_ratio if signals and signals.requests_per_second else 0.0
    text, tone = status_text(service.status), TONES[service.status]
    if service.status in _DOWN:
        return Condition(Severity.DOWN, text, tone)
    if service.status in _GONE:
        if ratio < FAILING:
            return Condition(Severity.STOPPED, text, tone)
        return Condition(Severity.FAILING, text, Tone.BAD, reason=f"{percent(ratio)} % of the requests to it fail")
    if ratio >= FAILING and service.status is Status.HEALTHY:
        errors = signals.errors_per_second if signals else 0.0
        return _failing(service.name, ratio, calls if sum(calls.values()) >= _MOSTLY * errors else {}, traffic)
    about = next((alert for alert in alerts if service.name in alert.subject.split()), None)
    if about is not None and service.status is Status.HEALTHY:
        return Condition(Severity.ALERTED, "▲ alert", Tone.BUSY, reason=about.message)
    if service.passed_over and service.status is Status.HEALTHY:
        first = service.passed_over[0]
        return Condition(Severity.ALERTED, f"▲ no {first.versions[0]}", Tone.BUSY, reason=first.sentence)
    return Condition(Severity.FINE, text, tone)


def _failing(name: str, ratio: float, calls: Mapping[str, float], traffic: TrafficState | None) -> Condition:
    share = percent(ratio)
    if calls:
        reason = f"{share} % of its requests fail, and so do its calls to {', '.join(calls)}"
        return Condition(Severity.PASSING_ON, f"▲ failing {share} %", Tone.BUSY, f"▲ fails {share}%", reason)
    fault = " · a fault is injected into it" if _has_fault(traffic, name) else ""
    reason = f"{share} % of its requests fail{fault}"
    severity = Severity.FAILING if ratio >= _MUCH else Severity.ERRING
    return Condition(severity, f"✗ failing {share} %", Tone.BAD, f"✗ fails {share}%", reason)


def _has_fault(traffic: TrafficState | None, name: str) -> bool:
    document = traffic.policies.get(name, {}) if traffic else {}
    return any("fault" in rule for rule in document.get("rules") or ())


def detail(service: ServiceStatus, instance: InstanceStatus | None, condition: Condition | None) -> tuple[str, Tone]:
    """What matters most about a service or an instance, see `words.detail`; of one that runs, why it does no good."""
    said, tone = words.detail(service, instance)
    if instance is not None or condition is None or not condition.reason:
        return said, tone
    if service.status in _GONE:
        return f"{said} · {condition.reason} · s starts it", condition.tone
    return f"{condition.symbol} {said} · {condition.reason} · y tells why", condition.tone
