"""One request, hop by hop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Span, Trace
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.messages import OpenLogs, OpenService, OpenWhy
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.traces import bar_width, hops, span_lines, waterfall
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.line import Line
from sandbox.tui.words import Tone, clock, milliseconds
from sandbox.wording import counted

_EVERY = 2.0
_BEFORE, _AFTER = 0.05, 0.3
"""Seconds around a trace in which its lines are read: a line has the time at which it was read."""


class TraceScreen(CockpitScreen):
    PLACE = "traces"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through hops"),
        ("l", "what services printed during it"),
        ("y", "why it went as it did"),
        ("enter", "the page of the hop's service"),
        ("c", "copy its id"),
        ("!", "go to the hop that failed first"),
        ("bars", "█ in the service  ━ measured by the proxy"),
        ("esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "logs", "its logs"),
        Binding("y,w", "why", "why"),
        Binding("exclamation_mark", "worst", "failed hop", key_display="!"),
        Binding("c", "copy", "copy id", show=False),
        Binding("escape", "app.back", "back"),
    ]
    DEFAULT_CSS = """
    TraceScreen #hops { height: 1fr; }
    TraceScreen Detail { max-height: 40%; min-height: 4; }
    """

    def __init__(self, cockpit: Cockpit, trace: str, width: int) -> None:
        super().__init__(cockpit)
        self.id_of_trace = trace
        self._trace: Trace | None = None
        self._columns = hops(width)

    def body(self) -> ComposeResult:
        yield Line(id="about")
        yield Grid(self._columns, empty="looking…", id="hops")
        yield Detail()

    def on_mount(self) -> None:
        self.query_one(Grid).focus()

    def questions(self) -> Iterable[Question]:
        yield Question("trace", self._ask, self._take, _EVERY)

    async def _ask(self) -> Trace:
        if self._trace is not None and self._trace.complete:
            return self._trace
        return await self.cockpit.control.traces.get(self.id_of_trace)

    def _take(self, trace: Trace) -> None:
        first = self._trace is None
        self._trace = trace
        self._show()
        if first:
            self.action_worst()

    def on_resize(self) -> None:
        self.query_one(Grid).set_columns(hops(self.size.width))
        self._show()

    def _show(self) -> None:
        if (trace := self._trace) is None:
            return
        self.query_one(Grid).rows = waterfall(trace, bar_width(self.size.width))
        start = min((span.start for span in trace.spans), default=0.0)
        end = max((span.start + span.duration for span in trace.spans), default=0.0)
        parts = [trace.id, clock(start), milliseconds((end - start) * 1000), counted(len(trace.spans), "hop")]
        parts += [] if trace.complete else ["more may come"]
        self.query_one("#about", Line).said = (" · ".join(parts), Tone.PLAIN)

    @property
    def _span(self) -> Span | None:
        cursor = self.query_one(Grid).cursor
        return next((one for one in self._trace.spans if one.id == cursor), None) if self._trace else None

    @property
    def target(self) -> str | None:
        span = self._span
        return span.service if span and self.cockpit.picture.service(span.service) else None

    @on(Grid.Chosen)
    def _describe(self) -> None:
        span, trace = self._span, self._trace
        self.query_one(Detail).say("", span_lines(span, trace) if span and trace else [])

    @on(Grid.Opened)
    def _open(self) -> None:
        if self.target:
            self.post_message(OpenService(self.target))

    def action_worst(self) -> None:
        """The deepest that failed is where it began."""
        failed = [span for span in self._trace.spans if span.error] if self._trace else []
        if failed:
            self.query_one(Grid).cursor = failed[-1].id

    def action_logs(self) -> None:
        if (trace := self._trace) is None or not trace.spans:
            return
        known = {service.name for service in self.cockpit.picture.services}
        services = dict.fromkeys(span.service for span in trace.spans if span.service in known)
        start = min(span.start for span in trace.spans)
        end = max(span.start + span.duration for span in trace.spans)
        self.post_message(OpenLogs(tuple(services), trace.id, (start - _BEFORE, end + _AFTER)))

    def action_why(self) -> None:
        self.post_message(OpenWhy(self.id_of_trace))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.id_of_trace)
        self.tell(f"copied: {self.id_of_trace}")
