"""What services print, together or some of them, narrowed as one types."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import LogLine
from sandbox.errors import SandboxError, UsageError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.export import write_lines
from sandbox.tui.logfilter import Level, LogFilter, log_filter, trace_of
from sandbox.tui.logstream import Choice, LogStream
from sandbox.tui.messages import OpenTrace
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.choose import ChooseScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.filterline import FilterLine
from sandbox.tui.widgets.line import Line
from sandbox.tui.widgets.logpane import LogPane
from sandbox.tui.words import Tone

MOST = 100_000
_TAIL = 5_000


class LogsScreen(CockpitScreen):
    PLACE = "logs"
    KEYS: ClassVar[Keys] = (
        ("/", "show only lines that contain…, while you type; capitals count where you type some"),
        ("R", "what you type is a regular expression, or plain text"),
        ("i", "from which level on: all, info, warnings, errors"),
        ("s", "of which services"),
        ("space", "stand still, or follow; end follows too"),
        ("↑ ↓ pgup home", "move; lines that come leave your place as it is"),
        ("w", "wrap long lines, or ← → scroll sideways"),
        ("enter  T", "the trace that the line belongs to"),
        ("V", "begin a selection, or drop it"),
        ("c", "copy the line, or the selection"),
        ("E", "write what is shown into a file here"),
        ("esc", "everything again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", priority=True),
        Binding("i", "level", "level"),
        Binding("s", "services", "services"),
        Binding("space", "pause", "pause"),
        Binding("w", "wrap", "wrap", show=False),
        Binding("R", "regex", "regex", show=False),
        Binding("enter,T", "trace", "trace"),
        Binding("V", "select", "select", show=False),
        Binding("c", "copy", "copy", show=False),
        Binding("E", "export", "export", show=False),
        Binding("escape", "back", "back", show=False),  # where the log itself has the focus, it takes it
    ]
    DEFAULT_CSS = """
    LogsScreen LogPane, LogsScreen LogPane:focus { border-top: none; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._logs = LogStream(cockpit.control, begin=self._begin, show=self._show, tail=_TAIL, most=MOST)
        self._services: tuple[str, ...] = ()
        self._least = Level.DEBUG
        self._regex = False
        self._trace = ""
        self._span: tuple[float, float] | None = None  # of the trace
        self._by_time = False  # no line names the trace: those of its time are shown

    def body(self) -> ComposeResult:
        yield LogPane(MOST)
        yield FilterLine("show only ", "what lines contain")
        yield Line(id="about")

    def on_mount(self) -> None:
        pane = self.query_one(LogPane)
        pane.whose = True
        pane.empty = "nothing logged yet"
        pane.focus()
        self._logs.choose(Choice(self._services))

    async def on_unmount(self) -> None:
        await self._logs.close()

    # --- what is shown ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.query_one(LogPane).clear("nothing logged yet")

    def _show(self, lines: Sequence[LogLine]) -> None:
        for pane in self.query(LogPane):  # none while the screen is taken down
            pane.show(lines)
            self._fall_back()

    def of(self, services: tuple[str, ...], trace: str = "", span: tuple[float, float] | None = None) -> None:
        """Show only these services, and only the lines of one trace where one is named."""
        self._services, self._trace, self._span, self._by_time = services, trace, span, False
        self.query_one(FilterLine).drop()
        self._narrow()
        self._fall_back()

    def _fall_back(self) -> None:
        """Where no line names the trace, what its services printed in its time is the next best."""
        view = self.query_one(LogPane).view
        if self._trace and self._span and not self._by_time and view.kept and not len(view):
            self._by_time = True
            self._narrow()

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        line, pane = self.query_one(FilterLine), self.query_one(LogPane)
        try:
            wanted = self._wanted(line.typed)
        except UsageError as error:
            line.remark(error.message)
            return
        pane.want(wanted)
        line.remark("")
        self._describe()

    def _wanted(self, text: str) -> LogFilter:
        return log_filter(
            text,
            regex=self._regex,
            least=self._least,
            services=frozenset(self._services),
            trace="" if self._by_time else self._trace,
            span=self._span if self._by_time else None,
        )

    @on(LogPane.Placed)
    def _describe(self) -> None:
        view = self.query_one(LogPane).view
        parts = [", ".join(self._services) or "all services"] if not self._trace else []
        parts += [f"trace {self._trace[:8]}"] if self._trace else []
        parts += ["no line names it, so these are of its time"] if self._by_time else []
        parts += [f"{self._least.name.lower()} and above"] if self._least else []
        parts += ["regular expression"] if self._regex else []
        count = f"{len(view):,} of {view.kept:,} lines" if not view.filter.is_everything else f"{view.kept:,} lines"
        parts.append(count)
        if not view.following:
            place = f"line {view.index(view.cursor) + 1:,}"
            parts.append(f"‖ stands still at {place}, {view.unseen:,} new below: end follows")
        self.query_one("#about", Line).said = (" · ".join(parts), Tone.OFF if view.following else Tone.BUSY)

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.query_one(FilterLine).ask()

    @on(FilterLine.Done)
    def _to_pane(self) -> None:
        self.query_one(LogPane).focus()

    def action_back(self) -> None:
        """Out of the filter and without it; what else narrows stays until escape is pressed once more."""
        self.query_one(FilterLine).drop()
        self._to_pane()

    @on(LogPane.Left)
    def _everything(self) -> None:
        self._least, self._regex = Level.DEBUG, False
        self.query_one(LogPane).mark = None
        self.of(())
        self._to_pane()

    def action_level(self) -> None:
        self._least = Level((self._least + 1) % len(Level))
        self._narrow()

    def action_regex(self) -> None:
        self._regex = not self._regex
        self._narrow()

    def action_pause(self) -> None:
        self.query_one(LogPane).pause_or_follow()

    def action_wrap(self) -> None:
        pane = self.query_one(LogPane)
        pane.wraps = not pane.wraps

    def action_select(self) -> None:
        self.query_one(LogPane).select_or_not()

    @work
    async def action_services(self) -> None:
        names = [service.name for service in self.cockpit.picture.services]
        chosen = await self.app.push_screen_wait(ChooseScreen("logs of which services", names, self._services))
        if chosen is not None:
            self.of(() if len(chosen) == len(names) else tuple(chosen), self._trace, self._span)

    def action_trace(self) -> None:
        line = self.query_one(LogPane).line
        trace = trace_of(line.text) if line else None
        if trace:
            self.post_message(OpenTrace(trace))
        else:
            self.tell("this line names no trace; services log its id when they log the header traceparent", "warning")

    def action_copy(self) -> None:
        self.copy_lines()
        pane = self.query_one(LogPane)
        pane.mark = None
        pane.refresh()

    def action_export(self) -> None:
        view = self.query_one(LogPane).view
        project = self.cockpit.picture.status.project if self.cockpit.picture.status else "sandbox"
        file = Path.cwd() / f"{project}-logs-{time.strftime('%Y%m%d-%H%M%S')}.txt"
        try:
            count = write_lines(file, view.between(view.first, view.end))
        except SandboxError as error:
            self.tell(f"{error}\n{error.hint}", "error")
        else:
            self.tell(f"{count:,} lines are in {file}")

    @property
    def target(self) -> str | None:
        line = self.query_one(LogPane).line
        return line.service if line and self.cockpit.picture.service(line.service) else None
