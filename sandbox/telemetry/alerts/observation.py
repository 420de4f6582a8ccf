"""What rules read, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.control import InstanceUsage, Metric, ServiceStatus
from sandbox.events import Event

PROJECT = "project"
"""The subject of what belongs to no service."""

LOOKS_BACK = 60.0
"""Seconds that numbers are of, but after a change."""

Numbers = Mapping[Metric, float | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Of a service, over a window: how many requests, and how many of them failed."""

    requests: float
    errors: float

    @property
    def ratio(self) -> float | None:
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """None and what is missing: nothing is known, which is neither good nor bad."""

    at: float  # seconds since the epoch
    span: float = LOOKS_BACK  # seconds that `numbers` and `edges` are of
    services: tuple[ServiceStatus, ...] = ()
    numbers: Mapping[str, Numbers] = field(default_factory=dict)  # by service that was called
    edges: Mapping[tuple[str, str], Numbers] = field(default_factory=dict)  # by caller and callee
    windows: Mapping[str, Mapping[float, Asked]] = field(default_factory=dict)  # by service and length in seconds
    usage: tuple[InstanceUsage, ...] = ()
    events: tuple[Event, ...] = ()  # of the last minutes, oldest first
    disk_free: int | None = None  # bytes where the project's state lies
    disk_size: int | None = None
    certificate_days: float | None = None  # until the first certificate of the proxy runs out
    fresh: Observation | None = None  # the same by what was counted since a change; None: nothing changed lately


class Level(StrEnum):
    BAD = "bad"
    BETWEEN = "between"  # no longer bad, not yet good: whatever was so goes on
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a subject is, by one rule."""

    rule: str
    subject: str
    level: Level
    severity: str = "warning"
    hold: float = 30.0  # seconds it has to be bad before it fires
    message: str = ""
    value: float | None = None
    threshold: float | None = None
    evidence: tuple[str, ...] = ()
    settled: bool = False  # good by what was counted since a change


def level(value: float | None, bad: float, good: float) -> Level:
    """Bad beyond one limit, good up to the other; `bad` may be the larger or the smaller of the two."""
    if value is None:
        return Level.UNKNOWN
    above = bad >= good
    if value > bad if above else value < bad:
        return Level.BAD
    return Level.GOOD if (value <= good if above else value >= good) else Level.BETWEEN


def edge_subject(caller: str, callee: str) -> str:
    return f"{caller} → {callee}"
