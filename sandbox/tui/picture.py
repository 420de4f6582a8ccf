"""What is known of the project at the moment. Every screen draws from it; only the application writes into it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from sandbox.control import (
    Alert,
    AlertState,
    Diagnosis,
    ProjectStatus,
    ServiceStatus,
    Status,
    TelemetrySnapshot,
    TrafficState,
)
from sandbox.events import Event
from sandbox.tui.condition import Condition, conditions

MOST_EVENTS = 1000
_FAILING = 0.01


class Picture:
    """None: not known yet. away: why the supervisor does not answer, empty while it does.

    looks_only: nothing can be changed from here, so that no key that would is offered.
    """

    def __init__(self, *, looks_only: bool = False) -> None:
        self.looks_only = looks_only
        self.status: ProjectStatus | None = None
        self.telemetry: TelemetrySnapshot | None = None
        self.traffic: TrafficState | None = None
        self.alerts: tuple[Alert, ...] = ()
        self.diagnosis: Diagnosis | None = None  # of whatever is worst, while alerts fire
        self.events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self.away = ""
        self.ended = False  # somebody brought the project down; nothing of it runs, or soon will

    def end(self, how: Status) -> None:
        """Somebody brings it down: nothing that was said of what ran holds any more. how: STOPPING | STOPPED."""
        self.ended = True
        self.alerts, self.diagnosis = (), None
        if self.status is not None:
            services = tuple(
                replace(one, status=how, reason=None, instances=(), ready=0, passed_over=()) for one in self.services
            )
            self.status = replace(self.status, services=services, warnings=())
        if self.telemetry is not None:
            self.telemetry = replace(self.telemetry, services={}, edges=())

    @property
    def informed(self) -> bool:
        """Whether state and numbers are known."""
        return self.status is not None and self.telemetry is not None

    @property
    def firing(self) -> tuple[Alert, ...]:
        """What is wrong now and was not silenced, worst first."""
        return tuple(one for one in self.alerts if one.state is AlertState.FIRING and one.silenced_until is None)

    @property
    def services(self) -> tuple[ServiceStatus, ...]:
        return self.status.services if self.status else ()

    @property
    def conditions(self) -> dict[str, Condition]:
        """How each service is, see there."""
        return conditions(self.status, self.telemetry, self.firing, self.traffic)

    @property
    def failing(self) -> int:
        """How many services run and fail requests."""
        return sum(one.severity.fails for one in self.conditions.values())

    def is_ailing(self, name: str) -> bool:
        """Whether a service does not run as it should, answers with errors, or an alert speaks of it."""
        service, signals = self.service(name), self.telemetry.services.get(name) if self.telemetry else None
        if service and service.status not in (Status.HEALTHY, Status.STOPPED, Status.STOPPING):
            return True
        failing = signals is not None and signals.error_ratio >= _FAILING
        return failing or any(name in alert.subject.split() for alert in self.firing)

    def service(self, name: str) -> ServiceStatus | None:
        return next((one for one in self.services if one.name == name), None)
