"""Alerts, and why something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class AlertState(StrEnum):
    PENDING = "pending"  # its condition holds, not yet for long enough
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    rule: str  # its name: error_ratio, p99, crash_loop, …
    subject: str  # a service, an instance, an edge "orders → steamer", or "project"
    state: AlertState
    severity: str  # info | warning | critical
    message: str  # one plain sentence
    since: float  # seconds since the epoch, of the state
    value: float | None = None
    threshold: float | None = None
    evidence: tuple[str, ...] = ()
    silenced_until: float | None = None


class AlertsControl(Protocol):
    async def alerts(self, *, resolved: bool = False) -> tuple[Alert, ...]:
        """Pending and firing ones, worst first; with `resolved`, also those of the last hour."""
        ...

    async def silence(self, rule: str, subject: str | None, seconds: float) -> None:
        """NotFoundError for a rule that does not exist. 0 seconds ends a silence."""
        ...


class Confidence(StrEnum):
    CERTAIN = "certain"
    LIKELY = "likely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    kind: str  # a stable word: upstream_down, fault_injected, timeout_short, …
    service: str | None
    message: str  # what is wrong, in plain words
    facts: tuple[str, ...]  # what it is known by
    command: str | None  # the next step
    confidence: Confidence
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    target: str  # what was asked about
    healthy: bool  # nothing is wrong that could be seen
    summary: str  # one sentence
    causes: tuple[Cause, ...]  # the deepest first
    path: tuple[str, ...] = ()  # from what was asked about to the deepest cause: services
    looked_at: tuple[str, ...] = ()  # what was examined
    edges: Mapping[str, str] = field(default_factory=dict)  # "orders → steamer": how it is, in words


class DiagnosisControl(Protocol):
    async def why(self, target: str | None = None) -> Diagnosis:
        """Of a service, a trace id or a URL; None: whatever is worst. NotFoundError for a name nobody knows."""
        ...
