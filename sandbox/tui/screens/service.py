"""Everything about one service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from sandbox.control import Diagnosis, ExecSpec, LogLine, Metric, MetricsAnswer, MetricsQuery, ServiceStatus
from sandbox.tui import chart, eventlist, rules, secrets, words
from sandbox.tui.causes import why_lines
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.condition import detail
from sandbox.tui.logstream import Choice, LogStream
from sandbox.tui.messages import OpenLogs, OpenTraces
from sandbox.tui.questions import Question
from sandbox.tui.reloadlines import ReloadLines
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.table import INSTANCES, instance_rows
from sandbox.tui.widgets.charts import Charts
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.line import Line
from sandbox.tui.widgets.logpane import LogPane
from sandbox.tui.widgets.tabline import TabLine
from sandbox.tui.words import Tone

TABS = ("instances", "charts", "log", "environment", "rules", "events", "why")
SPANS = (60.0, 300.0, 900.0, 3600.0)
"""Seconds that charts go back."""
_EVERY = 3.0
_STEERING_KEYS = "f fault · v weights · x timeout, retry, limit, mirror and the rest"


class ServiceScreen(CockpitScreen):
    PLACE = "service"
    KEYS: ClassVar[Keys] = (
        ("[  ]  tab", "the part before · behind this one: instances, charts, log, environment, rules, events, why"),
        ("f  v  x", "a fault · versions' weights · all ways to steer it"),
        ("r", "restart it"),
        ("s", "stop it, or start it again"),
        ("+  -", "one replica more or less (of the selected version)"),
        ("<  >", "charts of a shorter or longer time"),
        ("L", "its log on a screen of its own"),
        ("c", "copy the log line, or the lines marked with the mouse"),
        ("T", "its traces"),
        ("esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket,tab", "turn(1)", "next part", key_display="]", priority=True),
        Binding("left_square_bracket,shift+tab", "turn(-1)", "part before", show=False, priority=True),
        Binding("r", "restart", "restart"),
        Binding("s", "stop_or_start", "stop/start"),
        Binding("plus,equals_sign", "scale(1)", "scale", key_display="+ -", show=False),
        Binding("minus", "scale(-1)", "scale down", show=False),
        Binding("less_than_sign,comma", "zoom(-1)", "shorter", show=False),
        Binding("greater_than_sign,full_stop", "zoom(1)", "longer", show=False),
        Binding("L", "logs", "log", show=False),
        Binding("c", "copy", "copy", show=False),
        Binding("T", "traces", "traces", show=False),
        Binding("escape", "app.back", "back"),
    ]
    DEFAULT_CSS = """
    ServiceScreen {
        ContentSwitcher { height: 1fr; }
        #charts { height: 1fr; }
        #charts > Line { color: $text-muted; }
        #instances, #environment, #events { height: 1fr; }
        LogPane, LogPane:focus { border-top: none; height: 1fr; }
        Detail { border-top: none; }
    }
    """

    def __init__(self, cockpit: Cockpit, service: str, tab: str = "") -> None:
        super().__init__(cockpit)
        self.service = service
        self._tab = tab if tab in TABS else TABS[0]
        self._span = SPANS[1]
        self._logs = LogStream(cockpit.control, begin=self._begin_log, show=self._show_log)
        self._reloads = ReloadLines(service)
        self._golden: tuple[chart.Chart, ...] = ()
        self._usage: tuple[chart.Chart, ...] = ()
        self._versions: tuple[chart.Chart, ...] = ()

    def body(self) -> ComposeResult:
        yield Line(id="about", classes="-wrapping")
        yield TabLine(TABS)
        with ContentSwitcher(initial=self._tab):
            yield Grid(INSTANCES, empty="no instance", id="instances")
            with Vertical(id="charts"):
                yield Charts()
                yield Line(id="legend")
            yield LogPane(id="log")
            yield Grid(secrets.COLUMNS, empty="not known", id="environment")
            yield Detail(id="rules", classes="-fills")
            yield Grid(eventlist.COLUMNS, empty="nothing happened to it yet", id="events")
            yield Detail(id="why", classes="-fills")

    def on_mount(self) -> None:
        self.query_one(TabLine).current = self._tab
        self.query_one(LogPane).names = True

    async def on_unmount(self) -> None:
        await self._logs.close()

    # --- what is in sight ---------------------------------------------------------------------------------------

    @on(TabLine.Changed)
    def _turned(self, message: TabLine.Changed) -> None:
        self._tab = message.name
        self.query_one(ContentSwitcher).current = message.name
        part = self.query_one(f"#{message.name}")
        self.set_focus(part if part.can_focus else None)
        if message.name == "log":
            self._logs.choose(Choice((self.service,)))
        else:
            self._logs.leave()
        self.asking.begin(self.questions())
        self.look()

    def questions(self) -> Iterable[Question]:
        """Only what the part in sight shows."""
        control = self.cockpit.control
        if self._tab == "charts":
            yield self._metrics("numbers over time", chart.METRICS, self._take_golden)
            yield self._metrics("CPU and memory over time", chart.USAGE, self._take_usage)
            yield self._metrics("numbers by version", (Metric.REQUESTS,), self._take_versions, by=("version",))
        if self._tab == "environment":
            yield Question("environment", lambda: control.exec_spec(self.service, ("env",)), self._take_spec, 30.0)
        if self._tab == "why":
            yield Question("diagnosis", lambda: control.diagnosis.why(self.service), self._take_causes, _EVERY)

    def _metrics(
        self,
        what: str,
        metrics: tuple[Metric, ...],
        take: Callable[[MetricsAnswer], None],
        by: tuple[str, ...] = (),
    ) -> Question:
        async def ask() -> MetricsAnswer:
            since = self.cockpit.now() - self._span
            query = MetricsQuery(metrics=metrics, callee=self.service, by=by, since=since)
            return await self.cockpit.control.metrics.query(query)

        return Question(what, ask, take, _EVERY)

    def look(self) -> None:
        service = self._status
        if service is None:
            known = self.cockpit.picture.status is not None
            self._say("#about", f"there is no service {self.service} any more" if known else "…", Tone.BUSY)
            return
        text, tone = detail(service, None, self.cockpit.picture.conditions.get(service.name))
        self._say("#about", text, tone)
        self._say("#legend", f"last {words.seconds(self._span)} · < > · {chart.LEGEND}", Tone.OFF)
        events = self.cockpit.picture.events
        if self._tab == "instances":
            self.query_one("#instances", Grid).rows = instance_rows(service)
        if self._tab == "events":
            self.query_one("#events", Grid).rows = eventlist.rows(events, service=self.service)
        self._show_charts()
        if self._tab == "log" and (lines := self._reloads.new(events)):
            self.query_one(LogPane).show(lines)
        if self._tab == "rules":
            self._show_rules()

    def _show_rules(self) -> None:
        traffic = self.cockpit.picture.traffic
        if traffic is None:
            return
        document = traffic.policies.get(self.service, {})
        lines = [(line, Tone.PLAIN) for line in rules.as_written(self.service, document).splitlines()]
        if self.service in traffic.drift:
            lines.insert(0, ("▲ not what sandbox.yaml says · 3 shows the history", Tone.BUSY))
        if not self.cockpit.picture.looks_only:
            lines += [("", Tone.PLAIN), (_STEERING_KEYS, Tone.OFF)]
        self.query_one("#rules", Detail).say("", lines)

    def _say(self, line: str, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.query_one(line, Line).said = (text, tone)

    # --- answers ------------------------------------------------------------------------------------------------

    def _take_golden(self, answer: MetricsAnswer) -> None:
        self._golden = chart.charts(answer)
        self._show_charts()

    def _take_usage(self, answer: MetricsAnswer) -> None:
        self._usage = chart.usage_charts(answer)
        self._show_charts()

    def _take_versions(self, answer: MetricsAnswer) -> None:
        self._versions = (chart.version_chart(answer),) if len(answer.series) > 1 else ()
        self._show_charts()

    def _show_charts(self) -> None:
        drawn, shown = self.query_one(Charts), (*self._golden, *self._usage, *self._versions)
        drawn.charts = shown
        if shown:
            drawn.marks = tuple(chart.marks(self.cockpit.picture.events, self.service, shown[0].start, shown[0].end))

    def _take_spec(self, spec: ExecSpec) -> None:
        self.query_one("#environment", Grid).rows = secrets.rows(spec.environment or {})

    def _take_causes(self, diagnosis: Diagnosis) -> None:
        self.query_one("#why", Detail).say("", why_lines(diagnosis, self.cockpit.picture.firing, self.service))

    def _begin_log(self) -> None:
        self._reloads = ReloadLines(self.service)
        self.query_one(LogPane).clear("nothing logged yet")

    def _show_log(self, lines: Sequence[LogLine]) -> None:
        for pane in self.query(LogPane):  # none while the screen is taken down
            pane.show(self._reloads.among(lines, self.cockpit.picture.events))

    # --- keys ---------------------------------------------------------------------------------------------------

    @property
    def target(self) -> str | None:
        return self.service

    @property
    def _status(self) -> ServiceStatus | None:
        return self.cockpit.picture.service(self.service)

    @property
    def _version(self) -> str | None:
        row = self.query_one("#instances", Grid).row
        return row.cells["version"].text if row and self._tab == "instances" else None

    def action_turn(self, by: int) -> None:
        self.query_one(TabLine).turn(by)

    def action_zoom(self, by: int) -> None:
        self._span = SPANS[min(max(SPANS.index(self._span) + by, 0), len(SPANS) - 1)]
        self.asking.again()
        self.look()

    def action_restart(self) -> None:
        if self._status:
            self.give(self.cockpit.orders.restart(self._status))

    def action_stop_or_start(self) -> None:
        if self._status:
            self.give(self.cockpit.orders.stop_or_start(self._status))

    def action_scale(self, by: int) -> None:
        if self._status:
            self.give(self.cockpit.orders.scale(self._status, self._version, by))

    def action_logs(self) -> None:
        self.post_message(OpenLogs((self.service,)))

    def action_copy(self) -> None:
        self.copy_lines()

    def action_traces(self) -> None:
        self.post_message(OpenTraces(self.service))

    @on(LogPane.Left)
    def _leave_log(self) -> None:
        self.app.run_worker(self.app.run_action("app.back"))
