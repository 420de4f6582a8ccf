"""What one service asks of another: rate, errors and latency over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Graph, Metric, MetricsAnswer, MetricsQuery
from sandbox.tui import chart
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.mapmodel import edge_line
from sandbox.tui.messages import OpenService, OpenTraces
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.charts import Charts
from sandbox.tui.widgets.line import Line
from sandbox.tui.words import Tone

_SPAN = 300.0
_EVERY = 3.0


class EdgeScreen(CockpitScreen):
    PLACE = "map"
    KEYS: ClassVar[Keys] = (
        ("enter", "open the page of the service that is called"),
        ("f  v  x", "steer the service that is called"),
        ("T", "traces of the service that is called"),
        ("esc", "back to the map"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "the service"),
        Binding("T", "traces", "traces"),
        Binding("escape", "app.back", "back"),
    ]

    def __init__(self, cockpit: Cockpit, caller: str, callee: str) -> None:
        super().__init__(cockpit)
        self.caller = caller
        self.callee = callee
        self._golden: tuple[chart.Chart, ...] = ()
        self._versions: tuple[chart.Chart, ...] = ()

    def body(self) -> ComposeResult:
        yield Line(id="about", classes="-wrapping")
        yield Charts()
        yield Line(id="legend")

    def questions(self) -> Iterable[Question]:
        yield Question("live graph", self.cockpit.control.metrics.graph, self._take_graph, 1.0)
        yield Question("numbers over time", self._ask_golden, self._take_golden, _EVERY)
        yield Question("numbers by version", self._ask_versions, self._take_versions, _EVERY)

    async def _ask_golden(self) -> MetricsAnswer:
        return await self._query(chart.METRICS, ())

    async def _ask_versions(self) -> MetricsAnswer:
        return await self._query((Metric.REQUESTS,), ("version",))

    async def _query(self, metrics: tuple[Metric, ...], by: tuple[str, ...]) -> MetricsAnswer:
        since = self.cockpit.now() - _SPAN
        query = MetricsQuery(metrics=metrics, caller=self.caller, callee=self.callee, by=by, since=since)
        return await self.cockpit.control.metrics.query(query)

    def _take_graph(self, graph: Graph) -> None:
        for edge in graph.edges:
            if (edge.caller, edge.callee) == (self.caller, self.callee):
                self.query_one("#about", Line).said = edge_line(edge)

    def _take_golden(self, answer: MetricsAnswer) -> None:
        self._golden = chart.charts(answer)
        self._show()

    def _take_versions(self, answer: MetricsAnswer) -> None:
        self._versions = (chart.version_chart(answer),) if len(answer.series) > 1 else ()
        self._show()

    def _show(self) -> None:
        self.query_one(Charts).charts = (*self._golden, *self._versions)

    def look(self) -> None:
        if shown := (*self._golden, *self._versions):
            marks = chart.marks(self.cockpit.picture.events, self.callee, shown[0].start, shown[0].end)
            self.query_one(Charts).marks = tuple(marks)
        self.query_one("#legend", Line).said = (chart.LEGEND, Tone.OFF)

    @property
    def target(self) -> str | None:
        return self.callee if self.cockpit.picture.service(self.callee) else None

    def action_open(self) -> None:
        if self.target:
            self.post_message(OpenService(self.target))

    def action_traces(self) -> None:
        self.post_message(OpenTraces(self.callee))
