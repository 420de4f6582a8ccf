"""The table of services above the log of the selected one."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Sequence
from typing import ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Footer

from sandbox.control import (
    InstanceStatus,
    LogLine,
    LogsControl,
    ProjectStatus,
    ServiceStatus,
    TelemetrySnapshot,
)
from sandbox.errors import SandboxError
from sandbox.events import Event
from sandbox.tui import words
from sandbox.tui.feed import Feed, Watched
from sandbox.tui.logstream import Choice, LogStream
from sandbox.tui.messages import EventsArrived, StatusArrived, SupervisorAway, TelemetryArrived
from sandbox.tui.orders import Ordered, Orders
from sandbox.tui.reloadlines import ReloadLines
from sandbox.tui.screens.confirm import ConfirmScreen
from sandbox.tui.screens.events import EventsScreen
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.table import rows
from sandbox.tui.widgets.filterline import FilterLine
from sandbox.tui.widgets.headline import Headline
from sandbox.tui.widgets.line import Line
from sandbox.tui.widgets.logpane import LogPane
from sandbox.tui.widgets.services import ServiceTable
from sandbox.tui.words import Tone

MOST_EVENTS = 500

KEYS = (
    ("↑ ↓  j k", "move through services, or through the log"),
    ("enter", "show a service's instances, or hide them"),
    ("r", "restart the service"),
    ("s", "stop it, or start it again"),
    ("+  -", "one replica more or less (of the selected version)"),
    ("l", "go to the log; ← → scroll it sideways, end follows it again"),
    ("c", "copy the log line (while following: the newest)"),
    ("e", "everything that happened"),
    ("w", "pause reloading by saves, or apply what was saved and resume"),
    ("/", "show only services whose name contains…"),
    ("esc", "back to the table; clears the filter"),
    ("t", "another theme"),
    ("q", "leave; the cluster keeps running"),
    ("D", "stop the whole cluster and leave"),
)
"""Shown by `?`."""


class Steered(Watched, Ordered, LogsControl, Protocol):
    """What the screen needs of the control."""


class MainScreen(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.leave", "quit"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("r", "restart", "restart"),
        Binding("s", "stop_or_start", "stop/start"),
        Binding("plus,equals_sign", "scale(1)", "scale", key_display="+ -"),
        Binding("minus", "scale(-1)", "scale down", show=False),
        Binding("l", "read_log", "log"),
        Binding("e", "list_events", "events"),
        Binding("slash", "filter", "filter", priority=True),  # so that the keys right behind it are text already
        Binding("w", "pause_or_resume", "pause", show=False),
        Binding("c", "copy_line", "copy", show=False),
        Binding("escape", "back", "back", show=False),
        Binding("D", "down", "down", show=False),
    ]
    DEFAULT_CSS = """
    MainScreen {
        layout: vertical;
        ServiceTable { max-height: 55%; }
        #away, #watch { background: $warning 30%; text-style: bold; }
        #event { background: $panel; }
    }
    """

    def __init__(self, control: Steered) -> None:
        super().__init__()
        self._orders = Orders(control)
        self._feed = Feed(control, self.post_message)
        self._logs = LogStream(control, begin=self._begin_log, show=self._show_log)
        self._status: ProjectStatus | None = None
        self._telemetry: TelemetrySnapshot | None = None
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._opened: set[str] = set()
        self._choice: Choice | None = None
        self._reloads: ReloadLines | None = None  # among the lines of the log that is shown

    def compose(self) -> ComposeResult:
        yield Headline()
        yield Line(id="away", classes="-fleeting")
        yield Line(id="watch", classes="-fleeting")
        yield Line(id="warning", classes="-fleeting -wrapping")
        yield ServiceTable()
        yield FilterLine()
        yield Line(id="detail", classes="-wrapping")
        yield Line(id="hint", classes="-fleeting")
        yield LogPane()
        yield Line(id="event")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        for name in ("#away", "#watch", "#warning", "#hint"):
            self.query_one(name, Line).display = False
        self.query_one(ServiceTable).focus()
        self._feed.open()

    async def on_unmount(self) -> None:
        await self._logs.close()
        await self._feed.close()

    @property
    def informed(self) -> bool:
        """Whether state and numbers are known."""
        return self._status is not None and self._telemetry is not None

    # --- what is heard ------------------------------------------------------------------------------------------

    def on_status_arrived(self, message: StatusArrived) -> None:
        self._status = message.status
        self._orders.heard()
        self._say("#away", "")
        self._say("#watch", words.watch(message.status.watch), Tone.BUSY)
        self._say("#warning", words.warning(message.status), Tone.BUSY)
        self.query_one(Headline).status = message.status
        self._show_services()

    def on_telemetry_arrived(self, message: TelemetryArrived) -> None:
        self._telemetry = message.telemetry
        self._show_services()

    def on_events_arrived(self, message: EventsArrived) -> None:
        self._events.extend(message.events)
        self._say("#event", *words.event_line(self._events[-1]))
        if self._reloads is not None and (lines := self._reloads.new(message.events)):
            self.query_one(LogPane).show(lines)
        if isinstance(self.app.screen, EventsScreen):
            self.app.screen.events = tuple(self._events)

    def on_supervisor_away(self, message: SupervisorAway) -> None:
        self._say("#away", f"▲ {message.reason}", Tone.BUSY)

    def _show_services(self) -> None:
        if self._status is None:
            return
        wanted = self.query_one(FilterLine).text
        self.query_one(ServiceTable).rows = rows(self._status, self._telemetry, self._opened, wanted)
        self._say("#hint", words.hint(self._status, self._telemetry), Tone.BUSY)

    def _say(self, line: str, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.query_one(line, Line).said = (text, tone)

    # --- the selected service -----------------------------------------------------------------------------------

    @property
    def _selected(self) -> tuple[ServiceStatus, InstanceStatus | None] | None:
        row = self.query_one(ServiceTable).row
        if row is None or self._status is None:
            return None
        service = next((one for one in self._status.services if one.name == row.service), None)
        if service is None:
            return None
        return service, next((one for one in service.instances if one.id == row.instance), None)

    @on(ServiceTable.Chosen)
    def _describe(self) -> None:
        if self._selected is None:
            self._say("#detail", "no service's name contains that" if self._status else "")
            return
        service, instance = self._selected
        self._say("#detail", *words.detail(service, instance))
        pane = self.query_one(LogPane)
        pane.names = len(service.instances) > 1 and instance is None
        choice = Choice(service.name, instance.id if instance else None)
        if choice != self._choice:
            self._choice = choice
            pane.source = choice.title
            pane.clear("nothing logged yet")
            self._begin_reloads(choice)
            self._logs.choose(choice)

    @on(ServiceTable.Opened)
    def _open_or_close(self, message: ServiceTable.Opened) -> None:
        self._opened ^= {message.service}
        self._show_services()

    def _begin_log(self) -> None:
        self.query_one(LogPane).clear()
        if self._choice is not None:
            self._begin_reloads(self._choice)

    def _begin_reloads(self, choice: Choice) -> None:
        self._reloads = None if choice.instance else ReloadLines(choice.service)

    def _show_log(self, lines: Sequence[LogLine]) -> None:
        shown = lines if self._reloads is None else self._reloads.among(lines, self._events)
        self.query_one(LogPane).show(shown)

    # --- orders -------------------------------------------------------------------------------------------------

    def action_restart(self) -> None:
        if self._selected:
            self._give(self._orders.restart(self._selected[0]))

    def action_stop_or_start(self) -> None:
        if self._selected:
            self._give(self._orders.stop_or_start(self._selected[0]))

    def action_scale(self, by: int) -> None:
        row = self.query_one(ServiceTable).row
        if self._selected and row:
            self._give(self._orders.scale(self._selected[0], row.version, by))

    def action_pause_or_resume(self) -> None:
        if self._status:
            self._give(self._orders.pause_or_resume(self._status.watch))

    @work
    async def _give(self, order: Awaitable[str]) -> None:
        try:
            self._tell(await order)
        except SandboxError as error:
            self._tell(f"{error}\n{error.hint}".rstrip(), "error")
        self._feed.hurry()

    def _tell(self, text: str, severity: SeverityLevel = "information") -> None:
        """Answer a key; the newest answer alone is shown."""
        self.app.clear_notifications()
        self.notify(text, severity=severity, timeout=8 if severity == "error" else 3, markup=False)

    # --- other keys ---------------------------------------------------------------------------------------------

    def action_read_log(self) -> None:
        self.query_one(LogPane).focus()

    @on(LogPane.Left)
    @on(FilterLine.Done)
    def _to_table(self) -> None:
        self.query_one(ServiceTable).focus()

    def action_copy_line(self) -> None:
        line = self.query_one(LogPane).line
        if text := self.get_selected_text() or (line.text if line else ""):
            self.app.copy_to_clipboard(text)
            self._tell(f"copied: {text.splitlines()[0][:60]}")
        else:
            self._tell("there is no log line to copy", "warning")

    def action_list_events(self) -> None:
        self.app.push_screen(EventsScreen(tuple(self._events)))

    def action_filter(self) -> None:
        self.query_one(FilterLine).ask()

    def action_back(self) -> None:
        self.query_one(FilterLine).drop()
        self._to_table()

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        self._show_services()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("keys", KEYS))

    @work
    async def action_down(self) -> None:
        if self._status is None:
            return
        count = len(self._status.services)
        question = f"Stop all of {self._status.project}: {count} services and the proxy?"
        if await self.app.push_screen_wait(ConfirmScreen(question, "stop everything and leave")):
            await self.app.run_action("down")
