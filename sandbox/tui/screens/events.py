"""What happened so far, the newest first."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.events import Event
from sandbox.tui import eventlist
from sandbox.tui.messages import OpenService
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.filterline import FilterLine
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.words import Tone


class EventsScreen(CockpitScreen):
    PLACE = "events"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through events"),
        ("enter", "open the page of the service it happened to"),
        ("/", "show only events whose words contain…"),
        ("esc", "all of them again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", priority=True),
        Binding("escape", "back", "back", show=False),
    ]
    DEFAULT_CSS = """
    EventsScreen #events { height: 1fr; }
    """

    def body(self) -> ComposeResult:
        yield Grid(eventlist.COLUMNS, empty="nothing happened yet", id="events")
        yield FilterLine("show only ", "part of what happened")
        yield Detail()

    def on_mount(self) -> None:
        self.query_one(Grid).focus()

    def look(self) -> None:
        wanted = self.query_one(FilterLine).text
        self.query_one(Grid).rows = eventlist.rows(self.cockpit.picture.events, wanted)

    @property
    def _event(self) -> Event | None:
        cursor = self.query_one(Grid).cursor
        return next((one for one in self.cockpit.picture.events if eventlist.key(one) == cursor), None)

    @property
    def target(self) -> str | None:
        return self._event.service if self._event else None

    @on(Grid.Chosen)
    def _describe(self) -> None:
        event = self._event
        lines = [] if event is None else [(event.message, eventlist.TONES[event.severity])]
        if event:
            lines += [(line, Tone.OFF) for line in event.detail.splitlines()]
            lines.append((" · ".join(filter(None, [event.kind, event.service, event.instance])), Tone.OFF))
        self.query_one(Detail).say("", lines)

    @on(Grid.Opened)
    def _open(self) -> None:
        if self.target:
            self.post_message(OpenService(self.target))

    def action_filter(self) -> None:
        self.query_one(FilterLine).ask()

    def action_back(self) -> None:
        self.query_one(FilterLine).drop()
        self.query_one(Grid).focus()

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        self.look()

    @on(FilterLine.Done)
    def _to_list(self) -> None:
        self.query_one(Grid).focus()
