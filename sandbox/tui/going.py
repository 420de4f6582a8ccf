"""How one gets from screen to screen: by digits, by what screens ask for, by the palette."""

from __future__ import annotations

from typing import Any

from textual import work
from textual.app import App

from sandbox.control import EditAction
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.looking import OF_THE_APP, REFUSED
from sandbox.tui.messages import (
    OpenEdge,
    OpenLogs,
    OpenRollback,
    OpenService,
    OpenSteering,
    OpenTrace,
    OpenTraces,
    OpenWhy,
)
from sandbox.tui.screens.alerts import AlertsScreen
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.doctor import DoctorScreen
from sandbox.tui.screens.edge import EdgeScreen
from sandbox.tui.screens.events import EventsScreen
from sandbox.tui.screens.logs import LogsScreen
from sandbox.tui.screens.map import MapScreen
from sandbox.tui.screens.overview import OverviewScreen
from sandbox.tui.screens.rollback import RollbackScreen
from sandbox.tui.screens.service import ServiceScreen
from sandbox.tui.screens.steer import SteerMenu, dialog
from sandbox.tui.screens.trace import TraceScreen
from sandbox.tui.screens.traces import TracesScreen
from sandbox.tui.screens.traffic import TrafficScreen
from sandbox.tui.screens.why import WhyScreen

SCREENS: dict[str, type[CockpitScreen]] = {
    "overview": OverviewScreen,
    "map": MapScreen,
    "traffic": TrafficScreen,
    "traces": TracesScreen,
    "logs": LogsScreen,
    "alerts": AlertsScreen,
    "events": EventsScreen,
    "doctor": DoctorScreen,
}


class Going(App[Any]):
    """The part of the application that knows the screens. Each place keeps what was opened on top of it."""

    cockpit: Cockpit

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.cockpit.picture.looks_only and action in OF_THE_APP)

    def add_places(self) -> None:
        for name, screen in SCREENS.items():
            self.add_mode(name, lambda screen=screen: screen(self.cockpit))  # type: ignore[misc]

    @property
    def in_sight(self) -> CockpitScreen | None:
        """Also below a dialog."""
        return next((one for one in reversed(self.screen_stack) if isinstance(one, CockpitScreen)), None)

    async def action_go(self, place: str) -> None:
        """To a place; where one is there already, to its beginning."""
        if self.current_mode == place:
            while len(self.screen_stack) > 1:
                await self.pop_screen()
        else:
            await self.switch_mode(place)

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            await self.pop_screen()

    # --- what screens ask for -----------------------------------------------------------------------------------

    async def on_open_service(self, message: OpenService) -> None:
        await self._put(ServiceScreen(self.cockpit, message.service, message.tab))

    async def on_open_edge(self, message: OpenEdge) -> None:
        await self._put(EdgeScreen(self.cockpit, message.caller, message.callee))

    async def on_open_trace(self, message: OpenTrace) -> None:
        await self._put(TraceScreen(self.cockpit, message.trace, self.size.width))

    async def _put(self, screen: CockpitScreen) -> None:
        """On top; in the place of another one of its kind."""
        if type(self.screen) is type(screen):
            await self.switch_screen(screen)
        else:
            await self.push_screen(screen)

    async def on_open_logs(self, message: OpenLogs) -> None:
        await self.action_go("logs")
        if isinstance(screen := self.screen, LogsScreen):
            screen.call_later(screen.of, message.services, message.trace, message.span)

    async def on_open_traces(self, message: OpenTraces) -> None:
        await self.action_go("traces")
        if isinstance(screen := self.screen, TracesScreen):
            screen.call_later(screen.of_service, message.service)

    def on_open_why(self, message: OpenWhy) -> None:
        self.push_screen(WhyScreen(self.cockpit, message.target))

    @work
    async def on_open_steering(self, message: OpenSteering) -> None:
        action = message.action
        if action is None:
            action = await self.push_screen_wait(SteerMenu(message.service))
        if action is not None:
            self._told(await self.push_screen_wait(dialog(self.cockpit, message.service, action)))

    @work
    async def on_open_rollback(self, message: OpenRollback) -> None:
        if self.cockpit.picture.looks_only:
            self._told(REFUSED)
            return
        self._told(await self.push_screen_wait(RollbackScreen(self.cockpit, message.number)))

    def _told(self, said: str | None) -> None:
        if said and (screen := self.in_sight):
            screen.tell(said)

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_open(self, service: str) -> None:
        self.post_message(OpenService(service))

    def action_logs_of(self, service: str) -> None:
        self.post_message(OpenLogs((service,)))

    def action_traces_of(self, service: str) -> None:
        self.post_message(OpenTraces(service))

    def action_why(self, service: str = "") -> None:
        """About what is named or chosen, where it is in trouble; else about whatever is worst."""
        self.post_message(OpenWhy(service or self._ailing_target()))

    def _ailing_target(self) -> str | None:
        screen, picture = self.in_sight, self.cockpit.picture
        target = screen.target if screen else None
        return target if target and picture.is_ailing(target) else None

    def action_undo(self) -> None:
        self.post_message(OpenRollback())

    def action_steer(self, action: str = "", service: str = "") -> None:
        screen = self.in_sight
        target = service or (screen.target if screen else None)
        if target:
            self.post_message(OpenSteering(target, EditAction(action) if action else None))
        elif screen:
            screen.tell("choose a service first", "warning")
