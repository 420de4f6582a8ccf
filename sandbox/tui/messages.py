"""What the feed tells the screens."""

from __future__ import annotations

from textual.message import Message

from sandbox.control import ProjectStatus, TelemetrySnapshot
from sandbox.events import Event


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


class SupervisorAway(Message):
    """It does not answer; the feed tries again until it does (`StatusArrived`)."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
