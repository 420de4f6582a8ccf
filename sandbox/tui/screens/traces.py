"""Single requests: the newest or the slowest, those that failed, those of one service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Sampling, TraceQuery, TraceSummary
from sandbox.errors import UsageError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.messages import OpenTrace
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.traces import HELP, SUMMARIES, query, summary_rows
from sandbox.tui.widgets.filterline import FilterLine
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.line import Line
from sandbox.tui.words import Tone
from sandbox.wording import counted

_EVERY = 2.0
_ASKED = "traces"
_MOST = 200


class TracesScreen(CockpitScreen):
    PLACE = "traces"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through requests"),
        ("enter", "open it: each hop, and what the mesh did with it"),
        ("/", f"find; {HELP}"),
        ("e", "only those that failed, or all"),
        ("o", "the slowest first, or the newest"),
        ("space", "stand still, or go on"),
        ("S", "record every request, or only a sample"),
        ("esc", "all of them again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "nothing", "open"),
        Binding("slash", "filter", "find", priority=True),
        Binding("e", "errors", "failed"),
        Binding("o", "order", "slowest"),
        Binding("space", "stand", "stand still", show=False),
        Binding("S", "sampling", "sampling", show=False),
        Binding("escape", "back", "back", show=False),
    ]
    DEFAULT_CSS = """
    TracesScreen #traces { height: 1fr; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._base = TraceQuery(limit=_MOST)
        self._standing = False
        self._sampling: Sampling | None = None
        self._found: tuple[TraceSummary, ...] = ()

    def body(self) -> ComposeResult:
        yield Grid(SUMMARIES, empty="no request was recorded yet; g sends some", id="traces")
        yield FilterLine("find ", HELP)
        yield Line(id="about")

    def on_mount(self) -> None:
        self.query_one(Grid).focus()

    def questions(self) -> Iterable[Question]:
        yield Question(_ASKED, self._ask, self._take, _EVERY)
        yield Question("sampling", self.cockpit.control.traces.sampling, self._take_sampling, 10.0)

    async def _ask(self) -> tuple[TraceSummary, ...]:
        if self._standing:
            return self._found
        return await self.cockpit.control.traces.search(self._query())

    def _query(self) -> TraceQuery:
        line = self.query_one(FilterLine)
        try:
            found = query(line.typed, [one.name for one in self.cockpit.picture.services], self._base)
        except UsageError as error:
            line.remark(str(error))
            return self._base
        line.remark("")
        return found

    def _take(self, found: tuple[TraceSummary, ...]) -> None:
        self._found = found
        self.query_one(Grid).rows = summary_rows(found)
        self._describe()

    def _take_sampling(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._describe()

    def _describe(self) -> None:
        parts = [counted(len(self._found), "request")]
        parts += ["only failed ones"] if self._base.errors else []
        parts += ["slowest first"] if self._base.slowest else []
        parts += ["standing still: space goes on"] if self._standing else []
        if sampling := self._sampling:
            rate = "every request" if sampling.per_second is None else f"{sampling.per_second:g} a second"
            parts.append(f"recorded: {rate}, {sampling.kept} kept, {sampling.dropped} left out")
        self.query_one("#about", Line).said = (" · ".join(parts), Tone.OFF)

    @property
    def target(self) -> str | None:
        cursor = self.query_one(Grid).cursor
        service = next((one.service for one in self._found if one.id == cursor), None)
        return service if service and self.cockpit.picture.service(service) else None

    # --- keys ---------------------------------------------------------------------------------------------------

    def of_service(self, service: str) -> None:
        """Show only those that went through it."""
        self.query_one(FilterLine).type(service)
        self.asking.again(_ASKED)

    @on(Grid.Opened)
    def _open(self, message: Grid.Opened) -> None:
        self.post_message(OpenTrace(message.row.key))

    def action_nothing(self) -> None:
        """Only named in the footer: the table does it."""

    def action_filter(self) -> None:
        self.query_one(FilterLine).ask()

    def action_back(self) -> None:
        self.query_one(FilterLine).drop()
        self._base = TraceQuery(limit=_MOST)
        self._again()
        self.query_one(Grid).focus()

    def action_errors(self) -> None:
        self._base = TraceQuery(limit=_MOST, errors=not self._base.errors, slowest=self._base.slowest)
        self._again()

    def action_order(self) -> None:
        self._base = TraceQuery(limit=_MOST, errors=self._base.errors, slowest=not self._base.slowest)
        self._again()

    def action_stand(self) -> None:
        self._standing = not self._standing
        self._again(standing=self._standing)

    def _again(self, *, standing: bool = False) -> None:
        self._standing = standing
        self._describe()
        self.asking.again(_ASKED)

    def action_sampling(self) -> None:
        self.give(self._sample())

    async def _sample(self) -> str:
        everything = self._sampling is not None and self._sampling.per_second is None
        traces = self.cockpit.control.traces
        sampling = await (traces.sampling(20.0) if everything else traces.sampling(everything=True))
        self._take_sampling(sampling)
        return "a sample of requests is recorded" if everything else "every request is recorded"

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        self.asking.again(_ASKED)

    @on(FilterLine.Done)
    def _to_list(self) -> None:
        self.query_one(Grid).focus()
