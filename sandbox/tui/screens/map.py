"""Who calls whom, live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Graph
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.mapmodel import Model, declared, edge_line, model, node_lines, worst
from sandbox.tui.messages import OpenEdge, OpenService
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.graph import GraphView
from sandbox.tui.words import Tone

_EVERY = 1.0
_MOST_LINES = 5
_LOW = 36
"""Lines below which the graph needs the room more than its description."""


class MapScreen(CockpitScreen):
    PLACE = "map"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓", "walk along an edge: from a caller to the edge, on to whom it calls"),
        ("← →", "what is beside it"),
        ("enter", "open the service, or the edge"),
        ("n  esc", "only what is near it · everything again"),
        ("!", "go to what looks worst"),
        ("f  v  x", "a fault · versions' weights · all ways to steer what is chosen"),
        ("lines", "┃━ errors  │─ traffic  ┊┄ declared, no traffic now  ║═ not declared"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "nothing", "open"),
        Binding("n", "near", "near it"),
        Binding("exclamation_mark", "worst", "worst", key_display="!"),
        Binding("escape", "everything", "everything", show=False),
    ]
    # Of one height, whatever it says, or the graph would be drawn anew at every step.
    DEFAULT_CSS = """
    MapScreen Detail { height: 6; }
    MapScreen.-low Detail { height: 1; border-top: none; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._graph: Graph | None = None
        self._around: str | None = None
        self._told = False  # whether the control's own graph has come

    def body(self) -> ComposeResult:
        yield GraphView()
        yield Detail()

    def on_mount(self) -> None:
        self.query_one(GraphView).focus()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _LOW, "-low")

    def questions(self) -> Iterable[Question]:
        yield Question("live graph", self.cockpit.control.metrics.graph, self._take, _EVERY)

    def _take(self, graph: Graph) -> None:
        if not graph.nodes:
            return
        first, self._told, self._graph = not self._told, True, graph
        self._show()
        if first:
            self.action_worst()

    def look(self) -> None:
        picture = self.cockpit.picture
        if not self._told and picture.status is not None:
            self._graph = declared(picture.status, picture.telemetry)
        self._show()

    def _show(self) -> None:
        if self._graph is None:
            return
        view = self.query_one(GraphView)
        picture = self.cockpit.picture
        shown = model(self._graph, picture.status, self._around, known_as=picture.conditions)
        if view.model is None or shown != view.model:
            view.model = shown
        if view.focus_on is None and picture.informed:
            view.focus_on = worst(shown, picture.status)

    @on(GraphView.Chosen)
    def _describe(self) -> None:
        view = self.query_one(GraphView)
        self.query_one(Detail).say(self._title, self._lines(view.model) if view.model else [])

    @property
    def _title(self) -> str:
        return f"only near {self._around}: n shows everything" if self._around else ""

    def _lines(self, shown: Model) -> list[tuple[str, Tone]]:
        focus = self.query_one(GraphView).focus_on
        if isinstance(focus, tuple) and focus in shown.edges:
            return [edge_line(shown.edges[focus])]
        return node_lines(shown, focus)[:_MOST_LINES] if isinstance(focus, str) and focus in shown.nodes else []

    @property
    def target(self) -> str | None:
        focus = self.query_one(GraphView).focus_on
        name = focus[1] if isinstance(focus, tuple) else focus
        return name if name and self.cockpit.picture.service(name) else None

    @on(GraphView.Opened)
    def _open(self, message: GraphView.Opened) -> None:
        if isinstance(message.focus, tuple):
            self.post_message(OpenEdge(*message.focus))
        elif self.target:
            self.post_message(OpenService(self.target))

    def action_nothing(self) -> None:
        """Only named in the footer: the graph does it."""

    def action_near(self) -> None:
        focus = self.query_one(GraphView).focus_on
        self._around = None if self._around else focus[1] if isinstance(focus, tuple) else focus
        self._show()
        self._describe()

    def action_everything(self) -> None:
        self._around = None
        self._show()
        self._describe()

    def action_worst(self) -> None:
        view = self.query_one(GraphView)
        if view.model is not None:
            view.focus_on = worst(view.model, self.cockpit.picture.status)
