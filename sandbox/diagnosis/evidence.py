"""What was gathered, and short ways to ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.control import InstanceUsage, Metric, ProjectStatus, ServiceStatus, Trace
from sandbox.events import Event, Kind
from sandbox.model import Objectives, TrafficPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeNumbers:
    """Of one caller's requests to one service over the last minute, or since a change. Missing: it is not known."""

    caller: str
    callee: str
    values: Mapping[Metric, float | None] = field(default_factory=dict)  # rates per second, latencies milliseconds
    flags: Mapping[str, float] = field(default_factory=dict)
    """Envoy's response flags → requests per second. Several of one request are one key: "UC,URX"."""
    codes: Mapping[str, float] = field(default_factory=dict)  # status codes, "503", "0" for none → requests per second
    since: float | None = None  # seconds since the epoch that they are of; None: all of the last minute

    def rate(self, metric: Metric) -> float:
        return self.values.get(metric) or 0.0

    def flagged(self, flag: str) -> float:
        """Requests per second that have this flag, among others or alone."""
        return sum(rate for flags, rate in self.flags.items() if flag in flags.split(","))

    def count(self, seconds: float) -> float:
        """Requests within that time."""
        return self.rate(Metric.REQUESTS) * seconds

    def share(self, metric: Metric) -> float:
        """Of the requests."""
        requests = self.rate(Metric.REQUESTS)
        return min(1.0, self.rate(metric) / requests) if requests else 0.0

    def latency(self, metric: Metric) -> float | None:
        return self.values.get(metric)

    @property
    def name(self) -> str:
        return f"{self.caller} → {self.callee}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    at: float  # seconds since the epoch
    status: ProjectStatus
    seconds: float = 60.0  # that the numbers are of
    events: tuple[Event, ...] = ()  # oldest first
    edges: tuple[EdgeNumbers, ...] = ()
    policies: Mapping[str, TrafficPolicy] = field(default_factory=dict)  # in force, by the service that is called
    declared_only: bool = False  # only declared edges may be used
    objectives: Mapping[str, Objectives] = field(default_factory=dict)  # by service
    past: Mapping[str, float] = field(default_factory=dict)  # p99 in milliseconds by service, as it was minutes ago
    usage: tuple[InstanceUsage, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)  # service → the newest error in its output, with its place
    trace: Trace | None = None  # that was asked about
    looked_at: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # what could not be looked at, and why

    def service(self, name: str) -> ServiceStatus | None:
        return next((one for one in self.status.services if one.name == name), None)

    def edge(self, caller: str, callee: str) -> EdgeNumbers | None:
        return next((one for one in self.edges if (one.caller, one.callee) == (caller, callee)), None)

    def into(self, callee: str) -> tuple[EdgeNumbers, ...]:
        return tuple(edge for edge in self.edges if edge.callee == callee)

    def out_of(self, caller: str) -> tuple[EdgeNumbers, ...]:
        return tuple(edge for edge in self.edges if edge.caller == caller)

    @property
    def changed_lately(self) -> bool:
        """Whether some of the numbers may be of other policies than those in force."""
        event = self.newest(Kind.POLICY_APPLIED)
        return event is not None and self.at - event.at <= self.seconds

    def newest(self, *kinds: Kind, service: str | None = None) -> Event | None:
        return next(self._newest_first(frozenset(kinds), service), None)

    def _newest_first(self, kinds: frozenset[Kind], service: str | None) -> Iterator[Event]:
        for event in reversed(self.events):
            if event.kind in kinds and (service is None or event.service == service):
                yield event
