"""The terminal UI as an application: what is heard goes into the picture, and from there to the screen in sight."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sandbox.control import Control
from sandbox.tui.attention import Attention
from sandbox.tui.cockpit import Cockpit, Examine, Remembered
from sandbox.tui.commands import Commands
from sandbox.tui.feed import Feed
from sandbox.tui.going import Going
from sandbox.tui.messages import (
    AlertsArrived,
    DiagnosisArrived,
    EventsArrived,
    StatusArrived,
    SupervisorAway,
    TelemetryArrived,
    TrafficArrived,
)
from sandbox.tui.picture import Picture
from sandbox.tui.places import PLACES
from sandbox.tui.screens.confirm import ConfirmScreen
from sandbox.tui.screens.tour import TourScreen
from sandbox.tui.themes import OWN, THEMES, following


class TuiResult(Enum):
    """How the user left. With QUIT everything still runs; with DOWN they asked for its end, which is the caller's to
    bring; with ENDED somebody else brought it."""

    QUIT = "quit"
    ENDED = "ended"
    DOWN = "down"


class SandboxApp(Going):
    TITLE = "sandbox"
    DEFAULT_MODE = "overview"
    COMMANDS = {Commands}  # noqa: RUF012  # as Textual has it
    CSS = """
    ToastRack { margin-bottom: 2; }
    Toast { width: auto; max-width: 70; padding: 0 1; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.key, f"go({place.name!r})", place.name, show=False) for place in PLACES),
        Binding("u", "undo", "undo", show=False),
        Binding("f", "steer('fault')", "fault", show=False),
        Binding("v", "steer('split')", "weights", show=False),
        Binding("x", "steer", "steer", show=False),
        Binding("g", "load", "send traffic", show=False),
        Binding("K", "keep", "keep", show=False),
        Binding("B", "go_back", "back", show=False),
        Binding("t", "next_theme", "theme", show=False),
        Binding("D", "ask_for_down", "down", show=False),
        Binding("ctrl+c", "leave", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        control: Control,
        remembered: Remembered | None = None,
        examine: Examine | None = None,
        now: Callable[[], float] = time.time,
        *,
        looks_only: bool = False,
    ) -> None:
        """remembered: also decides whether the tour is shown; without it there is none. looks_only: as in `Cockpit`."""
        super().__init__()
        self._remembered = remembered or Remembered()
        self._tours = remembered is not None and not remembered.preferences.toured
        self._feed = Feed(control, self.post_message)
        self._attention = Attention()
        self.cockpit = Cockpit(control, self._feed.hurry, examine, now, looks_only=looks_only)
        for theme in OWN:
            self.register_theme(theme)
        if self._remembered.preferences.theme in THEMES:
            self.theme = self._remembered.preferences.theme
        self.add_places()

    @property
    def picture(self) -> Picture:
        return self.cockpit.picture

    def on_mount(self) -> None:
        self._feed.open()
        if self._tours:
            self.action_tour()

    async def on_unmount(self) -> None:
        await self._feed.close()

    # --- what is heard ------------------------------------------------------------------------------------------

    def on_status_arrived(self, message: StatusArrived) -> None:
        self.picture.status = message.status
        self.picture.away, self.picture.ended = "", False
        self.cockpit.orders.heard()
        self._show()

    def on_telemetry_arrived(self, message: TelemetryArrived) -> None:
        if not self.picture.ended:
            self.picture.telemetry = message.telemetry
        self._show()

    def on_events_arrived(self, message: EventsArrived) -> None:
        self.picture.events.extend(message.events)
        self._show()

    def on_alerts_arrived(self, message: AlertsArrived) -> None:
        if not self.picture.ended:
            self.picture.alerts = message.alerts
        self._show()

    def on_diagnosis_arrived(self, message: DiagnosisArrived) -> None:
        if not self.picture.ended:
            self.picture.diagnosis = message.diagnosis
        self._show()

    def on_traffic_arrived(self, message: TrafficArrived) -> None:
        self.picture.traffic = message.traffic
        self._show()

    def on_supervisor_away(self, message: SupervisorAway) -> None:
        self.picture.away = message.reason
        if message.ended is not None:
            self.picture.end(message.ended)
        self._show()

    def _show(self) -> None:
        if screen := self.in_sight:
            screen.heard()
        if self._attention.rings(self.picture):
            self.bell()
        if (title := self._attention.title(self.picture)) and self._driver and not self.is_headless:
            self._driver.write(f"\x1b]0;{title}\x07")

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_next_theme(self) -> None:
        self.action_take_theme(following(self.theme))

    def action_take_theme(self, theme: str) -> None:
        self.theme = theme
        self._remembered.preferences.theme = theme
        self._remembered.save()
        if screen := self.in_sight:
            screen.tell(f"theme {theme}")

    def action_help(self) -> None:
        if screen := self.in_sight:
            screen.show_help()

    @work
    async def action_tour(self) -> None:
        await self.push_screen_wait(TourScreen())
        self._remembered.preferences.toured = True
        self._remembered.save()

    def action_keep(self) -> None:
        if screen := self.in_sight:
            screen.give(self.cockpit.orders.keep(self.picture.traffic))

    def action_go_back(self) -> None:
        if screen := self.in_sight:
            screen.give(self.cockpit.orders.go_back(self.picture.traffic))

    def action_load(self) -> None:
        if screen := self.in_sight:
            screen.give(self.cockpit.orders.send_or_not())

    def action_order(self, order: str, service: str) -> None:
        """One of the orders that concern a whole service."""
        screen, found = self.in_sight, self.picture.service(service)
        if screen and found and order in ("restart", "stop_or_start"):
            orders = self.cockpit.orders
            screen.give(orders.restart(found) if order == "restart" else orders.stop_or_start(found))

    def action_leave(self) -> None:
        self.exit(TuiResult.ENDED if self.picture.ended else TuiResult.QUIT)

    @work
    async def action_ask_for_down(self) -> None:
        if (status := self.picture.status) is None:
            return
        question = f"Stop all of {status.project}: {len(status.services)} services and the proxy?"
        if await self.push_screen_wait(ConfirmScreen(question, "stop everything and leave")):
            self.exit(TuiResult.DOWN)


async def run_tui(
    control: Control,
    remembered: Remembered | None = None,
    examine: Examine | None = None,
    *,
    looks_only: bool = False,
) -> TuiResult:
    """Show the project until the user leaves. Stops nothing itself."""
    return await SandboxApp(control, remembered, examine, looks_only=looks_only).run_async() or TuiResult.QUIT
