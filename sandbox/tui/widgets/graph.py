"""The live graph, in which one node or one edge is chosen."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sandbox.tui.mapdraw import Drawing, Glyph, drawing
from sandbox.tui.mapmodel import Focus, Model, step
from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import Tone


class _Looks(NamedTuple):
    tone: Tone | None  # None where nothing is
    chosen: bool


_NOTHING = _Looks(None, False)


class GraphView(ScrollView, can_focus=True):
    """Draws `model`; arrows walk along its edges, the picture follows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "walk('up')", "Up", show=False),
        Binding("down,j", "walk('down')", "Down", show=False),
        Binding("left,h", "walk('left')", "Left", show=False),
        Binding("right,l", "walk('right')", "Right", show=False),
        Binding("enter", "open", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"graph--chosen", *TONE_CLASSES}
    DEFAULT_CSS = f"""
    GraphView {{
        height: 1fr;
        scrollbar-size: 1 1;
        & > .graph--chosen {{ text-style: bold reverse; }}
        {TONE_CSS}
    }}
    """

    model: reactive[Model | None] = reactive(None)
    focus_on: reactive[Focus | None] = reactive(None)

    class Chosen(Message):
        """Something else is chosen, or what is chosen has other numbers."""

    class Opened(Message):
        def __init__(self, focus: Focus) -> None:
            super().__init__()
            self.focus = focus

    def __init__(self) -> None:
        super().__init__()
        self._drawing = Drawing(0, 0, (), {})
        self._styles: dict[_Looks, Style] = {}

    # --- what changes -------------------------------------------------------------------------------------------

    def watch_model(self) -> None:
        self._draw()
        self.post_message(self.Chosen())

    def watch_focus_on(self) -> None:
        self.call_after_refresh(self._show_focus)  # once it is known how large the picture is
        self.refresh()
        self.post_message(self.Chosen())

    def on_resize(self) -> None:
        self._draw()
        self.call_after_refresh(self._show_focus)

    def _draw(self) -> None:
        if self.model is None or not self.size:
            return
        room = self.container_size
        self._drawing = drawing(self.model, max(20, room.width - 1), room.height)
        self.virtual_size = Size(self._drawing.width, self._drawing.height)
        if self.focus_on is not None and self.focus_on not in {*self.model.nodes, *self.model.edges}:
            self.focus_on = None
        self.refresh()

    def _show_focus(self) -> None:
        box = self._drawing.boxes.get(self.focus_on) if self.focus_on is not None else None
        if box is not None:
            self.scroll_to_region(Region(*box).grow((2, 3, 2, 3)), animate=False, force=True)

    # --- what is drawn ------------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        self._styles.clear()  # themes change; within one paint they do not, and working them out takes most of it
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        row = self._drawing.rows[top + y] if top + y < self._drawing.height else ()
        alike = groupby(row[left : left + self.size.width], self._looks)
        segments = [Segment("".join(glyph.text for glyph in run), self._style(looks)) for looks, run in alike]
        return Strip(segments).adjust_cell_length(self.size.width, self._style(_NOTHING))

    def _looks(self, glyph: Glyph) -> _Looks:
        return _NOTHING if glyph.owner is None else _Looks(glyph.tone, glyph.owner == self.focus_on)

    def _style(self, looks: _Looks) -> Style:
        if (known := self._styles.get(looks)) is not None:
            return known
        style = self.rich_style
        if looks.tone is not None:
            style += tone_style(self, looks.tone)
        if looks.chosen:
            style += self._chosen
        self._styles[looks] = style
        return style

    @property
    def _chosen(self) -> Style:
        return self.get_component_rich_style("graph--chosen", partial=True)

    # --- what is done -------------------------------------------------------------------------------------------

    def action_walk(self, direction: str) -> None:
        if self.model is None:
            return
        if self.focus_on is None:
            self.focus_on = next(iter(self.model.nodes), None)
        else:
            self.focus_on = step(self.model, self.focus_on, direction)

    def action_open(self) -> None:
        if self.focus_on is not None:
            self.post_message(self.Opened(self.focus_on))

    def on_click(self, event: events.Click) -> None:
        found = self._drawing.at(event.x + int(self.scroll_offset.x), event.y + int(self.scroll_offset.y))
        if found is not None:
            self.focus_on = found
            if event.chain == 2:
                self.action_open()
