"""Several charts side by side, as many in a row as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from sandbox.tui.chart import Chart, Mark, Piece, arranged
from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style


class Charts(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    DEFAULT_CSS = f"""
    Charts {{
        height: 1fr;
        padding: 0 1;
        {TONE_CSS}
    }}
    """

    charts: reactive[tuple[Chart, ...]] = reactive(())
    marks: reactive[Sequence[Mark]] = reactive(())

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: list[list[Piece]] = []
        self._drawn_for: tuple[object, ...] = ()

    def render_line(self, y: int) -> Strip:
        width, base = self.content_size.width, self.rich_style
        lines = self._lines()
        pieces = lines[y] if y < len(lines) else []
        segments = [Segment(text, base + tone_style(self, tone)) for text, tone in pieces]
        return Strip(segments).adjust_cell_length(width, base)

    def _lines(self) -> list[list[Piece]]:
        wanted = (self.charts, tuple(self.marks), self.content_size)
        if wanted != self._drawn_for:
            self._drawn_for = wanted
            self._drawn = arranged(self.charts, self.marks, *self.content_size)
        return self._drawn
