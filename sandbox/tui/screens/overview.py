"""The table of services above the log of the selected one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import InstanceStatus, InstanceUsage, LogLine, MetricsAnswer, ServiceStatus
from sandbox.tui import words
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.condition import detail
from sandbox.tui.logstream import Choice, LogStream
from sandbox.tui.messages import OpenService
from sandbox.tui.numbers import STRETCH, TRENDS, Numbers, reloads, shares, trends, used
from sandbox.tui.questions import Question
from sandbox.tui.reloadlines import ReloadLines
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.table import COLUMNS, ServiceRow, rows
from sandbox.tui.widgets.filterline import FilterLine
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.line import Line
from sandbox.tui.widgets.logpane import LogPane
from sandbox.tui.words import Tone

_USAGE_EVERY = 3.0
_TRENDS_EVERY = 5.0


class OverviewScreen(CockpitScreen):
    PLACE = "overview"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through services, or through the log"),
        ("enter", "open the service's page"),
        ("space", "show its instances, or hide them"),
        ("f  v  x", "a fault · versions' weights · all ways to steer it"),
        ("r", "restart the service"),
        ("s", "stop it, or start it again"),
        ("+  -", "one replica more or less (of the selected version)"),
        ("l", "go to the log; ← → scroll it sideways, end follows it again"),
        ("c", "copy the log line (while following: the newest)"),
        ("w", "pause reloading by saves, or apply what was saved and resume"),
        ("/", "show only services whose name contains…"),
        ("esc", "back to the table; clears the filter"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "nothing", "open", show=True),  # done by the table
        Binding("space", "instances", "instances", show=False),
        Binding("r", "restart", "restart"),
        Binding("s", "stop_or_start", "stop/start"),
        Binding("plus,equals_sign", "scale(1)", "scale", key_display="+ -", show=False),
        Binding("minus", "scale(-1)", "scale down", show=False),
        Binding("l", "read_log", "log", show=False),
        Binding("slash", "filter", "filter", priority=True),  # so that the keys right behind it are text already
        Binding("w", "pause_or_resume", "pause", show=False),
        Binding("c", "copy_line", "copy", show=False),
        Binding("escape", "back", "back", show=False),
    ]
    DEFAULT_CSS = """
    OverviewScreen {
        #services { max-height: 55%; }
        #event { background: $panel; }
    }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._logs = LogStream(cockpit.control, begin=self._begin_log, show=self._show_log)
        self._numbers = Numbers()
        self._opened: set[str] = set()
        self._settled = False  # whether the cursor has its place
        self._choice: Choice | None = None
        self._reloads: ReloadLines | None = None  # among the lines of the log that is shown

    def body(self) -> ComposeResult:
        yield Grid(COLUMNS, id="services")
        yield FilterLine()
        yield Line(id="detail", classes="-wrapping")
        yield Line(id="hint", classes="-fleeting")
        yield LogPane()
        yield Line(id="event")

    def on_mount(self) -> None:
        self.query_one("#hint", Line).display = False
        self.query_one(Grid).focus()

    def questions(self) -> Iterable[Question]:
        metrics = self.cockpit.control.metrics
        yield Question("CPU and memory", metrics.usage, self._take_usage, _USAGE_EVERY)
        yield Question("numbers over time", self._ask_for_trends, self._take_trends, _TRENDS_EVERY)

    async def on_unmount(self) -> None:
        await self._logs.close()

    # --- what is heard ------------------------------------------------------------------------------------------

    async def _ask_for_trends(self) -> MetricsAnswer:
        return await self.cockpit.control.metrics.query(replace(TRENDS, since=self.cockpit.now() - STRETCH))

    def _take_usage(self, usages: tuple[InstanceUsage, ...]) -> None:
        self._numbers = replace(self._numbers, used=used(usages))
        self._show_services()

    def _take_trends(self, answer: MetricsAnswer) -> None:
        self._numbers = replace(self._numbers, trends=trends(answer))
        self._show_services()

    def look(self) -> None:
        picture = self.cockpit.picture
        self._numbers = replace(self._numbers, shares=shares(picture.telemetry), reloads=reloads(picture.events))
        self._show_services()
        self._settle()
        if picture.events:
            self._say("#event", *words.event_line(picture.events[-1]))
        fresh = [event for event in picture.events if event.reload]
        if self._reloads is not None and (lines := self._reloads.new(fresh)):
            self.query_one(LogPane).show(lines)

    def _settle(self) -> None:
        """The first time that state and numbers are known, the cursor is on what needs a look most."""
        grid = self.query_one(Grid)
        if not self._settled and self.cockpit.picture.informed and grid.rows:
            self._settled = True
            grid.cursor = grid.rows[0].key

    def _show_services(self) -> None:
        picture = self.cockpit.picture
        if picture.status is None:
            return
        wanted = self.query_one(FilterLine).text
        how = picture.conditions
        self.query_one(Grid).rows = rows(picture.status, picture.telemetry, self._opened, wanted, self._numbers, how)
        self._say("#hint", words.hint(picture.status, picture.telemetry), Tone.BUSY)

    def _say(self, line: str, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.query_one(line, Line).said = (text, tone)

    # --- the selected service -----------------------------------------------------------------------------------

    @property
    def target(self) -> str | None:
        row = self._row
        return row.service if row else None

    @property
    def _row(self) -> ServiceRow | None:
        row = self.query_one(Grid).row
        return row if isinstance(row, ServiceRow) else None

    @property
    def _selected(self) -> tuple[ServiceStatus, InstanceStatus | None] | None:
        row = self._row
        service = self.cockpit.picture.service(row.service) if row else None
        if row is None or service is None:
            return None
        return service, next((one for one in service.instances if one.id == row.instance), None)

    @on(Grid.Chosen)
    def _describe(self) -> None:
        if self._selected is None:
            self._say("#detail", "no service's name contains that" if self.cockpit.picture.status else "")
            return
        service, instance = self._selected
        self._say("#detail", *detail(service, instance, self.cockpit.picture.conditions.get(service.name)))
        pane = self.query_one(LogPane)
        pane.names = len(service.instances) > 1 and instance is None
        choice = Choice((service.name,), instance.id if instance else None)
        if choice != self._choice:
            self._choice = choice
            pane.source = choice.title
            pane.clear("nothing logged yet")
            self._begin_reloads(choice)
            self._logs.choose(choice)

    @on(Grid.Opened)
    def _open(self, message: Grid.Opened) -> None:
        if isinstance(message.row, ServiceRow):
            self.post_message(OpenService(message.row.service))

    def action_instances(self) -> None:
        if row := self._row:
            self._opened ^= {row.service}
            self._show_services()

    def _begin_log(self) -> None:
        self.query_one(LogPane).clear()
        if self._choice is not None:
            self._begin_reloads(self._choice)

    def _begin_reloads(self, choice: Choice) -> None:
        self._reloads = None if choice.instance else ReloadLines(choice.services[0])

    def _show_log(self, lines: Sequence[LogLine]) -> None:
        shown = lines if self._reloads is None else self._reloads.among(lines, self.cockpit.picture.events)
        for pane in self.query(LogPane):  # none while the screen is taken down
            pane.show(shown)

    # --- orders -------------------------------------------------------------------------------------------------

    def action_restart(self) -> None:
        if self._selected:
            self.give(self.cockpit.orders.restart(self._selected[0]))

    def action_stop_or_start(self) -> None:
        if self._selected:
            self.give(self.cockpit.orders.stop_or_start(self._selected[0]))

    def action_scale(self, by: int) -> None:
        row = self._row
        if self._selected and row:
            self.give(self.cockpit.orders.scale(self._selected[0], row.version, by))

    def action_pause_or_resume(self) -> None:
        if status := self.cockpit.picture.status:
            self.give(self.cockpit.orders.pause_or_resume(status.watch))

    # --- other keys ---------------------------------------------------------------------------------------------

    def action_nothing(self) -> None:
        """Only named in the footer: the table does it."""

    def action_read_log(self) -> None:
        self.query_one(LogPane).focus()

    @on(LogPane.Left)
    @on(FilterLine.Done)
    def _to_table(self) -> None:
        self.query_one(Grid).focus()

    def action_copy_line(self) -> None:
        if text := self.get_selected_text():
            self.app.copy_to_clipboard(text)
            self.tell(f"copied: {text.splitlines()[0][:60]}")
        else:
            self.copy_lines()

    def action_filter(self) -> None:
        self.query_one(FilterLine).ask()

    def action_back(self) -> None:
        self.query_one(FilterLine).drop()
        self._to_table()

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        self._show_services()
