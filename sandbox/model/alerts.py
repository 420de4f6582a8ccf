"""What a project promises of its services, and when somebody is told that something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BUILT_IN_ALERTS = (
    "not_ready",
    "crash_loop",
    "error_ratio",
    "open_circuit",
    "retry_storm",
    "memory_near_limit",
    "slow",
    "error_budget",
    "disk_nearly_full",
    "certificate_expires",
)
"""The rules that every project has; `slow` and `error_budget` speak only of services with objectives."""

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCondition:
    """A metric of a service, or of an edge, over the last minute beyond a threshold.

    Thresholds have the metric's own unit: rates per second, ratios 0 to 1, latencies milliseconds, memory bytes.
    """

    metric: str  # a `control.Metric`
    threshold: float
    above: bool = True  # False: it is wrong when it is below
    service: str | None = None  # None: each service by itself
    caller: str | None = None  # with `service`: the edge from it, a service or GATEWAY

    def __str__(self) -> str:
        subject = f"{self.caller} -> {self.service}" if self.caller else self.service or "*"
        return f"{self.metric}({subject}) {'>' if self.above else '<'} {self.threshold:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    name: str
    condition: AlertCondition
    hold: float = 30.0  # seconds it has to be so before anybody is told: `for`
    severity: str = "warning"  # one of SEVERITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What a service is meant to reach, over all requests that it is asked."""

    availability: float | None = None  # share of requests that succeed: 0.995
    latency: Mapping[str, float] = field(default_factory=dict)  # "p99" → seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    rules: tuple[AlertRule, ...] = ()
    off: tuple[str, ...] = ()  # of BUILT_IN_ALERTS
    webhook: str | None = None  # gets a POST of JSON when an alert fires or resolves
    command: tuple[str, ...] | None = None  # is run then, with SANDBOX_ALERT_… in its environment
