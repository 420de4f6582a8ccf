"""Asks the supervisor and listens to it for as long as the screen is open, through its absences."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from textual.message import Message

from sandbox.control import (
    Alert,
    AlertsControl,
    AlertState,
    DiagnosisControl,
    ProjectStatus,
    Status,
    StatusControl,
    TelemetryControl,
    TrafficControl,
)
from sandbox.errors import NotRunningError, SandboxError
from sandbox.events import Event, Kind
from sandbox.tasks import Tasks
from sandbox.tui.messages import (
    AlertsArrived,
    DiagnosisArrived,
    EventsArrived,
    StatusArrived,
    SupervisorAway,
    TelemetryArrived,
    TrafficArrived,
)

STATUS_EVERY = 5.0
"""Seconds; events ask for it sooner."""
TELEMETRY_EVERY = 1.0
ALERTS_EVERY = 3.0
TRAFFIC_EVERY = 2.0
RETRY_AFTER = 1.0
ABSENT_AFTER = 10.0
"""Seconds until a part that does not answer is asked again."""
_TURNS = (Kind.PROJECT_STARTING, Kind.PROJECT_RECOVERED, Kind.PROJECT_STOPPING)
_TOGETHER = 0.05
"""Seconds within which several events count as one piece of news."""


class Watched(StatusControl, TelemetryControl, Protocol):
    """What the feed needs of the control."""

    @property
    def alerts(self) -> AlertsControl: ...

    @property
    def traffic(self) -> TrafficControl: ...

    @property
    def diagnosis(self) -> DiagnosisControl: ...


class Feed:
    """Posts what it hears; closed, it is silent."""

    def __init__(self, control: Watched, post: Callable[[Message], object]) -> None:
        self._control = control
        self._post = post
        self._tasks = Tasks(self._failed)
        self._listening: asyncio.Task[None] | None = None
        self._supervisor: int | None = None
        self._wake = asyncio.Event()
        self._steered = asyncio.Event()
        self._events: list[Event] = []
        self._after = 0
        self._found = False  # whether a cause was told
        self._project = "it"
        self._ending = False  # whether somebody brings the project down, or has done so

    def open(self) -> None:
        self._tasks.spawn(self._ask_for_status(), name="ask for the status")
        self._tasks.spawn(self._ask_for_telemetry(), name="ask for the numbers")
        self._tasks.spawn(self._ask_for_alerts(), name="ask for alerts")
        self._tasks.spawn(self._ask_for_traffic(), name="ask for the rules in force")

    async def close(self) -> None:
        await self._tasks.close()

    def hurry(self) -> None:
        """Ask for the status and for the rules in force now."""
        self._wake.set()
        self._steered.set()

    def _failed(self, name: str, error: BaseException) -> None:
        self._post(SupervisorAway(f"internal error in '{name}': {error}"))

    # --- status -------------------------------------------------------------------------------------------------

    async def _ask_for_status(self) -> None:
        while True:
            self._wake.clear()
            try:
                self._answered(await self._control.status())
                pause = STATUS_EVERY
            except SandboxError as error:
                self._post(self._away(error))
                pause = RETRY_AFTER
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
                await asyncio.sleep(_TOGETHER)

    def _answered(self, status: ProjectStatus) -> None:
        anew = status.supervisor_pid != self._supervisor
        if self._ending and not anew:  # what is left of it says nothing to rely on
            self._post(SupervisorAway(f"{self._project} is being stopped", Status.STOPPING))
            return
        self._project = status.project
        self._post(StatusArrived(status))
        if anew:
            self._after = 0 if self._ending else self._after
            self._ending = False
            self._supervisor = status.supervisor_pid
            self._listen_anew()

    def _away(self, error: SandboxError) -> SupervisorAway:
        if not isinstance(error, NotRunningError):
            return SupervisorAway(f"{error}; {error.hint}" if error.hint else str(error))
        if self._ending:
            return SupervisorAway(f"{self._project} was stopped · sandbox up starts it", Status.STOPPED)
        return SupervisorAway("the supervisor is away; trying again")

    # --- numbers ------------------------------------------------------------------------------------------------

    async def _ask_for_telemetry(self) -> None:
        while True:
            with suppress(SandboxError):  # the status tells why
                self._post(TelemetryArrived(await self._control.telemetry()))
            await asyncio.sleep(TELEMETRY_EVERY)

    # --- alerts and steering ------------------------------------------------------------------------------------

    async def _ask_for_alerts(self) -> None:
        while True:
            pause = ALERTS_EVERY
            try:
                alerts = await self._control.alerts.alerts()
                self._post(AlertsArrived(alerts))
                await self._ask_for_causes(alerts)
            except SandboxError:  # its screen tells why
                pause = ABSENT_AFTER
            await asyncio.sleep(pause)

    async def _ask_for_causes(self, alerts: Sequence[Alert]) -> None:
        """Only while an alert fires: to look for causes costs the supervisor more than everything else here."""
        fires = any(one.state is AlertState.FIRING for one in alerts)
        if fires or self._found:
            self._post(DiagnosisArrived(await self._control.diagnosis.why() if fires else None))
        self._found = fires

    async def _ask_for_traffic(self) -> None:
        while True:
            self._steered.clear()
            pause = TRAFFIC_EVERY
            try:
                self._post(TrafficArrived(await self._control.traffic.state()))
            except SandboxError:  # its screen tells why
                pause = ABSENT_AFTER
            with suppress(TimeoutError):
                await asyncio.wait_for(self._steered.wait(), pause)

    # --- events -------------------------------------------------------------------------------------------------

    def _listen_anew(self) -> None:
        """A new supervisor goes on counting where the old one ended, unless everything was stopped in between."""
        if self._listening is not None:
            self._listening.cancel()
        self._listening = self._tasks.spawn(self._listen(), name="listen to events")

    async def _listen(self) -> None:
        while True:
            with suppress(SandboxError):
                async for event in self._control.events(after=self._after, follow=True):
                    self._after = event.sequence
                    self._collect(event)
            self.hurry()
            await asyncio.sleep(RETRY_AFTER)

    def _collect(self, event: Event) -> None:
        if event.kind in _TURNS:
            self._ending = event.kind is Kind.PROJECT_STOPPING
        self._events.append(event)
        if len(self._events) == 1:
            asyncio.get_running_loop().call_later(_TOGETHER, self._tell)

    def _tell(self) -> None:
        self._post(EventsArrived(tuple(self._events)))
        self._events.clear()
        self.hurry()
