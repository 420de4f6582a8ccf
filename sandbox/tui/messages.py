"""What the feed tells the application, and what screens ask it for."""

from __future__ import annotations

from textual.message import Message

from sandbox.control import Alert, Diagnosis, EditAction, ProjectStatus, Status, TelemetrySnapshot, TrafficState
from sandbox.events import Event

# --- what is heard ------------------------------------------------------------------------------------------------


class StatusArrived(Message):
    def __init__(self, status: ProjectStatus) -> None:
        super().__init__()
        self.status = status


class TelemetryArrived(Message):
    def __init__(self, telemetry: TelemetrySnapshot) -> None:
        super().__init__()
        self.telemetry = telemetry


class EventsArrived(Message):
    """New ones, in order."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        super().__init__()
        self.events = events


class AlertsArrived(Message):
    """All that stand now, worst first."""

    def __init__(self, alerts: tuple[Alert, ...]) -> None:
        super().__init__()
        self.alerts = alerts


class DiagnosisArrived(Message):
    """Of whatever is worst; None once nothing is."""

    def __init__(self, diagnosis: Diagnosis | None) -> None:
        super().__init__()
        self.diagnosis = diagnosis


class TrafficArrived(Message):
    def __init__(self, traffic: TrafficState) -> None:
        super().__init__()
        self.traffic = traffic


class SupervisorAway(Message):
    """It does not answer; the feed tries again until it does (`StatusArrived`).

    ended: STOPPING or STOPPED where somebody brought the project down; None where its services may still run.
    """

    def __init__(self, reason: str, ended: Status | None = None) -> None:
        super().__init__()
        self.reason = reason
        self.ended = ended


# --- where to go --------------------------------------------------------------------------------------------------


class OpenService(Message):
    """Its page, at a tab."""

    def __init__(self, service: str, tab: str = "") -> None:
        super().__init__()
        self.service = service
        self.tab = tab


class OpenTrace(Message):
    def __init__(self, trace: str) -> None:
        super().__init__()
        self.trace = trace


class OpenLogs(Message):
    """Of these services (empty: all); of one trace alone where one is named, which took place in that span of time."""

    def __init__(
        self, services: tuple[str, ...] = (), trace: str = "", span: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        self.services = services
        self.trace = trace
        self.span = span


class OpenTraces(Message):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service


class OpenWhy(Message):
    """None: whatever is worst."""

    def __init__(self, target: str | None = None) -> None:
        super().__init__()
        self.target = target


class OpenSteering(Message):
    """None: choose among all ways to steer it."""

    def __init__(self, service: str, action: EditAction | None = None) -> None:
        super().__init__()
        self.service = service
        self.action = action


class OpenRollback(Message):
    """None: the change that is in force."""

    def __init__(self, number: int | None = None) -> None:
        super().__init__()
        self.number = number


class OpenEdge(Message):
    def __init__(self, caller: str, callee: str) -> None:
        super().__init__()
        self.caller = caller
        self.callee = callee
